-- Lines of WooCommerce orders (the same file as orders) to the feed order_items.
-- Traps: subtotal and total are without tax whatever the shop shows, so the tax is added back; subtotal is before the
-- discount and total after it, both for all units; shipping and fees have lists of their own.
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
    union all
    select
        _row,
        record,
        'fee' as item_type,
        unnest(try_cast(record -> 'fee_lines' as json[])) as line
    from source
),

amounts as (
    select
        *,
        coalesce(line ->> 'quantity', if(item_type = 'product', null, '1')) as quantity,
        try_cast(line ->> 'total' as decimal(20, 4)) + try_cast(coalesce(line ->> 'total_tax', '0') as decimal(20, 4))
            as after_discount,
        try_cast(coalesce(line ->> 'subtotal', line ->> 'total') as decimal(20, 4))
        + try_cast(coalesce(line ->> 'subtotal_tax', line ->> 'total_tax', '0') as decimal(20, 4)) as before_discount
    from lines
)

select
    _row,
    record ->> 'id' as order_id,
    line ->> 'id' as line_id,
    line ->> 'sku' as sku,
    coalesce(line ->> 'name', line ->> 'method_title') as product_name,
    item_type,
    quantity,
    -- The quotient of two decimals is a double, rounded back to the contract's six places.
    round(before_discount / nullif(try_cast(quantity as decimal(12, 4)), 0), 6) as unit_price,
    coalesce(cast(after_discount as varchar), 'total ' || (line ->> 'total')) as line_amount,
    record ->> 'currency' as currency,
    record ->> 'date_created_gmt' || 'Z' as ordered_at,
    record ->> 'date_modified_gmt' || 'Z' as updated_at
from amounts
