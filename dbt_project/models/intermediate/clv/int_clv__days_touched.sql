-- One row per tenant and as-of day of which a forecast, a segment or a series came, changed or left since clv_segments and
-- clv_series were last built. On the first build every day is taken.
{%- set readers = ['clv_segments', 'clv_series'] -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as date) as as_of_date
where false
{%- else %}
with touched as (

    {% for feed in ['clv_forecasts', 'clv_segments', 'clv_series'] if has_changes(feed, readers) -%}
    select tenant_id, as_of_date
    from {{ feed_changes(feed, watermark(feed, readers)) }} as {{ feed }}
    union
    {% endfor -%}
    -- every day of tenants that were held back when the marts were last built
    select forecasts.tenant_id, forecasts.as_of_date
    from (select distinct tenant_id from {{ source('ops', 'held_tenants') }} where build_id >= {{ since_build }}) as tenants
    inner join {{ ref('int_clv__forecasts') }} as forecasts on tenants.tenant_id = forecasts.tenant_id

)

select distinct touched.tenant_id, touched.as_of_date
from touched
inner join {{ ref('int_tenants__published') }} as tenants on touched.tenant_id = tenants.tenant_id
{%- endif %}
