{{ config(materialized='view') }}
-- One row per tenant, as-of day and customer that was forecast. The months of a forecast stay in the feed.
select
    tenant_id,
    customer_id,
    as_of_date,
    model_version,
    method,
    segment,
    reporting_currency,
    alive_probability,
    orders_12m,
    net_value_12m,
    net_value_12m_low,
    net_value_12m_high,
    forecast_at
from {{ ref('stg_clv_forecasts') }}
