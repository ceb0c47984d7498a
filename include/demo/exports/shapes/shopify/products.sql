-- Shopify's product resource: one variant each.
select
    'gid-' || sku as id,
    product_name as title,
    category as product_type,
    iso(updated_at) as updated_at,
    [{
        'sku': sku, 'price': money(price, currency),
        'presentment_prices': [{'price': {'amount': money(price, currency), 'currency_code': currency}}],
        'inventory_item': {'cost': cast(cost as varchar)}
    }] as variants
from products
order by updated_at, id
