-- Shopify refunds (refund resource as refunds/create delivers it, JSON Lines) to the feed refunds.
-- Traps: the money given back is the sum of the refund's transactions, not of its lines; the refund counts on
-- processed_at, not on the order's date; a transaction that failed gave nothing back.
with refunds as (
    select
        _row,
        record,
        coalesce(try_cast(record -> 'transactions' as json[]), []) as transactions
    from source
),

judged as (
    select
        *,
        case
            when len(transactions) = 0 then null
            when len(list_filter(transactions, lambda t: t ->> 'status' = 'success')) > 0 then 'success'
            else transactions[1] ->> 'status'
        end as outcome
    from refunds
),

counted as (
    select
        *,
        list_transform(
            list_filter(transactions, lambda t: t ->> 'status' = outcome), lambda t: t ->> 'amount'
        ) as amounts
    from judged
)

select
    _row,
    record ->> 'id' as refund_id,
    record ->> 'order_id' as order_id,
    case outcome when 'success' then 'succeeded' when 'failure' then 'failed' when 'error' then 'failed' else outcome end
        as status,
    transactions[1] ->> 'currency' as currency,
    coalesce(
        list_filter(amounts, lambda a: try_cast(a as decimal(20, 4)) is null)[1],
        cast(list_sum(list_transform(amounts, lambda a: try_cast(a as decimal(20, 4)))) as varchar)
    ) as amount,
    record ->> 'note' as reason,
    coalesce(record ->> 'processed_at', record ->> 'created_at') as refunded_at,
    coalesce(record ->> 'updated_at', record ->> 'processed_at', record ->> 'created_at') as updated_at,
    json_merge_patch(record, '{
        "id": null, "order_id": null, "note": null, "processed_at": null, "updated_at": null, "transactions": null
    }') as source_fields
from counted
