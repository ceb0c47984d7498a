-- One row per customer whose orders have moved since the readers last saw them, and why; on the first build they take everyone.
{%- set readers = ['int_customers__first_orders', 'int_customers__windows', 'kol_day_changes'] -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as customer_id,
    cast(null as text) as cause
where false
{%- else %}
with touched as (

    select tenant_id, customer_id, coalesce(_cause, 'rebuild') as cause
    from {{ ref('int_orders__events') }}
    where _build_id > {{ since_build }} and customer_id is not null
    union
    select tenant_id, customer_id, cause
    from {{ source('ops', 'left_days') }}
    where model = 'int_orders__events' and build_id > {{ since_build }} and customer_id is not null

)

select
    tenant_id,
    customer_id,
    {{ all_causes('cause') }} as cause
from touched
group by tenant_id, customer_id
{%- endif %}
