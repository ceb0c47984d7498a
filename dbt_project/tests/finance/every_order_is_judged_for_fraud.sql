-- Each completed order was looked at as it stands, no other was, and none of more than the limit in USD is without its flag.
with orders as (

    select * from {{ ref('tracked_orders') }}
    where is_completed and _build_id > {{ proven_build() }}

),

judged as (

    select * from {{ ref('int_fraud__orders') }}

),

flags as (

    select * from {{ ref('fraud_flags') }}
    where rule = 'amount'

)

select
    orders.tenant_id,
    orders.source,
    orders.order_id
from orders
left join judged
    on orders.tenant_id = judged.tenant_id and orders.source = judged.source and orders.order_id = judged.order_id
left join flags
    on orders.tenant_id = flags.tenant_id and orders.source = flags.source and orders.order_id = flags.order_id
where
    judged.order_id is null
    or orders.gross_amount is distinct from cast(judged.gross_amount as numeric(20, 4))
    or orders.customer_id is distinct from judged.customer_id
    or orders.kol_id is distinct from judged.kol_id
    or orders.credit_status is distinct from judged.credit_status
    or (orders.token_id is null) <> (judged.token is null)
    or (orders.currency = 'USD' and (orders.gross_amount > {{ fraud_limit('amount_usd') }}) <> (flags.order_id is not null))
union all
select
    judged.tenant_id,
    judged.source,
    judged.order_id
from judged
where
    judged._build_id > {{ proven_build() }}
    and not exists (
        select 1 from {{ ref('tracked_orders') }} as standing
        where
            judged.tenant_id = standing.tenant_id
            and judged.source = standing.source
            and judged.order_id = standing.order_id
            and standing.is_completed
    )
