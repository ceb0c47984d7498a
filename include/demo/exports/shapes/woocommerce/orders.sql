-- WooCommerce's order resource. Every third order has its token in the attribution's entry page only.
select
    order_id as id,
    right(order_id, 6) as number,
    case status
        when 'pending' then 'pending' when 'authorized' then 'on-hold' when 'paid' then 'processing'
        when 'fulfilled' then 'completed' else status
    end as status,
    currency,
    site_time(ordered_at) as date_created,
    gmt(ordered_at) as date_created_gmt,
    gmt(updated_at) as date_modified_gmt,
    gmt(paid_at) as date_paid_gmt,
    money(gross_amount, currency) as total,
    money(discount_amount, currency) as discount_total,
    money(shipping_amount, currency) as shipping_total,
    money(vat_amount, currency) as total_tax,
    true as prices_include_tax,
    coalesce(source_customer_id, '0') as customer_id,
    {
        'first_name': customer_name[:coalesce(nullif(instr(customer_name, ' '), 0), 1000) - 1],
        'last_name': nullif(customer_name[coalesce(nullif(instr(customer_name, ' '), 0), 1000) + 1:], ''),
        'email': email, 'phone': phone
    } as billing,
    {
        'address_1': coalesce(address_part(shipping_address, 1), ''),
        'address_2': coalesce(address_part(shipping_address, 2), ''),
        'city': coalesce(address_part(shipping_address, 3), '')
    } as shipping,
    case payment_method
        when 'card' then 'stripe' when 'wallet' then 'momo' when 'bank_transfer' then 'bacs' when 'cod' then 'cod'
        else 'other_gateway'
    end as payment_method,
    list_filter([
        {'key': '_sokol_token', 'value': if(in_address, null, token)},
        {'key': '_wc_order_attribution_session_entry', 'value': if(in_address, 'https://shop.example/?sk=' || token, null)},
        {'key': '_wc_order_attribution_utm_source', 'value': if(token is null, null, 'kol')},
        {'key': '_sokol_click', 'value': click_id},
        {'key': '_sokol_visitor', 'value': visitor_id},
        {'key': '_sokol_cancelled_gmt', 'value': gmt(cancelled_at)},
        {'key': '_wcpay_mode', 'value': if(is_test, 'test', 'prod')}
    ], lambda m: m.value is not null) as meta_data,
    if(coupon_code is null, [], [{'code': coupon_code}]) as coupon_lines,
    coalesce(lines.line_items, []) as line_items,
    coalesce(lines.shipping_lines, []) as shipping_lines,
    coalesce(lines.fee_lines, []) as fee_lines
from (select *, token is not null and pick(order_id, 3) = 0 as in_address from orders) as orders
left join (
    select
        order_id,
        coalesce(list({
            'id': line_id, 'sku': sku, 'name': product_name, 'quantity': cast(quantity as integer),
            'subtotal': money(full_price - full_tax, currency), 'subtotal_tax': money(full_tax, currency),
            'total': money(line_amount - tax, currency), 'total_tax': money(tax, currency)
        } order by line_id) filter (item_type = 'product'), []) as line_items,
        coalesce(list({
            'id': line_id, 'method_title': product_name,
            'total': money(line_amount - tax, currency), 'total_tax': money(tax, currency)
        } order by line_id) filter (item_type = 'shipping'), []) as shipping_lines,
        coalesce(list({
            'id': line_id, 'name': product_name,
            'total': money(line_amount - tax, currency), 'total_tax': money(tax, currency)
        } order by line_id) filter (item_type not in ('product', 'shipping')), []) as fee_lines
    from (
        select
            *,
            cast(unit_price * cast(quantity as decimal(12, 4)) as decimal(20, 4)) as full_price,
            cast(money(unit_price * cast(quantity as decimal(12, 4)) / 11, currency) as decimal(20, 4)) as full_tax,
            cast(money(line_amount / 11, currency) as decimal(20, 4)) as tax
        from order_lines
    ) as order_lines
    group by order_id
) as lines using (order_id)
order by orders.updated_at, id
