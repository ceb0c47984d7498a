-- Stripe events on charges, refunds and disputes (JSON Lines) to the feed payments.
-- Traps: amounts are whole numbers of the smallest unit, and VND is zero-decimal (10000 is 10,000 VND); currencies are
-- lower case; times are unix seconds; a partial refund is an object of its own; an object has no time of change, the event
-- has; the payout is known only once the balance transaction is settled.
with events as (
    select
        _row,
        record,
        record -> '$.data.object' as object,
        upper(record ->> '$.data.object.currency') as currency
    from source
),

amounts as (
    select
        *,
        cast(
            if(currency in (
                'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
            ), 1, if(currency in ('BHD', 'JOD', 'KWD', 'OMR', 'TND'), 0.001, 0.01)) as decimal(4, 3)
        ) as unit
    from events
)

select
    _row,
    object ->> 'id' as payment_id,
    object ->> '$.metadata.order_id' as order_id,
    case object ->> 'object' when 'dispute' then 'chargeback' else object ->> 'object' end as payment_type,
    case
        when object ->> 'status' in ('succeeded', 'lost') then 'succeeded'
        when object ->> 'status' in ('pending', 'requires_action', 'needs_response', 'under_review') then 'pending'
        when object ->> 'status' in ('failed', 'canceled', 'won') then 'failed'
        else object ->> 'status'
    end as status,
    currency,
    coalesce(
        cast(try_cast(object ->> 'amount' as decimal(24, 4)) * unit as varchar), object ->> 'amount'
    ) as amount,
    coalesce(
        cast(try_cast(object ->> '$.balance_transaction.fee' as decimal(24, 4)) * unit as varchar),
        object ->> '$.balance_transaction.fee'
    ) as fee_amount,
    object ->> '$.balance_transaction.payout' as payout_id,
    object ->> '$.payment_method_details.card.last4' as payer_ref,
    coalesce(
        cast(try(to_timestamp(cast(object ->> 'created' as bigint))) as varchar),
        (object ->> 'created') || ' is not unix seconds'
    ) as occurred_at,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'created' as bigint))) as varchar),
        (record ->> 'created') || ' is not unix seconds'
    ) as updated_at,
    json_merge_patch(record, '{"created": null, "data": null}') as source_fields
from amounts
