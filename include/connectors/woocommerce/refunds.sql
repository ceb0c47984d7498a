-- WooCommerce refunds (REST v3 order refunds with their parent, JSON Lines) to the feed refunds.
-- Traps: the refund's amount overrides the sum of its lines, whose amounts are negative; only *_gmt dates are UTC; a refund
-- that the gateway did not pay back (refunded_payment false) is pending until it says otherwise.
with refunds as (
    select
        _row,
        record,
        coalesce(try_cast(record -> 'meta_data' as json[]), []) as meta
    from source
)

select
    _row,
    record ->> 'id' as refund_id,
    nullif(record ->> 'parent_id', '0') as order_id,
    case
        when list_filter(meta, lambda m: m ->> 'key' = '_refund_failed')[1] ->> 'value' = 'yes' then 'failed'
        when record ->> 'refunded_payment' = 'true' then 'succeeded'
        when record ->> 'refunded_payment' = 'false' then 'pending'
        else record ->> 'refunded_payment'
    end as status,
    record ->> 'currency' as currency,
    record ->> 'amount' as amount,
    nullif(record ->> 'reason', '') as reason,
    record ->> 'date_created_gmt' || 'Z' as refunded_at,
    coalesce(record ->> 'date_modified_gmt', record ->> 'date_created_gmt') || 'Z' as updated_at,
    json_merge_patch(record, '{
        "id": null, "parent_id": null, "currency": null, "amount": null, "reason": null, "date_created_gmt": null,
        "date_modified_gmt": null
    }') as source_fields
from refunds
