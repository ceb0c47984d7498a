-- Square's catalogue: one variation each.
select
    'item-' || sku as id,
    'ITEM' as type,
    utc_z(updated_at) as updated_at,
    {
        'name': product_name, 'reporting_category': {'name': category},
        'variations': [{
            'item_variation_data': {
                'sku': sku, 'price_money': minor_money(price, currency), 'vendor_cost_money': minor_money(cost, currency)
            }
        }]
    } as item_data
from products
order by updated_at, id
