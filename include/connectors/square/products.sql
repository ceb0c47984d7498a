-- Square catalogue items (JSON Lines) to the feed products: one row per variation.
-- Traps: prices are whole numbers of the smallest unit; the stock keeping unit is the variation's; the cost is a vendor's.
with variations as (
    select
        _row,
        record,
        unnest(coalesce(try_cast(record -> '$.item_data.variations' as json[]), [cast(null as json)])) as variation
    from source
),

amounts as (
    select
        *,
        variation ->> '$.item_variation_data.price_money.currency' as currency,
        if(variation ->> '$.item_variation_data.price_money.currency' in (
            'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
        ), 1, 0.01)::decimal(3, 2) as unit
    from variations
)

select
    _row,
    variation ->> '$.item_variation_data.sku' as sku,
    record ->> '$.item_data.name' as product_name,
    record ->> '$.item_data.reporting_category.name' as category,
    currency,
    coalesce(
        cast(try_cast(variation ->> '$.item_variation_data.price_money.amount' as decimal(28, 6)) * unit as varchar),
        variation ->> '$.item_variation_data.price_money.amount'
    ) as price,
    coalesce(
        cast(try_cast(variation ->> '$.item_variation_data.vendor_cost_money.amount' as decimal(28, 6)) * unit as varchar),
        variation ->> '$.item_variation_data.vendor_cost_money.amount'
    ) as cost,
    record ->> 'updated_at' as updated_at
from amounts
