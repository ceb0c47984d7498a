{{ config(materialized='view') }}
-- One row per tenant, day of payment, currency and what the orders came with. Counts add up over rows, amounts over rows of one
-- currency. It reads what paid_orders reads, and not that view, which each build drops for a moment.
with orders as (

    select * from {{ ref('tracked_orders') }}
    where is_completed

),

credit as (

    select * from {{ ref('int_orders__credit') }}

),

joined as (

    select
        orders.*,
        {{ came_with('credit') }} as came_with
    from orders
    inner join credit
        on orders.tenant_id = credit.tenant_id
        and orders.source = credit.source
        and orders.order_id = credit.order_id

),

final as (

    select
        tenant_id,
        completed_date as paid_date,
        currency,
        came_with,
        count(*) as orders,
        count(case when credit_status = 'credited' then 1 end) as credited_orders,
        cast(sum(gross_amount) as numeric(38, 4)) as gross_amount,
        cast(sum(refund_amount) as numeric(38, 4)) as refund_amount,
        cast(sum(net_revenue_amount) as numeric(38, 4)) as net_revenue_amount,
        cast(sum(commission_amount) as numeric(38, 4)) as commission_amount
    from joined
    group by tenant_id, completed_date, currency, came_with

)

select * from final
