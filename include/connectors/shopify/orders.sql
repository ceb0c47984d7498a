-- Shopify orders (Admin API order resource, JSON Lines) to the feed orders.
-- Traps: amounts are those of *_price_set.shop_money, never the presentment ones; the payment time stands in the
-- transactions; landing_site can be a wallet's address, so the token is looked for in note_attributes first; orders
-- placed to try the shop have test = true; a refunded order keeps its amounts, refunds are a feed of their own.
with orders as (
    select
        _row,
        record,
        coalesce(try_cast(record -> 'note_attributes' as json[]), []) as notes,
        list_filter(
            coalesce(try_cast(record -> 'transactions' as json[]), []),
            lambda t: t ->> 'kind' in ('sale', 'capture') and t ->> 'status' = 'success'
        ) as payments,
        lower(record ->> '$.payment_gateway_names[0]') as gateway
    from source
)

select
    _row,
    record ->> 'id' as order_id,
    record ->> '$.customer.id' as source_customer_id,
    record ->> '$.billing_address.name' as customer_name,
    record ->> 'email' as email,
    record ->> 'phone' as phone,
    nullif(concat_ws(
        ', ',
        record ->> '$.shipping_address.address1',
        record ->> '$.shipping_address.address2',
        record ->> '$.shipping_address.city',
        record ->> '$.shipping_address.zip',
        record ->> '$.shipping_address.country_code'
    ), '') as shipping_address,
    coalesce(
        list_filter(notes, lambda n: n ->> 'name' = 'sokol_token')[1] ->> 'value',
        nullif(regexp_extract(record ->> 'landing_site', '[?&]sk=([^&#]+)', 1), '')
    ) as token,
    list_filter(notes, lambda n: n ->> 'name' = 'sokol_click')[1] ->> 'value' as click_id,
    list_filter(notes, lambda n: n ->> 'name' = 'sokol_visitor')[1] ->> 'value' as visitor_id,
    record ->> '$.discount_codes[0].code' as coupon_code,
    case
        when record ->> 'cancelled_at' is not null then 'cancelled'
        when record ->> 'fulfillment_status' = 'fulfilled' then 'fulfilled'
        when record ->> 'financial_status' in ('paid', 'partially_refunded', 'refunded') then 'paid'
        when record ->> 'financial_status' in ('authorized', 'partially_paid') then 'authorized'
        when record ->> 'financial_status' in ('pending', 'voided', 'expired') then 'pending'
        else record ->> 'financial_status'
    end as status,
    case
        when gateway in ('shopify_payments', 'stripe', 'credit_card') then 'card'
        when gateway in ('momo', 'vnpay', 'zalopay', 'paypal', 'apple_pay', 'google_pay') then 'wallet'
        when gateway in ('bank deposit', 'bank transfer') then 'bank_transfer'
        when gateway like 'cash on delivery%' then 'cod'
        when gateway is not null then 'other'
    end as payment_method,
    record ->> '$.total_price_set.shop_money.currency_code' as currency,
    record ->> '$.total_price_set.shop_money.amount' as gross_amount,
    record ->> '$.total_discounts_set.shop_money.amount' as discount_amount,
    record ->> '$.total_shipping_price_set.shop_money.amount' as shipping_amount,
    record ->> '$.total_tax_set.shop_money.amount' as vat_amount,
    record ->> 'test' as is_test,
    record ->> 'created_at' as ordered_at,
    list_min(list_transform(payments, lambda t: coalesce(
        strftime(timezone('UTC', try_cast(t ->> 'processed_at' as timestamptz)), '%Y-%m-%dT%H:%M:%S.%fZ'),
        '!unreadable processed_at: ' || coalesce(t ->> 'processed_at', 'missing')
    ))) as paid_at,
    record ->> 'cancelled_at' as cancelled_at,
    record ->> 'updated_at' as updated_at,
    json_merge_patch(record, '{
        "id": null, "email": null, "phone": null, "billing_address": null, "shipping_address": null,
        "discount_codes": null, "test": null, "created_at": null, "cancelled_at": null, "updated_at": null,
        "line_items": null, "shipping_lines": null, "note_attributes": null
    }') as source_fields
from orders
