-- depends_on: {{ ref('int_tenants__published') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_to_learn() }}",
        post_hook=["{{ advance() }}", "{{ advance_learnt() }}"],
    )
}}
-- One row per tenant, product and other product that customers buy both of more often than by chance. Nothing here adds up: a
-- customer stands in many pairs.
with learnt as (

    select * from {{ ref('int_products__learnt') }}

),

purchases as (

    select
        purchases.tenant_id,
        purchases.customer_id,
        purchases.product_id,
        learnt.learnt_date,
        count(*) over (partition by purchases.tenant_id, purchases.customer_id) as customer_products
    from {{ ref('int_products__purchases') }} as purchases
    inner join learnt
        on purchases.tenant_id = learnt.tenant_id and purchases.first_bought_date <= learnt.learnt_date
    {% if is_incremental() -%}
    inner join ({{ tenants_to_learn('product_affinity') }}) as due on purchases.tenant_id = due.tenant_id
    {%- endif %}

),

baskets as (

    -- who buys everything tells of nothing
    select * from purchases
    where customer_products <= {{ var('affinity_max_products') }}

),

totals as (

    select
        tenant_id,
        count(distinct customer_id) as customers
    from baskets
    group by tenant_id

),

buyers as (

    select
        tenant_id,
        product_id,
        count(*) as customers
    from baskets
    group by tenant_id, product_id

),

pairs as (

    select
        one.tenant_id,
        one.learnt_date,
        one.product_id as first_product_id,
        another.product_id as second_product_id,
        count(*) as customers
    from baskets as one
    inner join baskets as another
        on one.tenant_id = another.tenant_id and one.customer_id = another.customer_id and one.product_id < another.product_id
    group by one.tenant_id, one.learnt_date, one.product_id, another.product_id
    having count(*) >= {{ var('affinity_min_customers') }}

),

directed as (

    select tenant_id, learnt_date, first_product_id as product_id, second_product_id as other_product_id, customers
    from pairs
    union all
    select tenant_id, learnt_date, second_product_id as product_id, first_product_id as other_product_id, customers
    from pairs

),

ranked as (

    select
        directed.*,
        buyers.customers as product_customers,
        partners.customers as other_product_customers,
        totals.customers as all_customers,
        row_number() over (
            partition by directed.tenant_id, directed.product_id
            order by directed.customers desc, partners.customers asc, directed.other_product_id asc
        ) as pair_rank
    from directed
    inner join totals on directed.tenant_id = totals.tenant_id
    inner join buyers on directed.tenant_id = buyers.tenant_id and directed.product_id = buyers.product_id
    inner join buyers as partners on directed.tenant_id = partners.tenant_id and directed.other_product_id = partners.product_id
    where directed.customers * totals.customers > buyers.customers * partners.customers

),

final as (

    select
        tenant_id,
        product_id,
        other_product_id,
        learnt_date,
        cast(customers as bigint) as customers,
        cast(product_customers as bigint) as product_customers,
        cast(other_product_customers as bigint) as other_product_customers,
        cast(all_customers as bigint) as all_customers,
        cast(round(cast(customers as numeric(38, 10)) / all_customers, 8) as numeric(12, 8)) as support,
        cast(round(cast(customers as numeric(38, 10)) / product_customers, 8) as numeric(12, 8)) as confidence,
        cast(
            round(cast(customers as numeric(38, 10)) * all_customers / product_customers / other_product_customers, 8) as numeric(20, 8)
        ) as lift,
        cast({{ build_id() }} as bigint) as _build_id
    from ranked
    where pair_rank <= {{ var('affinity_pairs_per_product') }}

)

select * from final
