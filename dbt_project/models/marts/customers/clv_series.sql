{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['_build_id']}],
        pre_hook="{{ delete_touched(ref('int_clv__days_touched'), {'tenant_id': 'tenant_id', 'as_of_date': 'as_of_date'}) }}",
        post_hook=["{{ advance(['clv_forecasts', 'clv_segments', 'clv_series']) }}"],
    )
}}
-- One row per tenant, as-of day, series and month after it, as landed: what the tenant, an acquisition cohort or a segment is expected
-- to bring. Over the cohorts of a day, or over its segments, counts and amounts add up to the tenant's; interval ends do not. A day
-- whose customers' forecasts have not come yet has no currency and waits for them.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

series as (

    select series.*
    {% if is_incremental() -%}
    from {{ ref('int_clv__days_touched') }} as touched
    {{ look_up(ref('int_clv__series'), 'series', {
        'tenant_id': 'touched.tenant_id',
        'as_of_date': 'touched.as_of_date',
    }) }}
    {%- else -%}
    from {{ ref('int_clv__series') }} as series
    {%- endif %}
    inner join tenants on series.tenant_id = tenants.tenant_id

),

days as (

    -- all forecasts of a tenant and day are in one currency
    select
        tenant_id,
        as_of_date,
        min(reporting_currency) as reporting_currency
    from {{ ref('clv_segments') }}
    group by tenant_id, as_of_date

),

final as (

    select
        series.tenant_id,
        series.as_of_date,
        series.series_type,
        series.series_key,
        cast(series.month_no as integer) as month_no,
        series.starts_on,
        series.ends_on,
        days.reporting_currency,
        series.model_version,
        cast(series.customers as bigint) as customers,
        cast(series.orders as numeric(18, 6)) as orders,
        cast(series.net_value as numeric(20, 4)) as net_value,
        cast(series.net_value_low as numeric(20, 4)) as net_value_low,
        cast(series.net_value_high as numeric(20, 4)) as net_value_high,
        series.forecast_at,
        cast({{ build_id() }} as bigint) as _build_id
    from series
    inner join days
        on series.tenant_id = days.tenant_id
        and series.as_of_date = days.as_of_date

)

select * from final
