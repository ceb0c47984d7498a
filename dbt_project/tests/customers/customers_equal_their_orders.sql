-- What a customer ordered and spent is the sum of its orders in tracked_orders and of its store sales' events, and everyone who
-- ordered is a customer.
with customers as (

    select * from {{ ref('customer_360') }}
    where _build_id > {{ proven_build() }}

),

online as (

    select
        tracked.tenant_id,
        tracked.customer_id,
        count(*) as orders,
        sum(tracked.reporting_revenue_amount) as spend,
        sum(tracked.reporting_refund_amount) as returned,
        sum(tracked.reporting_net_revenue_amount) as net_revenue,
        min(tracked.completed_at) as first_order_at,
        max(tracked.completed_at) as last_order_at
    from {{ ref('tracked_orders') }} as tracked
    inner join customers on tracked.tenant_id = customers.tenant_id and tracked.customer_id = customers.customer_id
    where tracked.is_completed
    group by tracked.tenant_id, tracked.customer_id

),

store as (

    select
        events.tenant_id,
        events.customer_id,
        sum(case when events.event_type = 'completion' then 1 else 0 end) as orders,
        sum(events.reporting_gross_amount) as spend,
        -sum(case when events.event_type <> 'completion' then events.reporting_gross_amount else 0 end) as returned,
        sum(events.reporting_net_amount) as net_revenue,
        min(case when events.event_type = 'completion' then events.event_at end) as first_order_at,
        max(case when events.event_type = 'completion' then events.event_at end) as last_order_at
    from {{ ref('int_orders__events') }} as events
    inner join customers on events.tenant_id = customers.tenant_id and events.customer_id = customers.customer_id
    where events.order_type = 'store'
    group by events.tenant_id, events.customer_id

)

select customers.tenant_id, customers.customer_id, 'is not the sum of the orders' as defect
from customers
left join online on customers.tenant_id = online.tenant_id and customers.customer_id = online.customer_id
left join store on customers.tenant_id = store.tenant_id and customers.customer_id = store.customer_id
where
    customers.online_orders <> coalesce(online.orders, 0)
    or customers.store_orders <> coalesce(store.orders, 0)
    or customers.online_spend <> coalesce(online.spend, 0)
    or customers.store_spend <> coalesce(store.spend, 0)
    or customers.orders <> customers.online_orders + customers.store_orders
    or customers.total_spend <> customers.online_spend + customers.store_spend
    or customers.returned_amount <> coalesce(online.returned, 0) + coalesce(store.returned, 0)
    or customers.net_revenue <> coalesce(online.net_revenue, 0) + coalesce(store.net_revenue, 0)
    or customers.first_order_at is distinct from least(online.first_order_at, store.first_order_at)
    or customers.last_order_at is distinct from greatest(online.last_order_at, store.last_order_at)
union all
select events.tenant_id, events.customer_id, 'ordered and is no customer' as defect
from {{ ref('int_orders__events') }} as events
where
    events._build_id > {{ proven_build() }}
    and events.event_type = 'completion'
    and events.customer_id is not null
    and not exists (
        select 1 from {{ ref('customer_360') }} as known
        where events.tenant_id = known.tenant_id and events.customer_id = known.customer_id
    )
