-- The money and orders of a tenant's day are those of the events that fell on it.
with days as (

    select
        days.tenant_id,
        days.activity_date,
        sum(days.orders) as orders,
        sum(days.gross) as gross,
        sum(days.refunds) as refunds,
        sum(days.net_revenue) as net_revenue
    from {{ ref('daily_aggregates') }} as days
    where {{ is_unproven_day('days.tenant_id', 'days.activity_date') }}
    group by days.tenant_id, days.activity_date

),

events as (

    select
        events.tenant_id,
        events.event_date as activity_date,
        sum(case when events.event_type = 'completion' then 1 else 0 end) as orders,
        sum(case when events.event_type = 'completion' then events.reporting_gross_amount else 0 end) as gross,
        sum(case when events.event_type <> 'completion' then -events.reporting_gross_amount else 0 end) as refunds,
        sum(events.reporting_net_amount) as net_revenue
    from {{ ref('int_orders__events') }} as events
    where {{ is_unproven_day('events.tenant_id', 'events.event_date') }}
    group by events.tenant_id, events.event_date

)

select
    coalesce(days.tenant_id, events.tenant_id) as tenant_id,
    coalesce(days.activity_date, events.activity_date) as activity_date,
    days.orders,
    events.orders as events_orders,
    days.gross,
    events.gross as events_gross,
    days.refunds,
    events.refunds as events_refunds,
    days.net_revenue,
    events.net_revenue as events_net_revenue
from days
full outer join events on days.tenant_id = events.tenant_id and days.activity_date = events.activity_date
where
    coalesce(days.orders, 0) <> coalesce(events.orders, 0)
    or coalesce(days.gross, 0) <> coalesce(events.gross, 0)
    or coalesce(days.refunds, 0) <> coalesce(events.refunds, 0)
    or coalesce(days.net_revenue, 0) <> coalesce(events.net_revenue, 0)
