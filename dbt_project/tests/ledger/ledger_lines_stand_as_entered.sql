-- What the book of the ledger has of published tenants, the mart has, line by line, and nothing else.
with entered as (

    select lines.*
    from {{ ref('stg_ledger_entries') }} as lines
    inner join {{ ref('int_tenants__published') }} as tenants on lines.tenant_id = tenants.tenant_id
    where lines._load_id > {{ proven_load('ledger_entries') }}

),

shown as (

    select * from {{ ref('ledger_lines') }}
    where _build_id > {{ proven_build() }}

)

select entered.tenant_id, entered.entry_id
from entered
left join {{ ref('ledger_lines') }} as lines on entered.tenant_id = lines.tenant_id and entered.entry_id = lines.entry_id
where
    lines.entry_id is null
    or entered.transaction_id is distinct from lines.transaction_id
    or entered.line_no is distinct from lines.line_no
    or entered.entry_type is distinct from lines.entry_type
    or entered.account is distinct from lines.account
    or entered.kol_id is distinct from lines.kol_id
    or entered.currency is distinct from lines.currency
    or entered.amount is distinct from lines.amount
    or entered.order_source is distinct from lines.order_source
    or entered.order_id is distinct from lines.order_id
    or entered.event_type is distinct from lines.event_type
    or entered.event_id is distinct from lines.event_id
    or entered.contract_id is distinct from lines.contract_id
    or entered.commission_rate is distinct from lines.commission_rate
    or entered.rule_version is distinct from lines.rule_version
    or entered.event_date is distinct from lines.event_date
    or entered.posting_date is distinct from lines.posting_date
    or entered.entered_at is distinct from lines.entered_at
    or entered.entered_by is distinct from lines.entered_by
    or entered.reason is distinct from lines.reason

union all

select shown.tenant_id, shown.entry_id
from shown
-- the book is indexed by these
left join {{ ref('stg_ledger_entries') }} as entered
    on shown.tenant_id = entered.tenant_id
    and shown.kol_id = entered.kol_id
    and shown.posting_date = entered.posting_date
    and shown.entry_id = entered.entry_id
where entered.entry_id is null
