-- Shopify products (product resource, JSON Lines) to the feed products: one row per variant.
-- Traps: the stock keeping unit is the variant's, not the product's; the plain price has no currency, the presentment
-- price has one; the cost stands at the inventory item.
with variants as (
    select
        _row,
        record,
        unnest(coalesce(try_cast(record -> 'variants' as json[]), [cast(null as json)])) as variant
    from source
)

select
    _row,
    variant ->> 'sku' as sku,
    record ->> 'title' as product_name,
    record ->> 'product_type' as category,
    variant ->> '$.presentment_prices[0].price.currency_code' as currency,
    variant ->> '$.presentment_prices[0].price.amount' as price,
    variant ->> '$.inventory_item.cost' as cost,
    record ->> 'updated_at' as updated_at,
    json_merge_patch(record, '{"title": null, "product_type": null, "updated_at": null, "variants": null}')
        as source_fields
from variants
