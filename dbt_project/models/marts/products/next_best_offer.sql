-- depends_on: {{ ref('int_tenants__published') }}, {{ ref('int_products__learnt') }}, {{ ref('int_products__touched') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'customer_id'], 'unique': true}],
        pre_hook=[
            "{{ delete_to_learn(of_offers=true) }}",
            "{{ delete_touched(ref('int_products__touched'), {'tenant_id': 'tenant_id', 'customer_id': 'customer_id'}) }}",
        ],
        post_hook=["{{ advance(['order_items', 'pos_sale_lines']) }}", "{{ advance_learnt(of_offers=true) }}"],
    )
}}
-- One row per tenant and customer to whom something can be offered: what those who bought the same buy too, worth the most of what
-- the customer has not bought. Nothing here adds up.
with affinity as (

    select * from {{ ref('product_affinity') }}

),

catalogue as (

    select * from {{ ref('int_products__catalogue') }}

),

forecasts as (

    select
        forecasts.tenant_id,
        forecasts.customer_id,
        forecasts.segment
    from {{ ref('customer_forecasts') }} as forecasts
    inner join (
        select
            tenant_id,
            max(as_of_date) as as_of_date
        from {{ ref('clv_segments') }}
        group by tenant_id
    ) as newest on forecasts.tenant_id = newest.tenant_id and forecasts.as_of_date = newest.as_of_date
    inner join {{ ref('int_tenants__published') }} as tenants
        on forecasts.tenant_id = tenants.tenant_id and forecasts.reporting_currency = tenants.reporting_currency

),

{% if is_incremental() -%}
customers as (

    select tenant_id, customer_id from {{ ref('int_products__touched') }}
    union
    select purchases.tenant_id, purchases.customer_id
    from {{ ref('int_products__purchases') }} as purchases
    inner join ({{ tenants_to_learn('next_best_offer', of_offers=true) }}) as due on purchases.tenant_id = due.tenant_id

),

{% endif -%}
bought as (

    select
        purchases.tenant_id,
        purchases.customer_id,
        purchases.product_id,
        forecasts.segment,
        -- who is worth little is kept by what is most likely taken, not by what would bring most
        case when forecasts.segment = 'low' then 'confidence' else 'value' end as ranked_by,
        row_number() over (
            partition by purchases.tenant_id, purchases.customer_id
            order by purchases.orders desc, purchases.first_bought_date desc, purchases.product_id asc
        ) as product_rank
    from {{ ref('int_products__purchases') }} as purchases
    {% if is_incremental() -%}
    inner join customers
        on purchases.tenant_id = customers.tenant_id and purchases.customer_id = customers.customer_id
    {% endif -%}
    left join forecasts
        on purchases.tenant_id = forecasts.tenant_id and purchases.customer_id = forecasts.customer_id

),

priced as (

    select
        affinity.tenant_id,
        affinity.product_id as reason_product_id,
        reasons.product_name as reason_product_name,
        affinity.other_product_id as product_id,
        products.product_name,
        affinity.support,
        affinity.confidence,
        affinity.lift,
        products.reporting_currency,
        products.price_amount,
        round(affinity.confidence * products.price_amount, 4) as expected_amount,
        products.category = reasons.category and products.price_amount > reasons.price_amount as is_dearer_of_its_kind
    from affinity
    left join catalogue as products
        on affinity.tenant_id = products.tenant_id and affinity.other_product_id = products.product_id
    left join catalogue as reasons
        on affinity.tenant_id = reasons.tenant_id and affinity.product_id = reasons.product_id

),

ways as (

    select
        *,
        'value' as ranked_by,
        coalesce(expected_amount, -1) as figure
    from priced
    union all
    select
        *,
        'confidence' as ranked_by,
        confidence as figure
    from priced

),

placed as (

    select
        *,
        row_number() over (
            partition by tenant_id, ranked_by
            order by figure desc, confidence desc, lift desc, product_id asc, reason_product_id asc
        ) as place,
        row_number() over (
            partition by tenant_id, ranked_by, reason_product_id
            order by figure desc, confidence desc, lift desc, product_id asc
        ) as place_of_reason
    from ways

),

best as (

    -- of many offers for many customers the best is the smallest of narrow numbers: nothing is sorted
    select
        bought.tenant_id,
        bought.customer_id,
        bought.ranked_by,
        bought.segment,
        min(placed.place) as place
    from bought
    inner join placed
        on bought.tenant_id = placed.tenant_id
        and bought.ranked_by = placed.ranked_by
        and bought.product_id = placed.reason_product_id
    where
        placed.place_of_reason <= {{ var('offers_per_product') }}
        and not exists (
            select 1 from bought as known
            where
                bought.tenant_id = known.tenant_id
                and bought.customer_id = known.customer_id
                and placed.product_id = known.product_id
        )
    group by bought.tenant_id, bought.customer_id, bought.ranked_by, bought.segment

),

final as (

    select
        best.tenant_id,
        best.customer_id,
        best.segment as clv_segment,
        case
            when favourites.product_id is not null and placed.is_dearer_of_its_kind and coalesce(best.segment, '') <> 'low' then 'upsell'
            else 'cross_sell'
        end as offer_type,
        placed.product_id,
        placed.product_name,
        placed.reason_product_id,
        placed.reason_product_name,
        placed.support,
        placed.confidence,
        placed.lift,
        placed.reporting_currency,
        cast(placed.price_amount as numeric(20, 4)) as price_amount,
        cast(placed.expected_amount as numeric(20, 4)) as expected_amount,
        cast({{ build_id() }} as bigint) as _build_id
    from best
    inner join placed
        on best.tenant_id = placed.tenant_id and best.ranked_by = placed.ranked_by and best.place = placed.place
    left join bought as favourites
        on best.tenant_id = favourites.tenant_id
        and best.customer_id = favourites.customer_id
        and placed.reason_product_id = favourites.product_id
        and favourites.product_rank = 1

)

select * from final
