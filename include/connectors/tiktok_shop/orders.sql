-- TikTok Shop orders (order resource, JSON Lines) to the feed orders.
-- Traps: the marketplace attributes orders itself (affiliate.creator_username), and its buyers carry no token, click or
-- visitor; times are unix seconds; the discount has a seller's and a platform's part; samples are sent to creators and
-- nobody pays for them.
select
    _row,
    record ->> 'id' as order_id,
    record ->> 'user_id' as source_customer_id,
    record ->> '$.recipient_address.name' as customer_name,
    record ->> 'buyer_email' as email,
    record ->> '$.recipient_address.phone_number' as phone,
    record ->> '$.recipient_address.full_address' as shipping_address,
    record ->> '$.payment.seller_voucher_code' as coupon_code,
    record ->> '$.affiliate.creator_username' as source_kol_ref,
    case record ->> 'status'
        when 'UNPAID' then 'pending'
        when 'ON_HOLD' then 'authorized'
        when 'AWAITING_SHIPMENT' then 'paid'
        when 'AWAITING_COLLECTION' then 'paid'
        when 'IN_TRANSIT' then 'fulfilled'
        when 'DELIVERED' then 'fulfilled'
        when 'COMPLETED' then 'fulfilled'
        when 'CANCELLED' then 'cancelled'
        else record ->> 'status'
    end as status,
    case record ->> 'payment_method_name'
        when 'CASH_ON_DELIVERY' then 'cod'
        when 'CARD' then 'card'
        when 'WALLET' then 'wallet'
        when 'BANK_TRANSFER' then 'bank_transfer'
        when 'OTHER' then 'other'
        else 'marketplace'
    end as payment_method,
    record ->> '$.payment.currency' as currency,
    record ->> '$.payment.total_amount' as gross_amount,
    coalesce(
        cast(
            try_cast(record ->> '$.payment.seller_discount' as decimal(20, 4))
            + try_cast(record ->> '$.payment.platform_discount' as decimal(20, 4)) as varchar
        ),
        'seller ' || (record ->> '$.payment.seller_discount')
        || ' + platform ' || (record ->> '$.payment.platform_discount')
    ) as discount_amount,
    record ->> '$.payment.shipping_fee' as shipping_amount,
    record ->> '$.payment.tax' as vat_amount,
    coalesce(record ->> 'is_sample_order', 'false') as is_test,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'create_time' as bigint))) as varchar),
        (record ->> 'create_time') || ' is not unix seconds'
    ) as ordered_at,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'paid_time' as bigint))) as varchar),
        (record ->> 'paid_time') || ' is not unix seconds'
    ) as paid_at,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'cancel_time' as bigint))) as varchar),
        (record ->> 'cancel_time') || ' is not unix seconds'
    ) as cancelled_at,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'update_time' as bigint))) as varchar),
        (record ->> 'update_time') || ' is not unix seconds'
    ) as updated_at,
    json_merge_patch(record, '{
        "id": null, "user_id": null, "recipient_address": null, "affiliate": null, "create_time": null,
        "paid_time": null, "cancel_time": null, "update_time": null, "item_list": null
    }') as source_fields
from source
