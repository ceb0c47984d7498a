{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'customer_id']},
            {'columns': ['tenant_id', 'record_id']},
            {'columns': ['tenant_id', 'visitor_id']},
            {'columns': ['tenant_id', 'email_hash']},
            {'columns': ['_build_id']},
        ],
        pre_hook="{{ delete_touched(ref('int_customers__descriptions_touched'), {'tenant_id': 'tenant_id', 'record_source': 'record_source', 'record_type': 'record_type', 'record_id': 'record_id'}) }}",
        post_hook=["{{ advance(['customers', 'customer_map', 'orders', 'pos_sales']) }}"],
    )
}}
-- One row per record: whom it belongs to, and what it says of the person. A row of customers that the map does not name is a
-- customer by itself; an order or store sale is a record if the map names it and it names no customer.
with customers as (

    select
        customers.tenant_id,
        customers.source as record_source,
        'customer' as record_type,
        customers.source_customer_id as record_id,
        coalesce(mapped.customer_id, customers.source || ':' || customers.source_customer_id) as customer_id,
        coalesce(
            {{ readable('customers.full_name') }},
            {{ readable("(coalesce(customers.first_name, '') || ' ' || coalesce(customers.last_name, ''))") }}
        ) as full_name,
        customers.email,
        customers.phone,
        customers.birth_date,
        customers.city,
        customers.loyalty_tier,
        customers.visitor_id,
        customers.accepts_email_marketing,
        coalesce(customers.email_consent_at, customers.updated_at) as email_consent_at,
        customers.accepts_sms_marketing,
        coalesce(customers.sms_consent_at, customers.updated_at) as sms_consent_at,
        customers.updated_at as described_at
    {% if is_incremental() -%}
    from {{ ref('int_customers__descriptions_touched') }} as touched
    {{ look_up(ref('stg_customers'), 'customers', {
        'tenant_id': 'touched.tenant_id',
        'source': 'touched.record_source',
        'source_customer_id': 'touched.record_id',
    }) }}
    {{ look_up(ref('int_customers__resolved'), 'mapped', {
        'tenant_id': 'touched.tenant_id',
        'source': 'touched.record_source',
        'record_type': 'touched.record_type',
        'record_id': 'touched.record_id',
    }, kind='left') }}
    where touched.record_type = 'customer'
    {%- else -%}
    from {{ ref('stg_customers') }} as customers
    left join {{ ref('int_customers__resolved') }} as mapped
        on customers.tenant_id = mapped.tenant_id
        and customers.source = mapped.source
        and customers.source_customer_id = mapped.record_id
        and mapped.record_type = 'customer'
    {%- endif %}

),

orders as (

    select
        mapped.tenant_id,
        mapped.source as record_source,
        mapped.record_type,
        mapped.record_id,
        mapped.customer_id,
        {{ readable('orders.customer_name') }} as full_name,
        orders.email,
        orders.phone,
        cast(null as date) as birth_date,
        cast(null as text) as city,
        cast(null as text) as loyalty_tier,
        orders.visitor_id,
        cast(null as boolean) as accepts_email_marketing,
        cast(null as timestamptz) as email_consent_at,
        cast(null as boolean) as accepts_sms_marketing,
        cast(null as timestamptz) as sms_consent_at,
        orders.ordered_at as described_at
    {% if is_incremental() -%}
    from {{ ref('int_customers__descriptions_touched') }} as touched
    {{ look_up(ref('int_customers__resolved'), 'mapped', {
        'tenant_id': 'touched.tenant_id',
        'source': 'touched.record_source',
        'record_type': 'touched.record_type',
        'record_id': 'touched.record_id',
    }) }}
    {{ look_up(ref('stg_orders'), 'orders', {
        'tenant_id': 'touched.tenant_id',
        'source': 'touched.record_source',
        'order_id': 'touched.record_id',
    }) }}
    where touched.record_type = 'order' and orders.source_customer_id is null
    {%- else -%}
    from {{ ref('int_customers__resolved') }} as mapped
    inner join {{ ref('stg_orders') }} as orders
        on mapped.tenant_id = orders.tenant_id
        and mapped.source = orders.source
        and mapped.record_id = orders.order_id
    where mapped.record_type = 'order' and orders.source_customer_id is null
    {%- endif %}

),

sales as (

    select
        mapped.tenant_id,
        mapped.source as record_source,
        mapped.record_type,
        mapped.record_id,
        mapped.customer_id,
        {{ readable('sales.customer_name') }} as full_name,
        sales.email,
        sales.phone,
        cast(null as date) as birth_date,
        cast(null as text) as city,
        cast(null as text) as loyalty_tier,
        cast(null as text) as visitor_id,
        cast(null as boolean) as accepts_email_marketing,
        cast(null as timestamptz) as email_consent_at,
        cast(null as boolean) as accepts_sms_marketing,
        cast(null as timestamptz) as sms_consent_at,
        sales.sold_at as described_at
    {% if is_incremental() -%}
    from {{ ref('int_customers__descriptions_touched') }} as touched
    {{ look_up(ref('int_customers__resolved'), 'mapped', {
        'tenant_id': 'touched.tenant_id',
        'source': 'touched.record_source',
        'record_type': 'touched.record_type',
        'record_id': 'touched.record_id',
    }) }}
    {{ look_up(ref('stg_pos_sales'), 'sales', {
        'tenant_id': 'touched.tenant_id',
        'source': 'touched.record_source',
        'sale_id': 'touched.record_id',
    }) }}
    where touched.record_type = 'sale' and sales.source_customer_id is null
    {%- else -%}
    from {{ ref('int_customers__resolved') }} as mapped
    inner join {{ ref('stg_pos_sales') }} as sales
        on mapped.tenant_id = sales.tenant_id
        and mapped.source = sales.source
        and mapped.record_id = sales.sale_id
    where mapped.record_type = 'sale' and sales.source_customer_id is null
    {%- endif %}

),

unioned as (

    select * from customers
    union all
    select * from orders
    union all
    select * from sales

)

select
    tenant_id,
    record_source,
    record_type,
    record_id,
    customer_id,
    full_name,
    {{ readable('email') }} as email,
    {{ sha256_hex(normalised_email('email')) }} as email_hash,
    {{ readable('phone') }} as phone,
    birth_date,
    {{ readable('city') }} as city,
    {{ readable('loyalty_tier') }} as loyalty_tier,
    visitor_id,
    accepts_email_marketing,
    email_consent_at,
    accepts_sms_marketing,
    sms_consent_at,
    described_at,
    cast({{ build_id() }} as bigint) as _build_id
from unioned
