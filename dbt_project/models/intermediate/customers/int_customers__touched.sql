-- One row per customer whose orders have moved since the readers last saw them; on the first build they take everyone.
{%- set readers = ['int_customers__first_orders', 'int_customers__windows'] -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as customer_id
where false
{%- else %}
select tenant_id, customer_id
from {{ ref('int_orders__events') }}
where _build_id > {{ since_build }} and customer_id is not null
union
select tenant_id, customer_id
from {{ source('ops', 'left_days') }}
where model = 'int_orders__events' and build_id > {{ since_build }} and customer_id is not null
{%- endif %}
