{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'customer_id']},
            {'columns': ['tenant_id', 'first_order_date']},
            {'columns': ['_build_id']},
        ],
        pre_hook=[
            "{{ note_left_days('first_order_date', ref('int_customers__moved'), {'tenant_id': 'tenant_id', 'customer_id': 'customer_id'}) }}",
            "{{ delete_touched(ref('int_customers__moved'), {'tenant_id': 'tenant_id', 'customer_id': 'customer_id'}) }}",
        ],
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per customer: the first completed order ever. A row is written anew only when something in it is new.
select
    firsts.tenant_id,
    firsts.customer_id,
    firsts.source,
    firsts.order_id,
    firsts.first_order_at,
    firsts.first_order_date,
    firsts.hour_start_at,
    firsts.channel,
    firsts.campaign_id,
    firsts.kol_id,
    cast({{ build_id() }} as bigint) as _build_id
{% if is_incremental() -%}
from {{ ref('int_customers__moved') }} as moved
{{ look_up(ref('int_customers__firsts'), 'firsts', {'tenant_id': 'moved.tenant_id', 'customer_id': 'moved.customer_id'}) }}
{%- else -%}
from {{ ref('int_customers__firsts') }} as firsts
{%- endif %}
