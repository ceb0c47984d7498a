{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_published_tenants() }}",
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per tenant: the borders between the fifths of its customers who ordered, and the day that recency is counted to. A border
-- is the smallest value up to which at least 20, 40, 60 or 80 % of these customers lie, so it is a value that somebody has.
with customers as (

    select * from {{ ref('customer_figures') }}

),

tenants as (

    select * from {{ ref('int_tenants__published') }}

),

measured as (

    select tenant_id, 'recency' as measure, cast(last_order_date - date '2000-01-01' as numeric(20, 4)) as figure
    from customers
    where orders > 0
    union all
    select tenant_id, 'frequency' as measure, cast(orders as numeric(20, 4)) as figure
    from customers
    where orders > 0
    union all
    select tenant_id, 'monetary' as measure, total_spend as figure
    from customers
    where orders > 0

),

counted as (

    select
        tenant_id,
        measure,
        figure,
        count(*) as customers
    from measured
    group by tenant_id, measure, figure

),

placed as (

    select
        tenant_id,
        measure,
        figure,
        sum(customers) over (partition by tenant_id, measure) as all_customers,
        sum(customers) over (
            partition by tenant_id, measure order by figure rows between unbounded preceding and current row
        ) as customers_up_to
    from counted

),

borders as (

    select
        tenant_id,
        {% for measure in ['recency', 'frequency', 'monetary'] -%}
        {% for share in [20, 40, 60, 80] -%}
        min(case when measure = '{{ measure }}' and customers_up_to * 100 >= all_customers * {{ share }} then figure end) as {{ measure }}_{{ share }}_pct,
        {% endfor -%}
        {% endfor -%}
        max(case when measure = 'frequency' then all_customers end) as customers
    from placed
    group by tenant_id

),

final as (

    select
        tenants.tenant_id,
        tenants.as_of_date,
        tenants.reporting_currency,
        cast(coalesce(borders.customers, 0) as bigint) as customers_with_orders,
        {% for share in [20, 40, 60, 80] -%}
        date '2000-01-01' + cast(borders.recency_{{ share }}_pct as integer) as last_order_date_{{ share }}_pct,
        {% endfor -%}
        {% for share in [20, 40, 60, 80] -%}
        cast(borders.frequency_{{ share }}_pct as bigint) as orders_{{ share }}_pct,
        {% endfor -%}
        {% for share in [20, 40, 60, 80] -%}
        cast(borders.monetary_{{ share }}_pct as numeric(20, 4)) as total_spend_{{ share }}_pct,
        {% endfor -%}
        cast({{ build_id() }} as bigint) as _build_id
    from tenants
    left join borders on tenants.tenant_id = borders.tenant_id

)

select * from final
