-- One row per record of a person whose customer is another than when the readers last looked. A record that the map does not
-- name is a customer by itself, under its own name; an order or sale has none then.
{%- set readers = ['int_orders__events', 'tracked_orders'] -%}
{%- if nobody_has_read(readers) or not has_changes('customer_map', readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as source,
    cast(null as text) as record_type,
    cast(null as text) as record_id
where false
{%- else %}
{%- set position = watermark('customer_map', readers) %}
with images as (

    select
        tenant_id,
        record_source as source,
        record_type,
        record_id,
        case when record_type = 'customer' then record_source || ':' || record_id else '' end as own_customer_id,
        case when not _deleted then customer_id end as mapped_customer_id,
        _load_id
    from {{ feed_changes('customer_map', position) }} as images

)

select
    tenant_id,
    source,
    record_type,
    record_id
from images
group by tenant_id, source, record_type, record_id
having
    min(coalesce(mapped_customer_id, own_customer_id)) <> max(coalesce(mapped_customer_id, own_customer_id))
    -- it was not named before
    or (min(_load_id) > {{ position }} and max(coalesce(mapped_customer_id, own_customer_id)) <> max(own_customer_id))
{%- endif %}
