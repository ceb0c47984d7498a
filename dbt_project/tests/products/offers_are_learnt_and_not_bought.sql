-- An offer is one of the pairs of a product that the customer has bought, is none of what the customer has bought, and pairs hold the
-- same numbers both ways.
select offers.tenant_id, offers.customer_id as subject, 'is no pair of what was bought' as defect
from {{ ref('next_best_offer') }} as offers
where
    offers._build_id > {{ proven_build() }}
    and (
        not exists (
            select 1 from {{ ref('product_affinity') }} as affinity
            where
                offers.tenant_id = affinity.tenant_id
                and offers.reason_product_id = affinity.product_id
                and offers.product_id = affinity.other_product_id
                and offers.confidence = affinity.confidence
        )
        or not exists (
            select 1 from {{ ref('int_products__purchases') }} as purchases
            where
                offers.tenant_id = purchases.tenant_id
                and offers.customer_id = purchases.customer_id
                and offers.reason_product_id = purchases.product_id
        )
    )
union all
select offers.tenant_id, offers.customer_id as subject, 'has been bought' as defect
from {{ ref('next_best_offer') }} as offers
inner join {{ ref('int_products__purchases') }} as purchases
    on offers.tenant_id = purchases.tenant_id
    and offers.customer_id = purchases.customer_id
    and offers.product_id = purchases.product_id
where offers._build_id > {{ proven_build() }}
union all
select pairs.tenant_id, pairs.product_id as subject, 'is another number the other way' as defect
from {{ ref('product_affinity') }} as pairs
inner join {{ ref('product_affinity') }} as mirrored
    on pairs.tenant_id = mirrored.tenant_id
    and pairs.product_id = mirrored.other_product_id
    and pairs.other_product_id = mirrored.product_id
where
    pairs._build_id > {{ proven_build() }}
    and (pairs.customers <> mirrored.customers or pairs.product_customers <> mirrored.other_product_customers)
