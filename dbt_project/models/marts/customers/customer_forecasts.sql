{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'customer_id', 'as_of_date'], 'unique': true},
            {'columns': ['tenant_id', 'as_of_date']},
            {'columns': ['_build_id']},
        ],
        pre_hook="{{ delete_touched(ref('int_clv__touched'), {'tenant_id': 'tenant_id', 'customer_id': 'customer_id', 'as_of_date': 'as_of_date'}) }}",
        post_hook=["{{ advance(['clv_forecasts']) }}"],
    )
}}
-- One row per tenant, customer and as-of day: the forecast as it was landed, beside what the customer had brought up to that day.
-- Amounts add up over customers of one tenant and day; interval ends and probabilities do not.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

forecasts as (

    select
        forecasts.tenant_id,
        forecasts.customer_id,
        forecasts.as_of_date,
        forecasts.model_version,
        forecasts.method,
        forecasts.segment,
        forecasts.reporting_currency,
        forecasts.alive_probability,
        forecasts.orders_12m,
        forecasts.net_value_12m,
        forecasts.net_value_12m_low,
        forecasts.net_value_12m_high,
        forecasts.forecast_at
    {% if is_incremental() -%}
    from {{ ref('int_clv__touched') }} as touched
    {{ look_up(ref('int_clv__forecasts'), 'forecasts', {
        'tenant_id': 'touched.tenant_id',
        'customer_id': 'touched.customer_id',
        'as_of_date': 'touched.as_of_date',
    }) }}
    {%- else -%}
    from {{ ref('int_clv__forecasts') }} as forecasts
    {%- endif %}
    inner join tenants on forecasts.tenant_id = tenants.tenant_id

),

histories as (

    select
        forecasts.tenant_id,
        forecasts.customer_id,
        forecasts.as_of_date,
        sum(case when events.event_type = 'completion' then 1 else 0 end) as orders,
        sum(events.reporting_net_amount) as net_revenue
    from forecasts
    {{ look_up(ref('int_orders__events'), 'events', {
        'tenant_id': 'forecasts.tenant_id',
        'customer_id': 'forecasts.customer_id',
    }) }}
    where events.event_date <= forecasts.as_of_date
    group by forecasts.tenant_id, forecasts.customer_id, forecasts.as_of_date

),

final as (

    select
        forecasts.tenant_id,
        forecasts.customer_id,
        forecasts.as_of_date,
        forecasts.model_version,
        forecasts.method,
        forecasts.segment,
        cast(coalesce(histories.orders, 0) as bigint) as orders_to_date,
        cast(coalesce(histories.net_revenue, 0) as numeric(20, 4)) as net_revenue_to_date,
        forecasts.reporting_currency,
        cast(forecasts.alive_probability as numeric(7, 6)) as alive_probability,
        cast(forecasts.orders_12m as numeric(14, 6)) as orders_12m,
        cast(forecasts.net_value_12m as numeric(20, 4)) as net_value_12m,
        cast(forecasts.net_value_12m_low as numeric(20, 4)) as net_value_12m_low,
        cast(forecasts.net_value_12m_high as numeric(20, 4)) as net_value_12m_high,
        forecasts.forecast_at,
        cast({{ build_id() }} as bigint) as _build_id
    from forecasts
    left join histories
        on forecasts.tenant_id = histories.tenant_id
        and forecasts.customer_id = histories.customer_id
        and forecasts.as_of_date = histories.as_of_date

)

select * from final
