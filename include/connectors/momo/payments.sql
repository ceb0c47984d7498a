-- MoMo transactions (payment notifications and queried refunds, JSON Lines) to the feed payments.
-- Traps: amounts are whole dong, not multiplied; only resultCode 0 is money, 1000 to 7002 are still under way; times are
-- milliseconds; a notification may come only once, so that the same movement also comes from polling.
select
    _row,
    record ->> 'transId' as payment_id,
    record ->> 'orderId' as order_id,
    case record ->> 'transType'
        when 'payment' then 'charge'
        when 'refund' then 'refund'
        when 'dispute' then 'chargeback'
        else record ->> 'transType'
    end as payment_type,
    case
        when record ->> 'resultCode' = '0' then 'succeeded'
        when record ->> 'resultCode' in ('1000', '7000', '7002', '9000') then 'pending'
        when try_cast(record ->> 'resultCode' as integer) is not null then 'failed'
        else record ->> 'resultCode'
    end as status,
    coalesce(record ->> 'currency', 'VND') as currency,
    record ->> 'amount' as amount,
    record ->> 'fee' as fee_amount,
    record ->> 'settlementId' as payout_id,
    record ->> 'payerRef' as payer_ref,
    coalesce(
        strftime(try(make_timestamp_ms(cast(record ->> 'responseTime' as bigint))), '%Y-%m-%dT%H:%M:%S.%fZ'),
        (record ->> 'responseTime') || ' is not unix milliseconds'
    ) as occurred_at,
    coalesce(
        strftime(try(make_timestamp_ms(cast(record ->> 'lastUpdated' as bigint))), '%Y-%m-%dT%H:%M:%S.%fZ'),
        (record ->> 'lastUpdated') || ' is not unix milliseconds'
    ) as updated_at,
    json_merge_patch(record, '{
        "transId": null, "orderId": null, "transType": null, "resultCode": null, "amount": null, "fee": null,
        "settlementId": null, "payerRef": null, "responseTime": null, "lastUpdated": null
    }') as source_fields
from source
