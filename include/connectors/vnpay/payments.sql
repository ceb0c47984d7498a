-- VNPay transactions (merchant report, CSV) to the feed payments.
-- Traps: amounts are multiplied by 100 although the dong has no decimals; times are yyyyMMddHHmmss at GMT+7 without saying
-- so; types 02 and 03 are full and partial refunds; the card number is masked and stays masked.
select
    _row,
    vnp_TransactionNo as payment_id,
    vnp_TxnRef as order_id,
    case vnp_TransactionType
        when '01' then 'charge'
        when '02' then 'refund'
        when '03' then 'refund'
        when '04' then 'chargeback'
        else vnp_TransactionType
    end as payment_type,
    case vnp_TransactionStatus
        when '00' then 'succeeded'
        when '01' then 'pending'
        when '05' then 'pending'
        when '06' then 'pending'
        else if(regexp_full_match(vnp_TransactionStatus, '\d{2}'), 'failed', vnp_TransactionStatus)
    end as status,
    vnp_CurrCode as currency,
    coalesce(
        cast(try_cast(vnp_Amount as decimal(28, 4)) * cast(0.01 as decimal(3, 2)) as varchar), vnp_Amount
    ) as amount,
    coalesce(cast(try_cast(vnp_Fee as decimal(28, 4)) * cast(0.01 as decimal(3, 2)) as varchar), vnp_Fee) as fee_amount,
    vnp_SettlementNo as payout_id,
    vnp_CardNumber as payer_ref,
    if(
        regexp_full_match(vnp_PayDate, '\d{14}'),
        coalesce(
            strftime(try_strptime(vnp_PayDate, '%Y%m%d%H%M%S'), '%Y-%m-%dT%H:%M:%S+07:00'),
            vnp_PayDate || ' is no time'
        ),
        vnp_PayDate || ' is not yyyyMMddHHmmss'
    ) as occurred_at,
    if(
        regexp_full_match(vnp_UpdateDate, '\d{14}'),
        coalesce(
            strftime(try_strptime(vnp_UpdateDate, '%Y%m%d%H%M%S'), '%Y-%m-%dT%H:%M:%S+07:00'),
            vnp_UpdateDate || ' is no time'
        ),
        vnp_UpdateDate || ' is not yyyyMMddHHmmss'
    ) as updated_at,
    * exclude (
        _row, vnp_TransactionNo, vnp_TxnRef, vnp_TransactionType, vnp_TransactionStatus, vnp_CurrCode, vnp_Amount,
        vnp_Fee, vnp_SettlementNo, vnp_CardNumber, vnp_PayDate, vnp_UpdateDate
    )
from source
