-- TikTok Shop returns and refunds (JSON Lines) to the feed refunds.
-- Traps: most states are of the request, only *_SUCCESS gave money back; times are unix seconds, and the refund counts
-- when it was paid (refund_time), not when it was asked for (create_time).
select
    _row,
    record ->> 'return_id' as refund_id,
    record ->> 'order_id' as order_id,
    case
        when record ->> 'return_status' like '%_SUCCESS' then 'succeeded'
        when record ->> 'return_status' like '%_PENDING' then 'pending'
        when record ->> 'return_status' like '%_REJECT%' or record ->> 'return_status' like '%_CANCEL' then 'failed'
        else record ->> 'return_status'
    end as status,
    record ->> '$.refund_amount.currency' as currency,
    record ->> '$.refund_amount.refund_total' as amount,
    record ->> 'return_reason_text' as reason,
    coalesce(
        cast(try(to_timestamp(cast(coalesce(record ->> 'refund_time', record ->> 'create_time') as bigint))) as varchar),
        coalesce(record ->> 'refund_time', record ->> 'create_time') || ' is not unix seconds'
    ) as refunded_at,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'update_time' as bigint))) as varchar),
        (record ->> 'update_time') || ' is not unix seconds'
    ) as updated_at,
    json_merge_patch(record, '{
        "return_id": null, "order_id": null, "return_status": null, "refund_amount": null, "return_reason_text": null,
        "refund_time": null, "update_time": null
    }') as source_fields
from source
