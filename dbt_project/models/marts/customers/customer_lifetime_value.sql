{{ config(materialized='view') }}
-- One row per tenant, customer and as-of day: what a customer had brought up to that day and is expected to bring in the 12 months
-- after it. Amounts add up over customers of one tenant and day, never over days. The newest rows are those of the tenant's newest
-- day in its present currency, of customers who are there still: one who was merged into another keeps the rows of former days, and
-- is in no newest one.
with forecasts as (

    select * from {{ ref('customer_forecasts') }}

),

newest as (

    select
        tenant_id,
        max(as_of_date) as as_of_date
    from {{ ref('clv_segments') }}
    group by tenant_id

),

tenants as (

    select * from {{ ref('rfm_quintiles') }}

),

customers as (

    select * from {{ ref('customer_figures') }}

),

final as (

    select
        forecasts.tenant_id,
        forecasts.customer_id,
        forecasts.as_of_date,
        forecasts.model_version,
        forecasts.method,
        forecasts.segment,
        forecasts.orders_to_date,
        -- a tenant that has changed its currency has its past restated in the new one, and its old forecasts not
        case when forecasts.reporting_currency = tenants.reporting_currency then forecasts.net_revenue_to_date end as net_revenue_to_date,
        forecasts.reporting_currency,
        forecasts.alive_probability,
        forecasts.orders_12m,
        forecasts.net_value_12m,
        forecasts.net_value_12m_low,
        forecasts.net_value_12m_high,
        cast(
            case when forecasts.reporting_currency = tenants.reporting_currency then forecasts.net_revenue_to_date end
            + forecasts.net_value_12m as numeric(20, 4)
        ) as lifetime_value,
        coalesce(
            forecasts.as_of_date = newest.as_of_date
            and forecasts.reporting_currency = tenants.reporting_currency
            and customers.customer_id is not null,
            false
        ) as is_newest,
        forecasts.forecast_at,
        forecasts._build_id
    from forecasts
    left join newest on forecasts.tenant_id = newest.tenant_id
    left join tenants on forecasts.tenant_id = tenants.tenant_id
    left join customers on forecasts.tenant_id = customers.tenant_id and forecasts.customer_id = customers.customer_id

)

select * from final
