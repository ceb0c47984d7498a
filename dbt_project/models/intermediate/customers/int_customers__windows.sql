{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'customer_id']}],
        pre_hook="{{ delete_touched(ref('int_customers__touched'), {'tenant_id': 'tenant_id', 'customer_id': 'customer_id'}) }}",
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per customer whom a KOL brought and window with an event of theirs; windows are counted from the first order's day.
with first_orders as (

    select first_orders.*
    from {{ ref('int_customers__first_orders') }} as first_orders
    {% if is_incremental() -%}
    inner join {{ ref('int_customers__touched') }} as touched
        on first_orders.tenant_id = touched.tenant_id and first_orders.customer_id = touched.customer_id
    {%- endif %}
    where first_orders.kol_id is not null

),

events as (

    select * from {{ ref('int_orders__events') }}

),

windows as (

    select
        first_orders.tenant_id,
        first_orders.customer_id,
        first_orders.kol_id,
        first_orders.first_order_date,
        tenants.churn_window_days,
        cast(floor((events.event_date - first_orders.first_order_date) / cast(tenants.churn_window_days as numeric)) as integer) as window_number,
        sum(case when events.event_type = 'completion' then 1 else 0 end) as orders,
        sum(events.reporting_net_amount) as reporting_net_revenue_amount,
        max(
            case
                when
                    events.event_type = 'completion'
                    and events.event_at > first_orders.first_order_at
                    and events.event_date <= first_orders.first_order_date + 30
                    then 1
                else 0
            end
        ) as has_order_within_30_days
    from first_orders
    inner join {{ ref('int_tenants__settings') }} as tenants on first_orders.tenant_id = tenants.tenant_id
    inner join events
        on first_orders.tenant_id = events.tenant_id
        and first_orders.customer_id = events.customer_id
    group by
        first_orders.tenant_id,
        first_orders.customer_id,
        first_orders.kol_id,
        first_orders.first_order_date,
        tenants.churn_window_days,
        floor((events.event_date - first_orders.first_order_date) / cast(tenants.churn_window_days as numeric))

)

select
    tenant_id,
    customer_id,
    kol_id,
    first_order_date,
    churn_window_days,
    window_number,
    orders,
    reporting_net_revenue_amount,
    max(has_order_within_30_days) over (partition by tenant_id, customer_id) as has_order_within_30_days,
    case
        when orders > 0 then min(case when orders > 0 then window_number end) over (
            partition by tenant_id, customer_id order by window_number rows between 1 following and unbounded following
        )
    end as next_window_with_order,
    cast({{ build_id() }} as bigint) as _build_id
from windows
