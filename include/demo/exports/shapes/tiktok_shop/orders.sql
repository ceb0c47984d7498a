-- TikTok Shop's order resource. The platform bears half of the discount.
select
    order_id as id,
    case status
        when 'pending' then 'UNPAID' when 'authorized' then 'ON_HOLD' when 'paid' then 'AWAITING_SHIPMENT'
        when 'fulfilled' then 'COMPLETED' else 'CANCELLED'
    end as status,
    epoch_s(ordered_at) as create_time,
    epoch_s(paid_at) as paid_time,
    epoch_s(cancelled_at) as cancel_time,
    epoch_s(updated_at) as update_time,
    source_customer_id as user_id,
    email as buyer_email,
    {'name': customer_name, 'phone_number': phone, 'full_address': shipping_address} as recipient_address,
    {
        'currency': currency, 'total_amount': money(gross_amount, currency),
        'seller_discount': money(discount_amount - half, currency), 'platform_discount': money(half, currency),
        'shipping_fee': money(shipping_amount, currency), 'tax': money(vat_amount, currency),
        'seller_voucher_code': coupon_code
    } as payment,
    case payment_method
        when 'cod' then 'CASH_ON_DELIVERY' when 'card' then 'CARD' when 'wallet' then 'WALLET'
        when 'bank_transfer' then 'BANK_TRANSFER' when 'other' then 'OTHER' else 'TIKTOK_PAY'
    end as payment_method_name,
    is_test as is_sample_order,
    if(source_kol_ref is null, null, {'creator_username': source_kol_ref, 'commission_plan': 'open'}) as affiliate,
    coalesce(lines.item_list, []) as item_list
from (
    select *, cast(money(discount_amount / 2, currency) as decimal(20, 4)) as half from orders
) as orders
left join (
    select
        order_id,
        list({
            'order_line_id': line_id, 'seller_sku': sku, 'product_name': product_name, 'item_kind': upper(item_type),
            'quantity': cast(quantity as integer), 'sku_original_price': money(unit_price, currency),
            'line_discount': money(unit_price * cast(quantity as decimal(12, 4)) - line_amount, currency)
        } order by line_id) as item_list
    from order_lines
    group by order_id
) as lines using (order_id)
order by orders.updated_at, id
