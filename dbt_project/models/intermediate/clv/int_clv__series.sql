{{ config(materialized='view') }}
-- One row per tenant, as-of day, series and month that was landed: what the tenant, a cohort or a segment is expected to bring.
select
    tenant_id,
    as_of_date,
    series_type,
    series_key,
    month_no,
    starts_on,
    ends_on,
    model_version,
    customers,
    orders,
    net_value,
    net_value_low,
    net_value_high,
    forecast_at
from {{ ref('stg_clv_series') }}
