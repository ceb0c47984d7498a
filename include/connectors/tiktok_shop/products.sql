-- TikTok Shop products (JSON Lines) to the feed products: one row per stock keeping unit.
-- Traps: the seller's own sku is seller_sku, id is the marketplace's; prices are texts; times are unix seconds.
with skus as (
    select
        _row,
        record,
        unnest(coalesce(try_cast(record -> 'skus' as json[]), [cast(null as json)])) as sku
    from source
)

select
    _row,
    sku ->> 'seller_sku' as sku,
    record ->> 'title' as product_name,
    record ->> '$.category_chains[0].local_name' as category,
    sku ->> '$.price.currency' as currency,
    sku ->> '$.price.tax_inclusive_price' as price,
    sku ->> 'cost' as cost,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'update_time' as bigint))) as varchar),
        (record ->> 'update_time') || ' is not unix seconds'
    ) as updated_at
from skus
