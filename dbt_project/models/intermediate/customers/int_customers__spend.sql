{{ config(materialized='view') }}
-- One row per customer with a completed order: how many, and what is left of the money. Amounts add up over customers of a tenant.
with events as (

    select
        events.*,
        events.event_type = 'completion' as is_completion,
        events.event_date > tenants.as_of_date - {{ var('loyalty_days') }} and events.event_date <= tenants.as_of_date as is_in_year
    from {{ ref('int_orders__events') }} as events
    inner join {{ ref('int_tenants__published') }} as tenants on events.tenant_id = tenants.tenant_id
    where events.customer_id is not null

)

select
    tenant_id,
    customer_id,
    min(case when is_completion then event_at end) as first_order_at,
    max(case when is_completion then event_at end) as last_order_at,
    max(case when is_completion then event_date end) as last_order_date,
    sum(case when is_completion and order_type = 'web' then 1 else 0 end) as online_orders,
    sum(case when is_completion and order_type = 'store' then 1 else 0 end) as store_orders,
    sum(case when order_type = 'web' then reporting_gross_amount else 0 end) as online_spend,
    sum(case when order_type = 'store' then reporting_gross_amount else 0 end) as store_spend,
    sum(reporting_net_amount) as net_revenue,
    sum(case when not is_completion and gross_amount <> 0 then 1 else 0 end) as returns,
    -sum(case when not is_completion then reporting_gross_amount else 0 end) as returned_amount,
    sum(case when is_in_year then reporting_gross_amount else 0 end) as year_spend
from events
group by tenant_id, customer_id
