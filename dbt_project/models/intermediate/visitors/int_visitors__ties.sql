{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'visitor_id']},
            {'columns': ['tenant_id', 'customer_id']},
            {'columns': ['_build_id']},
        ],
        pre_hook="{{ delete_touched(ref('int_visitors__touched'), {'tenant_id': 'tenant_id', 'visitor_id': 'visitor_id'}) }}",
        post_hook=["{{ advance(['customers', 'customer_map', 'orders', 'pos_sales', 'clicks']) }}"],
    )
}}
-- One row per visitor and customer whom a key ties. A visitor of several customers, as at a family's or a shop's own computer, is
-- shared.
select
    keys.tenant_id,
    keys.visitor_id,
    keys.customer_id,
    keys.is_shared,
    cast({{ build_id() }} as bigint) as _build_id
{% if is_incremental() -%}
from {{ ref('int_visitors__touched') }} as touched
{{ look_up(ref('int_visitors__keys'), 'keys', {'tenant_id': 'touched.tenant_id', 'visitor_id': 'touched.visitor_id'}) }}
{%- else -%}
from {{ ref('int_visitors__keys') }} as keys
{%- endif %}
