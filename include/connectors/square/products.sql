-- Square catalogue items (JSON Lines) to the feed products: one row per variation.
-- Traps: prices are whole numbers of the smallest unit; a variation priced at the till has none; the stock keeping unit is
-- the variation's; the cost is a vendor's.
with variations as (
    select
        _row,
        record,
        unnest(coalesce(try_cast(record -> '$.item_data.variations' as json[]), [cast(null as json)])) as variation
    from source
),

priced as (
    select
        *,
        coalesce(
            variation ->> '$.item_variation_data.price_money.currency',
            variation ->> '$.item_variation_data.vendor_cost_money.currency'
        ) as currency
    from variations
),

amounts as (
    select
        *,
        if(currency in (
            'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
        ), 1, 0.01)::decimal(3, 2) as unit
    from priced
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
