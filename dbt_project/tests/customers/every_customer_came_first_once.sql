-- A customer with a completed order has one first order, none of the customer's completions is earlier, and it is one of them.
with completions as (

    select
        tenant_id,
        customer_id,
        min(event_at) as event_at
    from {{ ref('int_orders__events') }}
    where event_type = 'completion' and customer_id is not null and _build_id > {{ proven_build() }}
    group by tenant_id, customer_id

)

select completions.tenant_id, completions.customer_id, 'has no first order as early as the first completion' as defect
from completions
where not exists (
    select 1 from {{ ref('int_customers__first_orders') }} as first_orders
    where
        completions.tenant_id = first_orders.tenant_id
        and completions.customer_id = first_orders.customer_id
        and completions.event_at >= first_orders.first_order_at
)
union all
select first_orders.tenant_id, first_orders.customer_id, 'has a first order that was never completed' as defect
from {{ ref('int_customers__first_orders') }} as first_orders
where
    first_orders._build_id > {{ proven_build() }}
    and not exists (
        select 1 from {{ ref('int_orders__events') }} as events
        where
            first_orders.tenant_id = events.tenant_id
            and first_orders.source = events.source
            and first_orders.order_id = events.subject_id
            and first_orders.customer_id = events.customer_id
            and first_orders.first_order_at = events.event_at
            and events.event_type = 'completion'
    )
