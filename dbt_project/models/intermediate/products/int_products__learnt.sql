{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_touched(ref('int_products__tenants_touched'), {'tenant_id': 'tenant_id'}) }}",
        post_hook=["{{ advance(['order_items', 'pos_sale_lines']) }}"],
    )
}}
-- One row per tenant: the day up to which it is learnt who buys what with what, and a number that tells whether these purchases
-- are the same. Late orders and corrections move it, and nothing else does until the next Sunday.
with tenants as (

    select
        tenants.tenant_id,
        {{ last_sunday('tenants.as_of_date') }} as learnt_date
    from {{ ref('int_tenants__published') }} as tenants
    {% if is_incremental() -%}
    inner join {{ ref('int_products__tenants_touched') }} as touched on tenants.tenant_id = touched.tenant_id
    {%- endif %}

),

sums as (

    select
        tenants.tenant_id,
        tenants.learnt_date,
        count(purchases.product_id) as purchases,
        coalesce(sum(cast({{ hash_of("purchases.customer_id || '|' || purchases.product_id") }} as numeric(38, 0))), 0) as hash_sum
    from tenants
    left join {{ ref('int_products__purchases') }} as purchases
        on tenants.tenant_id = purchases.tenant_id and tenants.learnt_date >= purchases.first_bought_date
    group by tenants.tenant_id, tenants.learnt_date

)

select
    tenant_id,
    learnt_date,
    {{ hash_of("cast(learnt_date as text) || '|' || cast(purchases as text) || '|' || cast(hash_sum as text)") }} as purchases_signature
from sums
