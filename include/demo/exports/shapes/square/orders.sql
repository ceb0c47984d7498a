-- Square's orders: sales, and returns as orders that carry `returns`.
select
    sale_id as id,
    store_id as location_id,
    case status when 'completed' then 'COMPLETED' when 'voided' then 'CANCELED' else 'OPEN' end as state,
    utc_z(sold_at) as created_at,
    utc_z(updated_at) as updated_at,
    source_customer_id as customer_id,
    {
        'receipt_name': customer_name, 'receipt_email': email, 'receipt_phone': phone, 'loyalty_card': loyalty_card
    } as metadata,
    minor_money(if(sale_type = 'sale', gross_amount, 0), currency) as total_money,
    if(sale_type = 'sale', minor_money(discount_amount, currency), null) as total_discount_money,
    if(sale_type = 'sale', minor_money(vat_amount, currency), null) as total_tax_money,
    if(sale_type = 'return', {
        'total_money': minor_money(gross_amount, currency), 'total_discount_money': minor_money(discount_amount, currency),
        'total_tax_money': minor_money(vat_amount, currency)
    }, null) as return_amounts,
    [{
        'type': case payment_method
            when 'cash' then 'CASH' when 'card' then 'CARD' when 'wallet' then 'WALLET'
            when 'bank_transfer' then 'BANK_ACCOUNT' else 'OTHER'
        end
    }] as tenders,
    if(sale_type = 'sale', coalesce(lines.details, []), null) as line_items,
    if(sale_type = 'return', [{
        'source_order_id': original_sale_id, 'return_line_items': coalesce(lines.details, [])
    }], null) as returns
from pos_sales
left join (
    select
        sale_id,
        list({
            'uid': line_id, 'catalog_object_id': sku, 'name': product_name, 'quantity': plain_number(quantity),
            'base_price_money': minor_money(unit_price, currency), 'total_money': minor_money(line_amount, currency)
        } order by line_id) as details
    from pos_lines
    group by sale_id
) as lines using (sale_id)
order by updated_at, id
