-- One row per forecast that came, changed or left, or whose customer's orders up to its as-of day have moved, since
-- customer_forecasts was last built. On the first build every forecast is taken.
{%- set readers = ['customer_forecasts'] -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as customer_id,
    cast(null as date) as as_of_date
where false
{%- else %}
with moved as (

    select tenant_id, customer_id, event_date as moved_date
    from {{ ref('int_orders__events') }}
    where _build_id > {{ since_build }} and customer_id is not null
    union all
    select tenant_id, customer_id, left_date as moved_date
    from {{ source('ops', 'left_days') }}
    where model = 'int_orders__events' and build_id > {{ since_build }} and customer_id is not null

),

firsts_moved as (

    select
        tenant_id,
        customer_id,
        min(moved_date) as moved_date
    from moved
    group by tenant_id, customer_id

),

touched as (

    -- what was told before a customer's orders moved knows nothing of them
    select forecasts.tenant_id, forecasts.customer_id, forecasts.as_of_date
    from firsts_moved
    {{ look_up(ref('int_clv__forecasts'), 'forecasts', {
        'tenant_id': 'firsts_moved.tenant_id',
        'customer_id': 'firsts_moved.customer_id',
    }) }}
    where forecasts.as_of_date >= firsts_moved.moved_date

    {% if has_changes('clv_forecasts', readers) -%}
    union all
    select tenant_id, customer_id, as_of_date
    from {{ feed_changes('clv_forecasts', watermark('clv_forecasts', readers)) }} as forecasts
    {%- endif %}

    -- everything of tenants that were held back when the mart was last built
    union all
    select forecasts.tenant_id, forecasts.customer_id, forecasts.as_of_date
    from (select distinct tenant_id from {{ source('ops', 'held_tenants') }} where build_id >= {{ since_build }}) as tenants
    inner join {{ ref('int_clv__forecasts') }} as forecasts on tenants.tenant_id = forecasts.tenant_id

)

select distinct touched.tenant_id, touched.customer_id, touched.as_of_date
from touched
inner join {{ ref('int_tenants__published') }} as tenants on touched.tenant_id = tenants.tenant_id
{%- endif %}
