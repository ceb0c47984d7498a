-- One row per visitor whose ties to customers may be others since they were last told. On the first build every visitor is taken.
{%- set reader = ['int_visitors__ties'] -%}
{%- set visits = ref('int_visitors__visits') -%}
{%- set since_build = watermark('builds', reader) %}
{%- if nobody_has_read(reader) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as visitor_id
where false
{%- else %}
with touched as (

    -- logins, orders and links as they are now
    select tenant_id, visitor_id
    from {{ ref('int_customers__records') }}
    where _build_id > {{ since_build }}
    union all
    select visits.tenant_id, visits.visitor_id
    from {{ ref('int_customers__records') }} as records
    inner join {{ visits }} as visits
        on records.tenant_id = visits.tenant_id and records.email_hash = visits.email_hash
    where records._build_id > {{ since_build }}
    union all
    select tenant_id, visitor_id
    from {{ ref('int_visitors__orders') }}
    where _build_id > {{ since_build }}
    union all
    select tenant_id, visitor_id
    from {{ visits }}
    where _build_id > {{ since_build }} and email_hash is not null

    -- and as they were
    {% if has_changes('customers', reader) -%}
    {%- set customers = feed_changes('customers', watermark('customers', reader)) ~ ' as customers' %}
    union all
    select tenant_id, visitor_id from {{ customers }}
    union all
    select visits.tenant_id, visits.visitor_id
    from {{ customers }}
    inner join {{ visits }} as visits
        on customers.tenant_id = visits.tenant_id
        and {{ sha256_hex(normalised_email('customers.email')) }} = visits.email_hash
    {%- endif %}

    {% if has_changes('orders', reader) -%}
    {%- set orders = feed_changes('orders', watermark('orders', reader)) ~ ' as orders' %}
    union all
    select tenant_id, visitor_id from {{ orders }}
    union all
    select visits.tenant_id, visits.visitor_id
    from {{ orders }}
    inner join {{ visits }} as visits
        on orders.tenant_id = visits.tenant_id
        and {{ sha256_hex(normalised_email('orders.email')) }} = visits.email_hash
    {%- endif %}

    {% if has_changes('pos_sales', reader) -%}
    union all
    select visits.tenant_id, visits.visitor_id
    from {{ feed_changes('pos_sales', watermark('pos_sales', reader)) }} as sales
    inner join {{ visits }} as visits
        on sales.tenant_id = visits.tenant_id
        and {{ sha256_hex(normalised_email('sales.email')) }} = visits.email_hash
    {%- endif %}

    {% if has_changes('clicks', reader) -%}
    union all
    select tenant_id, visitor_id
    from {{ feed_changes('clicks', watermark('clicks', reader)) }} as clicks
    where {{ hash_in_address('landing_url') }} is not null
    {%- endif %}

    {% if has_changes('customer_map', reader) -%}
    {%- set versions = feed_changes('customer_map', watermark('customer_map', reader)) ~ ' as versions' %}
    -- an order or sale that is no record any more
    union all
    select orders.tenant_id, orders.visitor_id
    from {{ versions }}
    {{ look_up(ref('stg_orders'), 'orders', {
        'tenant_id': 'versions.tenant_id',
        'source': 'versions.record_source',
        'order_id': 'versions.record_id',
    }) }}
    where versions.record_type = 'order'
    union all
    select visits.tenant_id, visits.visitor_id
    from {{ versions }}
    {{ look_up(ref('stg_orders'), 'orders', {
        'tenant_id': 'versions.tenant_id',
        'source': 'versions.record_source',
        'order_id': 'versions.record_id',
    }) }}
    inner join {{ visits }} as visits
        on orders.tenant_id = visits.tenant_id
        and {{ sha256_hex(normalised_email('orders.email')) }} = visits.email_hash
    where versions.record_type = 'order'
    union all
    select visits.tenant_id, visits.visitor_id
    from {{ versions }}
    {{ look_up(ref('stg_pos_sales'), 'sales', {
        'tenant_id': 'versions.tenant_id',
        'source': 'versions.record_source',
        'sale_id': 'versions.record_id',
    }) }}
    inner join {{ visits }} as visits
        on sales.tenant_id = visits.tenant_id
        and {{ sha256_hex(normalised_email('sales.email')) }} = visits.email_hash
    where versions.record_type = 'sale'
    {%- endif %}

)

select distinct tenant_id, visitor_id from touched
where visitor_id is not null
{%- endif %}
