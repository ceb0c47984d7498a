-- Lines of TikTok Shop orders (the same file as orders) to the feed order_items.
-- Traps: sku_original_price and sku_sale_price are of one unit, before and after the discount, but the discount of the
-- whole line is exact only in line_discount; times are unix seconds, and the order's change is the line's.
with lines as (
    select
        _row,
        record,
        unnest(coalesce(try_cast(record -> 'item_list' as json[]), [cast(null as json)])) as line
    from source
)

select
    _row,
    record ->> 'id' as order_id,
    line ->> 'order_line_id' as line_id,
    line ->> 'seller_sku' as sku,
    line ->> 'product_name' as product_name,
    coalesce(lower(line ->> 'item_kind'), 'product') as item_type,
    line ->> 'quantity' as quantity,
    line ->> 'sku_original_price' as unit_price,
    coalesce(
        cast(
            try_cast(line ->> 'sku_original_price' as decimal(20, 6))
            * try_cast(line ->> 'quantity' as decimal(12, 4))
            - try_cast(coalesce(line ->> 'line_discount', '0') as decimal(20, 6)) as varchar
        ),
        'price x quantity - ' || (line ->> 'line_discount')
    ) as line_amount,
    record ->> '$.payment.currency' as currency,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'create_time' as bigint))) as varchar),
        (record ->> 'create_time') || ' is not unix seconds'
    ) as ordered_at,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'update_time' as bigint))) as varchar),
        (record ->> 'update_time') || ' is not unix seconds'
    ) as updated_at
from lines
