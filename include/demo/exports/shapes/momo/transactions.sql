-- MoMo's notifications: whole dong, milliseconds.
select
    'MOMOSHOP' as "partnerCode",
    payment_id as "transId",
    order_id as "orderId",
    case payment_type when 'charge' then 'payment' when 'refund' then 'refund' else 'dispute' end as "transType",
    cast(amount as bigint) as amount,
    cast(fee_amount as bigint) as fee,
    payout_id as "settlementId",
    case status when 'succeeded' then 0 when 'pending' then 7000 else 1006 end as "resultCode",
    payer_ref as "payerRef",
    epoch_ms(occurred_at) as "responseTime",
    epoch_ms(updated_at) as "lastUpdated"
from payments
order by updated_at, payment_id
