-- One row per tenant: its settings and the last day that its landed intervals cover.
with tenants as (

    select * from {{ ref('stg_tenants') }}

),

horizons as (

    select * from {{ source('ops', 'tenant_horizons') }}

)

select
    tenants.tenant_id,
    tenants.name,
    tenants.country_code,
    tenants.time_zone,
    tenants.reporting_currency,
    tenants.vat_rate,
    tenants.gross_margin,
    tenants.attribution_window_hours,
    tenants.churn_window_days,
    currencies.minor_units as reporting_minor_units,
    {% if var('as_of') %}
    cast('{{ var("as_of") }}' as date) as as_of_date
    {% else %}
    {{ local_date("horizons.horizon_at - interval '1 second'", 'tenants.time_zone') }} as as_of_date
    {% endif %}
from tenants
inner join horizons on tenants.tenant_id = horizons.tenant_id
inner join {{ ref('currencies') }} as currencies on tenants.reporting_currency = currencies.currency
