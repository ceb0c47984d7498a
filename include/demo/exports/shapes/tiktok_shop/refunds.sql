-- TikTok Shop's returns and refunds.
select
    refund_id as return_id,
    order_id,
    case status
        when 'succeeded' then 'RETURN_OR_REFUND_REQUEST_SUCCESS' when 'failed' then 'REFUND_OR_RETURN_REQUEST_REJECT'
        else 'RETURN_OR_REFUND_REQUEST_PENDING'
    end as return_status,
    {'currency': currency, 'refund_total': money(amount, currency)} as refund_amount,
    reason as return_reason_text,
    epoch_s(refunded_at) - 3600 as create_time,
    epoch_s(refunded_at) as refund_time,
    epoch_s(updated_at) as update_time
from refunds
order by updated_at, return_id
