-- WooCommerce's product resource.
select
    'p-' || sku as id,
    sku,
    product_name as name,
    if(category is null, [], [{'name': category}]) as categories,
    currency,
    coalesce(money(price, currency), '') as price,
    if(cost is null, [], [{'key': '_wc_cog_cost', 'value': cast(cost as varchar)}]) as meta_data,
    gmt(updated_at) as date_modified_gmt,
    'publish' as status
from products
order by updated_at, id
