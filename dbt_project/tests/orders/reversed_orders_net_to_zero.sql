-- An order that was refunded to the last unit, or cancelled, is zero in every measure and both currencies.
with events as (

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

),

orders as (

    select
        events.*,
        states.gross_amount as order_amount,
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
    from events
    {{ look_up(ref('int_orders__states'), 'states', {
        'tenant_id': 'events.tenant_id',
        'order_type': 'events.order_type',
        'source': 'events.source',
        'order_id': 'events.order_id',
    }) }}
    where states.exclusion_reason is null

)

select *
from orders
where
    (
        refunded_amount = order_amount
        or (cancelled_at is not null and refunded_amount <= order_amount)
    )
    and (
        gross_amount <> 0
        or vat_amount <> 0
        or net_amount <> 0
        or commission_amount <> 0
        or reporting_gross_amount <> 0
        or reporting_vat_amount <> 0
        or reporting_net_amount <> 0
        or reporting_commission_amount <> 0
    )
