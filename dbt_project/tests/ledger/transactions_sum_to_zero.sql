-- The lines of a transaction are of one KOL and currency, and sum to zero; they come together.
select tenant_id, transaction_id
from {{ ref('ledger_lines') }}
where _build_id > {{ proven_build() }}
group by tenant_id, transaction_id
having
    sum(amount) <> 0
    or count(distinct currency) <> 1
    or count(distinct kol_id) <> 1
