{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'customer_id']}],
        pre_hook="{{ delete_touched(ref('int_products__touched'), {'tenant_id': 'tenant_id', 'customer_id': 'customer_id'}) }}",
        post_hook=["{{ advance(['order_items', 'pos_sale_lines']) }}"],
    )
}}
-- One row per customer and product bought: in how many completed orders and store sales, and when first. What was given back
-- later was bought nevertheless; a product is the same whichever system sells its SKU.
with completions as (

    select
        events.tenant_id,
        events.customer_id,
        events.order_type,
        events.source,
        events.subject_id,
        events.event_date
    {% if is_incremental() -%}
    from {{ ref('int_products__touched') }} as touched
    {{ look_up(ref('int_orders__events'), 'events', {'tenant_id': 'touched.tenant_id', 'customer_id': 'touched.customer_id'}) }}
    {%- else -%}
    from {{ ref('int_orders__events') }} as events
    {%- endif %}
    where events.event_type = 'completion' and events.customer_id is not null

),

lines as (

    select
        completions.tenant_id,
        completions.customer_id,
        completions.order_type || ':' || completions.source || ':' || completions.subject_id as order_name,
        completions.event_date,
        items.sku
    from completions
    {{ look_up(ref('stg_order_items'), 'items', {
        'tenant_id': 'completions.tenant_id',
        'order_id': 'completions.subject_id',
        'source': 'completions.source',
    }) }}
    where completions.order_type = 'web' and items.item_type = 'product' and items.quantity > 0
    union all
    select
        completions.tenant_id,
        completions.customer_id,
        completions.order_type || ':' || completions.source || ':' || completions.subject_id as order_name,
        completions.event_date,
        items.sku
    from completions
    {{ look_up(ref('stg_pos_sale_lines'), 'items', {
        'tenant_id': 'completions.tenant_id',
        'sale_id': 'completions.subject_id',
        'source': 'completions.source',
    }) }}
    where completions.order_type = 'store' and items.quantity > 0

)

select
    tenant_id,
    customer_id,
    sku as product_id,
    count(distinct order_name) as orders,
    min(event_date) as first_bought_date,
    cast({{ build_id() }} as bigint) as _build_id
from lines
where sku is not null
group by tenant_id, customer_id, sku
