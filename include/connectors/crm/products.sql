-- Product list kept by hand (CSV) to the feed products.
-- Traps: one list for all shops; an empty cost is unknown, not zero.
select
    _row,
    sku,
    title as product_name,
    category,
    currency,
    price_with_vat as price,
    unit_cost as cost,
    modified as updated_at,
    * exclude (_row, sku, title, category, currency, price_with_vat, unit_cost, modified)
from source
