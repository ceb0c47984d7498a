-- One row per record that may have changed, or come to another customer, since it was last described. On the first build every
-- record is taken.
{%- set reader = ['int_customers__records'] -%}
{%- if nobody_has_read(reader) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as record_source,
    cast(null as text) as record_type,
    cast(null as text) as record_id
where false
{%- else %}
with touched as (

    select tenant_id, source as record_source, 'customer' as record_type, source_customer_id as record_id
    from {{ feed_changes('customers', watermark('customers', reader)) }} as customers

    {% if has_changes('customer_map', reader) -%}
    union all
    select tenant_id, record_source, record_type, record_id
    from {{ feed_changes('customer_map', watermark('customer_map', reader)) }} as mapped
    {%- endif %}

    -- most orders and sales are no records; the map tells
    {% if has_changes('orders', reader) -%}
    union all
    select tenant_id, source as record_source, 'order' as record_type, order_id as record_id
    from {{ feed_changes('orders', watermark('orders', reader)) }} as orders
    {%- endif %}

    {% if has_changes('pos_sales', reader) -%}
    union all
    select tenant_id, source as record_source, 'sale' as record_type, sale_id as record_id
    from {{ feed_changes('pos_sales', watermark('pos_sales', reader)) }} as sales
    {%- endif %}

)

select distinct tenant_id, record_source, record_type, record_id from touched
{%- endif %}
