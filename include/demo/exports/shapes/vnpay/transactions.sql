-- VNPay's merchant report: amounts times 100, times at GMT+7.
select
    payment_id as "vnp_TransactionNo",
    order_id as "vnp_TxnRef",
    cast(cast(amount * 100 as bigint) as varchar) as "vnp_Amount",
    currency as "vnp_CurrCode",
    case payment_type when 'charge' then '01' when 'refund' then '03' else '04' end as "vnp_TransactionType",
    case status when 'succeeded' then '00' when 'pending' then '01' else '02' end as "vnp_TransactionStatus",
    if(status = 'succeeded', '00', '24') as "vnp_ResponseCode",
    payer_ref as "vnp_CardNumber",
    vnp_time(occurred_at) as "vnp_PayDate",
    cast(cast(fee_amount * 100 as bigint) as varchar) as "vnp_Fee",
    payout_id as "vnp_SettlementNo",
    vnp_time(updated_at) as "vnp_UpdateDate",
    'NCB' as "vnp_BankCode"
from payments
order by updated_at, payment_id
