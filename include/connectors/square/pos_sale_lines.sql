-- Lines of Square orders (the same file as pos_sales) to the feed pos_sale_lines.
-- Traps: quantities are texts, amounts whole numbers of the smallest unit; a return's lines stand in
-- returns[].return_line_items; base_price_money is of one unit before the discount, total_money of all after it.
with lines as (
    select
        _row,
        record,
        unnest(coalesce(
            try_cast(record -> '$.returns[0].return_line_items' as json[]),
            try_cast(record -> 'line_items' as json[]),
            [cast(null as json)]
        )) as line
    from source
),

amounts as (
    select
        *,
        line ->> '$.total_money.currency' as currency,
        if(line ->> '$.total_money.currency' in (
            'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
        ), 1, 0.01)::decimal(3, 2) as unit
    from lines
)

select
    _row,
    record ->> 'id' as sale_id,
    line ->> 'uid' as line_id,
    line ->> 'catalog_object_id' as sku,
    line ->> 'name' as product_name,
    line ->> 'quantity' as quantity,
    coalesce(
        cast(try_cast(line ->> '$.base_price_money.amount' as decimal(28, 6)) * unit as varchar),
        line ->> '$.base_price_money.amount'
    ) as unit_price,
    coalesce(
        cast(try_cast(line ->> '$.total_money.amount' as decimal(28, 6)) * unit as varchar),
        line ->> '$.total_money.amount'
    ) as line_amount,
    currency,
    record ->> 'created_at' as sold_at,
    record ->> 'updated_at' as updated_at
from amounts
