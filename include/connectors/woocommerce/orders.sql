-- WooCommerce orders (REST v3, JSON Lines) to the feed orders.
-- Traps: date_created is the site's time, so only the *_gmt dates are read (they carry no offset and are UTC); there is
-- no cancellation date: the tracking plugin notes it in the order's meta, without it the last change counts; UTMs and the
-- token live in meta_data; an order paid and refunded in full has the status refunded and was paid all the same.
with orders as (
    select
        _row,
        record,
        coalesce(try_cast(record -> 'meta_data' as json[]), []) as meta
    from source
),

named as (
    select
        *,
        list_filter(meta, lambda m: m ->> 'key' = '_sokol_token')[1] ->> 'value' as note_token,
        list_filter(meta, lambda m: m ->> 'key' = '_wc_order_attribution_session_entry')[1] ->> 'value' as entry_url,
        list_filter(meta, lambda m: m ->> 'key' = '_sokol_cancelled_gmt')[1] ->> 'value' as noted_cancellation
    from orders
)

select
    _row,
    record ->> 'id' as order_id,
    nullif(record ->> 'customer_id', '0') as source_customer_id,
    nullif(concat_ws(' ', record ->> '$.billing.first_name', record ->> '$.billing.last_name'), '') as customer_name,
    record ->> '$.billing.email' as email,
    record ->> '$.billing.phone' as phone,
    nullif(concat_ws(
        ', ',
        nullif(record ->> '$.shipping.address_1', ''),
        nullif(record ->> '$.shipping.address_2', ''),
        nullif(record ->> '$.shipping.city', ''),
        nullif(record ->> '$.shipping.postcode', ''),
        nullif(record ->> '$.shipping.country', '')
    ), '') as shipping_address,
    coalesce(note_token, nullif(regexp_extract(entry_url, '[?&]sk=([^&#]+)', 1), '')) as token,
    list_filter(meta, lambda m: m ->> 'key' = '_sokol_click')[1] ->> 'value' as click_id,
    list_filter(meta, lambda m: m ->> 'key' = '_sokol_visitor')[1] ->> 'value' as visitor_id,
    record ->> '$.coupon_lines[0].code' as coupon_code,
    case record ->> 'status'
        when 'pending' then 'pending'
        when 'failed' then 'pending'
        when 'on-hold' then 'authorized'
        when 'processing' then if(record ->> 'date_paid_gmt' is null, 'authorized', 'paid')
        when 'completed' then 'fulfilled'
        when 'refunded' then 'fulfilled'
        when 'cancelled' then 'cancelled'
        else record ->> 'status'
    end as status,
    case
        when record ->> 'payment_method' in ('stripe', 'woocommerce_payments', 'square_credit_card') then 'card'
        when record ->> 'payment_method' in ('momo', 'vnpay', 'zalopay', 'ppcp-gateway', 'paypal') then 'wallet'
        when record ->> 'payment_method' = 'bacs' then 'bank_transfer'
        when record ->> 'payment_method' = 'cod' then 'cod'
        when record ->> 'payment_method' is not null then 'other'
    end as payment_method,
    record ->> 'currency' as currency,
    record ->> 'total' as gross_amount,
    record ->> 'discount_total' as discount_amount,
    record ->> 'shipping_total' as shipping_amount,
    record ->> 'total_tax' as vat_amount,
    coalesce(list_filter(meta, lambda m: m ->> 'key' = '_wcpay_mode')[1] ->> 'value' = 'test', false) as is_test,
    record ->> 'date_created_gmt' || 'Z' as ordered_at,
    record ->> 'date_paid_gmt' || 'Z' as paid_at,
    if(
        record ->> 'status' = 'cancelled', coalesce(noted_cancellation, record ->> 'date_modified_gmt') || 'Z', null
    ) as cancelled_at,
    record ->> 'date_modified_gmt' || 'Z' as updated_at,
    json_merge_patch(record, '{
        "id": null, "billing": null, "shipping": null, "coupon_lines": null, "line_items": null,
        "shipping_lines": null, "date_created_gmt": null, "date_paid_gmt": null, "date_modified_gmt": null
    }') as source_fields
from named
