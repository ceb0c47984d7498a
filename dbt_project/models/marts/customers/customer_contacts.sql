{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'customer_id'], 'unique': true},
            {'columns': ['_build_id']},
        ],
        pre_hook="{{ delete_touched(ref('int_customers__figures_touched'), {'tenant_id': 'tenant_id', 'customer_id': 'customer_id'}) }}",
        post_hook=["{{ advance(['customers', 'customer_map', 'orders', 'pos_sales', 'clicks', 'tenants']) }}"],
        meta={'is_personal': true},
    )
}}
-- One row per tenant and customer of whom a record says something personal: in clear, and so for few eyes. customer_360 shows these
-- values to roles in ops.pii_access and masks to all others.
with final as (

    select
        figures.tenant_id,
        figures.customer_id,
        figures.full_name,
        figures.email,
        figures.phone,
        figures.birth_date,
        cast({{ build_id() }} as bigint) as _build_id
    {% if is_incremental() -%}
    from {{ ref('int_customers__figures_touched') }} as touched
    {{ look_up(ref('int_customers__figures'), 'figures', {'tenant_id': 'touched.tenant_id', 'customer_id': 'touched.customer_id'}) }}
    {%- else -%}
    from {{ ref('int_customers__figures') }} as figures
    {%- endif %}
    where coalesce(figures.full_name, figures.email, figures.phone, cast(figures.birth_date as text)) is not null

)

select * from final
