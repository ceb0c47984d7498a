-- One row per customer of whom the marts may have something else to say since they were last built: one rule per input, the
-- customer whom a thing left as well as the one to whom it came. On the first build everyone is taken.
{%- set readers = ['customer_figures', 'customer_contacts'] -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as customer_id
where false
{%- else %}
with touched as (

    -- orders
    select tenant_id, customer_id
    from {{ ref('int_orders__events') }}
    where _build_id > {{ since_build }}
    union all
    select tenant_id, customer_id
    from {{ source('ops', 'left_days') }}
    where model = 'int_orders__events' and build_id > {{ since_build }}

    -- records as they are now
    union all
    select tenant_id, customer_id
    from {{ ref('int_customers__records') }}
    where _build_id > {{ since_build }}

    -- visitors who came to a customer or are shared now, and new clicks of those who are a customer's
    union all
    select tenant_id, customer_id
    from {{ ref('int_visitors__ties') }}
    where _build_id > {{ since_build }}
    union all
    select tied.tenant_id, tied.customer_id
    from {{ ref('int_visitors__visits') }} as visits
    inner join {{ ref('int_visitors__ties') }} as tied
        on visits.tenant_id = tied.tenant_id and visits.visitor_id = tied.visitor_id
    where visits._build_id > {{ since_build }}

    {% if has_changes('customer_map', readers) -%}
    -- whom a record was before and is now; one that leaves the map is a customer by itself
    union all
    select tenant_id, customer_id
    from {{ feed_changes('customer_map', watermark('customer_map', readers)) }} as versions
    union all
    select tenant_id, record_source || ':' || record_id as customer_id
    from {{ feed_changes('customer_map', watermark('customer_map', readers)) }} as versions
    where record_type = 'customer'
    {%- endif %}

    {% if has_changes('customers', readers) -%}
    {%- set customers = feed_changes('customers', watermark('customers', readers)) ~ ' as customers' %}
    union all
    select tenant_id, source || ':' || source_customer_id as customer_id from {{ customers }}
    union all
    select mapped.tenant_id, mapped.customer_id
    from {{ customers }}
    {{ look_up(ref('int_customers__resolved'), 'mapped', {
        'tenant_id': 'customers.tenant_id',
        'source': 'customers.source',
        'record_type': "'customer'",
        'record_id': 'customers.source_customer_id',
    }) }}
    {%- endif %}

    {% if has_changes('orders', readers) -%}
    {%- set orders = feed_changes('orders', watermark('orders', readers)) ~ ' as orders' %}
    -- whom an order tells or told a visitor of, and of whom it is or was a record
    union all
    select tenant_id, source || ':' || source_customer_id as customer_id from {{ orders }}
    where visitor_id is not null and source_customer_id is not null
    union all
    select mapped.tenant_id, mapped.customer_id
    from {{ orders }}
    {{ look_up(ref('int_customers__resolved'), 'mapped', {
        'tenant_id': 'orders.tenant_id',
        'source': 'orders.source',
        'record_type': "'customer'",
        'record_id': 'orders.source_customer_id',
    }) }}
    where orders.visitor_id is not null
    union all
    select mapped.tenant_id, mapped.customer_id
    from {{ orders }}
    {{ look_up(ref('int_customers__resolved'), 'mapped', {
        'tenant_id': 'orders.tenant_id',
        'source': 'orders.source',
        'record_type': "'order'",
        'record_id': 'orders.order_id',
    }) }}
    {%- endif %}

    {% if has_changes('pos_sales', readers) -%}
    union all
    select mapped.tenant_id, mapped.customer_id
    from {{ feed_changes('pos_sales', watermark('pos_sales', readers)) }} as sales
    {{ look_up(ref('int_customers__resolved'), 'mapped', {
        'tenant_id': 'sales.tenant_id',
        'source': 'sales.source',
        'record_type': "'sale'",
        'record_id': 'sales.sale_id',
    }) }}
    {%- endif %}

    {% if has_changes('clicks', readers) -%}
    {%- set clicks = feed_changes('clicks', watermark('clicks', readers)) ~ ' as clicks' %}
    -- a click that is no longer what it was
    union all
    select tied.tenant_id, tied.customer_id
    from {{ clicks }}
    inner join {{ ref('int_visitors__ties') }} as tied
        on clicks.tenant_id = tied.tenant_id and clicks.visitor_id = tied.visitor_id
    union all
    select records.tenant_id, records.customer_id
    from {{ clicks }}
    inner join {{ ref('int_customers__records') }} as records
        on clicks.tenant_id = records.tenant_id and {{ hash_in_address('clicks.landing_url') }} = records.email_hash
    {%- endif %}

    -- what came into the year that ends with the as-of day, or left it
    union all
    select events.tenant_id, events.customer_id
    from ({{ days_that_moved('customer_figures', var('loyalty_days')) }}) as days
    inner join {{ ref('int_orders__events') }} as events
        on days.tenant_id = events.tenant_id
        and events.event_date > days.after_date
        and events.event_date <= days.up_to_date

    -- everyone of tenants whose settings changed or that were held back when the marts were last built
    union all
    select customers.tenant_id, customers.customer_id
    from (
        {% if has_changes('tenants', readers) -%}
        select tenant_id from {{ feed_changes('tenants', watermark('tenants', readers)) }} as tenants
        union
        {%- endif %}
        select tenant_id from {{ source('ops', 'held_tenants') }} where build_id >= {{ since_build }}
    ) as tenants
    inner join (
        select tenant_id, customer_id from {{ ref('int_customers__records') }}
        union all
        select tenant_id, customer_id from {{ ref('int_orders__events') }}
    ) as customers on tenants.tenant_id = customers.tenant_id

)

select distinct touched.tenant_id, touched.customer_id
from touched
inner join {{ ref('int_tenants__published') }} as tenants on touched.tenant_id = tenants.tenant_id
where touched.customer_id is not null
{%- endif %}
