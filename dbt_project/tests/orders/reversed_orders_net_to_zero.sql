-- An order that was refunded to the last unit, or cancelled, is zero in every measure and both currencies.
with orders as (

    select
        states.tenant_id,
        states.order_type,
        states.source,
        states.order_id,
        states.gross_amount,
        states.cancelled_at,
        (
            select coalesce(sum(refunds.amount), 0) from {{ ref('int_refunds__unioned') }} as refunds
            where
                refunds.tenant_id = states.tenant_id
                and refunds.order_type = states.order_type
                and refunds.source = states.source
                and refunds.order_id = states.order_id
                and refunds.currency = states.currency
        ) as refunded_amount
    from {{ ref('int_orders__states') }} as states
    where states.exclusion_reason is null

),

events as (

    select
        events.tenant_id,
        events.order_type,
        events.source,
        events.order_id,
        sum(events.gross_amount) as gross_amount,
        sum(events.vat_amount) as vat_amount,
        sum(events.net_amount) as net_amount,
        sum(events.commission_amount) as commission_amount,
        sum(events.reporting_gross_amount) as reporting_gross_amount,
        sum(events.reporting_vat_amount) as reporting_vat_amount,
        sum(events.reporting_net_amount) as reporting_net_amount,
        sum(events.reporting_commission_amount) as reporting_commission_amount
    from {{ ref('int_orders__events') }} as events
    where events.order_id is not null and events._build_id > {{ proven_build() }}
    group by events.tenant_id, events.order_type, events.source, events.order_id
    having count(*) > 1

)

select events.*
from events
inner join orders
    on events.tenant_id = orders.tenant_id
    and events.order_type = orders.order_type
    and events.source = orders.source
    and events.order_id = orders.order_id
where
    (
        orders.refunded_amount = orders.gross_amount
        or (orders.cancelled_at is not null and orders.refunded_amount <= orders.gross_amount)
    )
    and (
        events.gross_amount <> 0
        or events.vat_amount <> 0
        or events.net_amount <> 0
        or events.commission_amount <> 0
        or events.reporting_gross_amount <> 0
        or events.reporting_vat_amount <> 0
        or events.reporting_net_amount <> 0
        or events.reporting_commission_amount <> 0
    )
