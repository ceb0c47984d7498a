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
            "{{ note_left_days('first_order_date', ref('int_customers__touched'), {'tenant_id': 'tenant_id', 'customer_id': 'customer_id'}) }}",
            "{{ delete_touched(ref('int_customers__touched'), {'tenant_id': 'tenant_id', 'customer_id': 'customer_id'}) }}",
        ],
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per customer: the first completed order ever, online or in store, and the KOL who brought it.
with completions as (

    select
        events.*,
        row_number() over (
            partition by events.tenant_id, events.customer_id
            order by events.event_at, events.source, events.order_id, events.order_type
        ) as order_number
    from {{ ref('int_orders__events') }} as events
    {% if is_incremental() -%}
    inner join {{ ref('int_customers__touched') }} as touched
        on events.tenant_id = touched.tenant_id and events.customer_id = touched.customer_id
    {%- endif %}
    where events.event_type = 'completion' and events.customer_id is not null

)

select
    tenant_id,
    customer_id,
    source,
    order_id,
    event_at as first_order_at,
    event_date as first_order_date,
    hour_start_at,
    channel,
    campaign_id,
    case when credit_status = 'credited' then kol_id end as kol_id,
    cast({{ build_id() }} as bigint) as _build_id
from completions
where order_number = 1
