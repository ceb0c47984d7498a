{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'visitor_id']},
            {'columns': ['tenant_id', 'order_id']},
            {'columns': ['tenant_id', 'source_customer_id']},
            {'columns': ['_build_id']},
        ],
        pre_hook="{{ delete_touched(ref('int_visitors__orders_touched'), {'tenant_id': 'tenant_id', 'source': 'source', 'order_id': 'order_id'}) }}",
        post_hook=["{{ advance(['orders', 'customer_map']) }}"],
    )
}}
-- One row per web order that names a visitor and has a customer. Orders placed to try the shop tell nothing.
select
    orders.tenant_id,
    orders.source,
    orders.order_id,
    orders.source_customer_id,
    orders.visitor_id,
    coalesce(mapped.customer_id, orders.customer_key) as customer_id,
    cast({{ build_id() }} as bigint) as _build_id
{% if is_incremental() -%}
from {{ ref('int_visitors__orders_touched') }} as touched
{{ look_up(ref('stg_orders'), 'orders', {
    'tenant_id': 'touched.tenant_id',
    'source': 'touched.source',
    'order_id': 'touched.order_id',
}) }}
{%- else -%}
from {{ ref('stg_orders') }} as orders
{%- endif %}
{{ look_up(ref('int_customers__resolved'), 'mapped', {
    'tenant_id': 'orders.tenant_id',
    'source': 'orders.source',
    'record_type': "case when orders.source_customer_id is null then 'order' else 'customer' end",
    'record_id': 'coalesce(orders.source_customer_id, orders.order_id)',
}, kind='left') }}
where
    orders.visitor_id is not null
    and not orders.is_test
    and coalesce(mapped.customer_id, orders.customer_key) is not null
