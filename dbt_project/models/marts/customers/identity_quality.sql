{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_published_tenants() }}",
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per tenant: how well its records, orders and visitors are told to be whose, and what the newest run of the matcher said.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

runs as (

    select * from {{ ref('int_identity__newest_runs') }}

),

customers as (

    select
        tenant_id,
        sum(records) as records,
        sum(customer_records) as customer_records,
        sum(order_records) as order_records,
        sum(sale_records) as sale_records,
        sum(case when records > 0 then 1 else 0 end) as customers,
        sum(case when records = 0 then 1 else 0 end) as customers_without_record,
        sum(case when records > 0 and (email_masked is not null or phone_masked is not null) then 1 else 0 end) as customers_with_contact,
        sum(case when records > 0 and full_name_masked is not null then 1 else 0 end) as customers_with_name,
        {% for least, most, name in [(1, 1, '1_record'), (2, 2, '2_records'), (3, 3, '3_records'), (4, 4, '4_records'), (5, 9, '5_to_9_records')] -%}
        sum(case when records between {{ least }} and {{ most }} then 1 else 0 end) as customers_of_{{ name }},
        {% endfor -%}
        sum(case when records >= 10 then 1 else 0 end) as customers_of_10_or_more_records,
        max(records) as largest_customer_records,
        sum(orders) as orders_of_customers,
        sum(visitors) as resolved_visitors,
        sum(clicks) as clicks_of_customers
    from {{ ref('customer_figures') }}
    group by tenant_id

),

activity as (

    select
        tenant_id,
        sum(orders) as orders,
        sum(clicks + refused_clicks) as clicks
    from {{ ref('daily_aggregates') }}
    group by tenant_id

),

shared as (

    select
        tenant_id,
        count(*) as shared_visitors
    from {{ ref('int_visitors__resolved') }}
    where is_shared
    group by tenant_id

),

joined as (

    select
        tenants.tenant_id,
        tenants.as_of_date,
        {% for name in [
            'records', 'customer_records', 'order_records', 'sale_records', 'customers', 'customers_without_record',
            'customers_of_1_record', 'customers_of_2_records', 'customers_of_3_records', 'customers_of_4_records',
            'customers_of_5_to_9_records', 'customers_of_10_or_more_records', 'largest_customer_records', 'orders_of_customers',
            'resolved_visitors', 'clicks_of_customers',
        ] -%}
        cast(coalesce(customers.{{ name }}, 0) as bigint) as {{ name }},
        {% endfor -%}
        cast(coalesce(activity.orders, 0) as bigint) as orders,
        cast(coalesce(activity.clicks, 0) as bigint) as clicks,
        cast(coalesce(shared.shared_visitors, 0) as bigint) as shared_visitors,
        cast({{ ratio('customers.customers_with_contact', 'customers.customers', 100) }} as numeric(20, 4)) as contact_pct,
        cast({{ ratio('customers.customers_with_name', 'customers.customers', 100) }} as numeric(20, 4)) as name_pct,
        cast({{ ratio('runs.open_reviews', 'customers.customers', 100) }} as numeric(20, 4)) as duplicate_pct,
        cast({{ ratio('coalesce(customers.orders_of_customers, 0)', 'activity.orders', 100) }} as numeric(20, 4)) as orders_with_customer_pct,
        cast({{ ratio('coalesce(customers.clicks_of_customers, 0)', 'activity.clicks', 100) }} as numeric(20, 4)) as clicks_with_customer_pct,
        runs.run_id,
        runs.mode as run_mode,
        runs.ran_at as run_at,
        runs.model_version,
        cast(runs.open_reviews as bigint) as open_reviews,
        cast(runs.labels as bigint) as labels,
        cast(runs.label_precision * 100 as numeric(20, 4)) as label_precision_pct,
        cast(runs.label_recall * 100 as numeric(20, 4)) as label_recall_pct,
        cast(runs.label_accuracy * 100 as numeric(20, 4)) as label_accuracy_pct
    from tenants
    left join customers on tenants.tenant_id = customers.tenant_id
    left join activity on tenants.tenant_id = activity.tenant_id
    left join shared on tenants.tenant_id = shared.tenant_id
    left join runs on tenants.tenant_id = runs.tenant_id

),

final as (

    select
        joined.*,
        duplicate_pct >= {{ var('identity_max_duplicate_pct') }} as is_duplicate_alert,
        contact_pct <= {{ var('identity_min_contact_pct') }} as is_completeness_alert,
        label_accuracy_pct < {{ var('identity_min_accuracy_pct') }} as is_accuracy_alert,
        cast({{ build_id() }} as bigint) as _build_id
    from joined

)

select * from final
