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
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

described as (

    select described.*
    {% if is_incremental() -%}
    from {{ ref('int_customers__figures_touched') }} as touched
    {{ look_up(ref('int_customers__described'), 'described', {'tenant_id': 'touched.tenant_id', 'customer_id': 'touched.customer_id'}) }}
    {%- else -%}
    from {{ ref('int_customers__described') }} as described
    {%- endif %}

),

final as (

    select
        described.tenant_id,
        described.customer_id,
        described.full_name,
        described.email,
        described.phone,
        described.birth_date,
        cast({{ build_id() }} as bigint) as _build_id
    from described
    inner join tenants on described.tenant_id = tenants.tenant_id
    where coalesce(described.full_name, described.email, described.phone, cast(described.birth_date as text)) is not null

)

select * from final
