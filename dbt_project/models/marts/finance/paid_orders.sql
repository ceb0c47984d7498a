{{ config(materialized='view') }}
-- One row per tenant, source and completed order: whether it came with a token, a coupon, both or neither, and who is credited. All
-- amounts add up over orders of one currency.
with orders as (

    select * from {{ ref('tracked_orders') }}
    where is_completed

),

credit as (

    select * from {{ ref('int_orders__credit') }}

),

final as (

    select
        orders.tenant_id,
        orders.source,
        orders.order_id,
        orders.completed_date as paid_date,
        orders.completed_at as paid_at,
        orders.payment_method,
        {{ came_with('credit') }} as came_with,
        orders.credit_status,
        orders.matched_by,
        orders.not_credited_reason,
        orders.kol_id,
        orders.campaign_id,
        orders.currency,
        orders.gross_amount,
        orders.refund_amount,
        orders.net_revenue_amount,
        orders.commission_amount,
        orders.reporting_currency,
        orders.reporting_gross_amount,
        orders.reporting_net_revenue_amount,
        orders.reporting_commission_amount
    from orders
    inner join credit
        on orders.tenant_id = credit.tenant_id
        and orders.source = credit.source
        and orders.order_id = credit.order_id

)

select * from final
