-- WooCommerce products (REST v3, JSON Lines) to the feed products.
-- Traps: a product has no currency, the shop has one (the export writes it beside); the cost is meta of a plugin; only
-- *_gmt dates are UTC; an empty text is a missing value.
with products as (
    select
        _row,
        record,
        coalesce(try_cast(record -> 'meta_data' as json[]), []) as meta
    from source
)

select
    _row,
    record ->> 'sku' as sku,
    record ->> 'name' as product_name,
    record ->> '$.categories[0].name' as category,
    record ->> 'currency' as currency,
    nullif(record ->> 'price', '') as price,
    list_filter(meta, lambda m: m ->> 'key' = '_wc_cog_cost')[1] ->> 'value' as cost,
    record ->> 'date_modified_gmt' || 'Z' as updated_at,
    json_merge_patch(record, '{
        "sku": null, "name": null, "categories": null, "currency": null, "price": null, "meta_data": null,
        "date_modified_gmt": null
    }') as source_fields
from products
