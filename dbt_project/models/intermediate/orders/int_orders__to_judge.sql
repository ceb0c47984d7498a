-- depends_on: {{ ref('stg_orders') }}, {{ ref('int_orders__evidence_touched') }}
-- One row per web order whose credit this build judges: all of them the first time, later those whose evidence moved.
-- judge_id numbers them within the build, so that the evidence is joined by one small key.
{%- set is_first = flags.FULL_REFRESH or (is_building() and load_relation(ref_later('int_orders__credit')) is none) %}
select
    row_number() over (order by orders.ordered_at, orders.order_id) as judge_id,
    orders.tenant_id,
    orders.source,
    orders.order_id,
    orders.token,
    orders.click_id,
    orders.visitor_id,
    orders.coupon_code,
    orders.source_kol_ref,
    orders.ordered_at,
    {{ local_date('orders.ordered_at', 'tenants.time_zone') }} as ordered_date,
    {{ 'cast(null as text)' if is_first else 'touched.cause' }} as cause
{% if is_first -%}
from {{ ref('stg_orders') }} as orders
{%- else -%}
from {{ ref('int_orders__evidence_touched') }} as touched
{{ look_up(ref('stg_orders'), 'orders', {
    'tenant_id': 'touched.tenant_id',
    'source': 'touched.source',
    'order_id': 'touched.order_id',
}) }}
{%- endif %}
inner join {{ ref('int_tenants__settings') }} as tenants on orders.tenant_id = tenants.tenant_id
