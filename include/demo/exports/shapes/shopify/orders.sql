-- Shopify's order resource. Every third order has its token in landing_site only, every seventh landed through a wallet.
select
    order_id as id,
    '#' || right(order_id, 6) as name,
    email,
    phone,
    iso(ordered_at) as created_at,
    iso(ordered_at) as processed_at,
    iso(cancelled_at) as cancelled_at,
    iso(updated_at) as updated_at,
    is_test as test,
    currency,
    case
        when paid_at is not null then 'paid'
        when status = 'authorized' then 'authorized'
        else 'pending'
    end as financial_status,
    if(status = 'fulfilled', 'fulfilled', null) as fulfillment_status,
    shop_money(gross_amount, currency) as total_price_set,
    shop_money(discount_amount, currency) as total_discounts_set,
    shop_money(shipping_amount, currency) as total_shipping_price_set,
    shop_money(vat_amount, currency) as total_tax_set,
    true as taxes_included,
    case
        when in_address then '/collections/all?utm_source=kol&sk=' || token
        when pick(order_id, 7) = 0 then 'https://pay.example/wallets/checkouts.json'
        else '/'
    end as landing_site,
    list_filter([
        {'name': 'sokol_token', 'value': if(in_address, null, token)},
        {'name': 'sokol_click', 'value': click_id},
        {'name': 'sokol_visitor', 'value': visitor_id}
    ], lambda n: n.value is not null) as note_attributes,
    if(coupon_code is null, [], [{
        'code': coupon_code, 'amount': money(coalesce(discount_amount, 0), currency), 'type': 'fixed_amount'
    }]) as discount_codes,
    if(source_customer_id is null, null, {'id': source_customer_id}) as customer,
    {'name': customer_name} as billing_address,
    {
        'address1': address_part(shipping_address, 1), 'address2': address_part(shipping_address, 2),
        'city': address_part(shipping_address, 3)
    } as shipping_address,
    [case payment_method
        when 'card' then 'shopify_payments' when 'wallet' then 'paypal' when 'bank_transfer' then 'Bank Deposit'
        when 'cod' then 'Cash on Delivery (COD)' else 'manual'
    end] as payment_gateway_names,
    if(paid_at is null, [], [{
        'kind': 'sale', 'status': 'success', 'processed_at': iso(paid_at), 'amount': money(gross_amount, currency)
    }]) as transactions,
    coalesce(lines.line_items, []) as line_items,
    coalesce(lines.shipping_lines, []) as shipping_lines,
    'web' as source_name
from (select *, token is not null and pick(order_id, 3) = 0 as in_address from orders) as orders
left join (
    select
        order_id,
        coalesce(list({
            'id': line_id, 'sku': sku, 'title': product_name, 'quantity': cast(quantity as integer),
            'price_set': shop_money(unit_price, currency),
            'total_discount_set': shop_money(unit_price * cast(quantity as decimal(12, 4)) - line_amount, currency)
        } order by line_id) filter (item_type <> 'shipping'), []) as line_items,
        coalesce(list({
            'id': line_id, 'title': product_name, 'price_set': shop_money(unit_price, currency),
            'total_discount_set': shop_money(unit_price * cast(quantity as decimal(12, 4)) - line_amount, currency)
        } order by line_id) filter (item_type = 'shipping'), []) as shipping_lines
    from order_lines
    group by order_id
) as lines using (order_id)
order by orders.updated_at, id
