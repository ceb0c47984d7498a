-- The lines of a transaction are of one KOL and currency, and sum to zero.
with touched as (

    select distinct tenant_id, transaction_id
    from {{ ref('ledger_lines') }}
    where _build_id > {{ proven_build() }}

)

select lines.tenant_id, lines.transaction_id
from touched
inner join {{ ref('ledger_lines') }} as lines
    on touched.tenant_id = lines.tenant_id and touched.transaction_id = lines.transaction_id
group by lines.tenant_id, lines.transaction_id
having
    sum(lines.amount) <> 0
    or count(distinct lines.currency) <> 1
    or count(distinct lines.kol_id) <> 1
