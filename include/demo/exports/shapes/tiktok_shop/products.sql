-- TikTok Shop's products: one stock keeping unit each.
select
    'tt-' || sku as id,
    product_name as title,
    if(category is null, [], [{'local_name': category}]) as category_chains,
    [{
        'seller_sku': sku, 'cost': cast(cost as varchar),
        'price': {'currency': currency, 'tax_inclusive_price': money(price, currency)}
    }] as skus,
    epoch_s(updated_at) as update_time
from products
order by updated_at, id
