-- A product list kept by hand.
select
    sku,
    product_name as title,
    category,
    currency,
    money(price, currency) as price_with_vat,
    cast(cost as varchar) as unit_cost,
    utc_z(updated_at) as modified
from products
order by updated_at, sku
