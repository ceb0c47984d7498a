-- Lines of Shopify orders (the same file as orders) to the feed order_items.
-- Traps: a line's price is that of one unit before its discount; shipping stands apart in shipping_lines; a line has no
-- time of change of its own, so that the order's counts. An order without a list of lines is refused, not skipped.
with lines as (
    select
        _row,
        record,
        'product' as item_type,
        unnest(coalesce(try_cast(record -> 'line_items' as json[]), [cast(null as json)])) as line
    from source
    union all
    select
        _row,
        record,
        'shipping' as item_type,
        unnest(try_cast(record -> 'shipping_lines' as json[])) as line
    from source
)

select
    _row,
    record ->> 'id' as order_id,
    line ->> 'id' as line_id,
    line ->> 'sku' as sku,
    line ->> 'title' as product_name,
    item_type,
    coalesce(line ->> 'quantity', if(item_type = 'shipping', '1', null)) as quantity,
    line ->> '$.price_set.shop_money.amount' as unit_price,
    coalesce(
        cast(
            try_cast(line ->> '$.price_set.shop_money.amount' as decimal(20, 6))
            * try_cast(coalesce(line ->> 'quantity', '1') as decimal(12, 4))
            - try_cast(coalesce(line ->> '$.total_discount_set.shop_money.amount', '0') as decimal(20, 6))
            as varchar
        ),
        'price x quantity - ' || (line ->> '$.total_discount_set.shop_money.amount')
    ) as line_amount,
    coalesce(
        line ->> '$.price_set.shop_money.currency_code', record ->> '$.total_price_set.shop_money.currency_code'
    ) as currency,
    record ->> 'created_at' as ordered_at,
    record ->> 'updated_at' as updated_at
from lines
