-- TikTok Shop statement transactions (JSON Lines) to the feed remittances: one row per order in a payout.
-- Traps: fees are negative; the payout's time stands on the statement and is empty while the money is owed; times are
-- unix seconds.
select
    _row,
    record ->> 'statement_id' as remittance_id,
    getvariable('source') as order_source,
    record ->> 'order_id' as order_id,
    'marketplace' as remittance_type,
    record ->> 'currency' as currency,
    record ->> 'revenue_amount' as collected_amount,
    coalesce(
        cast(-try_cast(record ->> 'fee_amount' as decimal(24, 6)) as varchar), record ->> 'fee_amount'
    ) as fee_amount,
    record ->> 'settlement_amount' as net_amount,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'customer_paid_time' as bigint))) as varchar),
        (record ->> 'customer_paid_time') || ' is not unix seconds'
    ) as collected_at,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'statement_time' as bigint))) as varchar),
        (record ->> 'statement_time') || ' is not unix seconds'
    ) as remitted_at,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'update_time' as bigint))) as varchar),
        (record ->> 'update_time') || ' is not unix seconds'
    ) as updated_at,
    json_merge_patch(record, '{
        "statement_id": null, "order_id": null, "currency": null, "revenue_amount": null, "fee_amount": null,
        "settlement_amount": null, "customer_paid_time": null, "statement_time": null, "update_time": null
    }') as source_fields
from source
