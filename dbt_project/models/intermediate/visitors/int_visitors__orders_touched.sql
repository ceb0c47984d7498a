-- One row per web order that may tell another visitor or customer since it was last read, or a customer whom the map has moved. On
-- the first build every order is taken.
{%- set reader = ['int_visitors__orders'] -%}
{%- if nobody_has_read(reader) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as source,
    cast(null as text) as order_id
where false
{%- else %}
with touched as (

    select tenant_id, source, order_id
    from {{ feed_changes('orders', watermark('orders', reader)) }} as orders

    {% if has_changes('customer_map', reader) -%}
    {%- set versions = feed_changes('customer_map', watermark('customer_map', reader)) ~ ' as versions' %}
    union all
    select tenant_id, record_source as source, record_id as order_id from {{ versions }}
    where record_type = 'order'
    union all
    select orders.tenant_id, orders.source, orders.order_id
    from {{ versions }}
    inner join {{ ref_later('int_visitors__orders') }} as orders
        on versions.tenant_id = orders.tenant_id
        and versions.record_source = orders.source
        and versions.record_id = orders.source_customer_id
    where versions.record_type = 'customer'
    {%- endif %}

)

select distinct tenant_id, source, order_id from touched
{%- endif %}
