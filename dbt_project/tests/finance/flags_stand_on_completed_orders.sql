-- A flag is of an order that counts, says of it what the order says, and holds commission exactly while it credits and is not cleared.
with flags as (

    select * from {{ ref('fraud_flags') }}
    where _build_id > {{ proven_build() }}

)

select
    flags.tenant_id,
    flags.source,
    flags.order_id,
    flags.rule
from flags
left join {{ ref('tracked_orders') }} as orders
    on flags.tenant_id = orders.tenant_id and flags.source = orders.source and flags.order_id = orders.order_id
where
    orders.is_completed is distinct from true
    or flags.kol_id is distinct from orders.kol_id
    or flags.credit_status is distinct from orders.credit_status
    or flags.customer_id is distinct from orders.customer_id
    or flags.currency is distinct from orders.currency
    or flags.amount is distinct from orders.gross_amount
    or flags.flagged_on is distinct from orders.completed_date
    or flags.is_held is distinct from (orders.credit_status = 'credited' and coalesce(flags.verdict, '') <> 'cleared')
    or left(flags.evidence, 1) <> '{'
