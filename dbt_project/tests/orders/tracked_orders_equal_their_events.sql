-- The money of an order is the sum of its events; an order that counts was completed once, one that does not has no events.
with tracked as (

    select * from {{ ref('tracked_orders') }}
    where _build_id > {{ proven_build() }}

),

events as (

    select
        events.tenant_id,
        events.source,
        events.order_id,
        sum(case when events.event_type = 'completion' then 1 else 0 end) as completions,
        sum(case when events.event_type = 'completion' then events.gross_amount else 0 end) as gross_amount,
        -sum(case when events.event_type <> 'completion' then events.gross_amount else 0 end) as refund_amount,
        sum(events.net_amount) as net_revenue_amount,
        sum(events.commission_amount) as commission_amount,
        sum(case when events.event_type = 'completion' then events.reporting_gross_amount else 0 end) as reporting_gross_amount,
        -sum(case when events.event_type <> 'completion' then events.reporting_gross_amount else 0 end) as reporting_refund_amount,
        sum(events.reporting_gross_amount) as reporting_revenue_amount,
        sum(events.reporting_net_amount) as reporting_net_revenue_amount,
        sum(events.reporting_commission_amount) as reporting_commission_amount
    from {{ ref('int_orders__events') }} as events
    where
        events.order_type = 'web'
        and exists (
            select 1 from tracked
            where
                events.tenant_id = tracked.tenant_id
                and events.source = tracked.source
                and events.subject_id = tracked.order_id
        )
    group by events.tenant_id, events.source, events.order_id

)

select
    tracked.tenant_id,
    tracked.source,
    tracked.order_id
from tracked
left join events
    on tracked.tenant_id = events.tenant_id and tracked.source = events.source and tracked.order_id = events.order_id
where
    coalesce(events.completions, 0) <> case when tracked.is_completed then 1 else 0 end
    or (tracked.is_completed and tracked.gross_amount is distinct from events.gross_amount)
    {% for measure in [
        'refund_amount', 'net_revenue_amount', 'commission_amount', 'reporting_gross_amount', 'reporting_refund_amount',
        'reporting_revenue_amount', 'reporting_net_revenue_amount', 'reporting_commission_amount',
    ] -%}
    or tracked.{{ measure }} is distinct from coalesce(events.{{ measure }}, 0)
    {% endfor %}
