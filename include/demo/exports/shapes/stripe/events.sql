-- Stripe's events on charges, refunds and disputes: smallest units, lower-case currencies, unix seconds.
select
    'evt_' || md5(payment_id || cast(updated_at as varchar))[:24] as id,
    'event' as object,
    case payment_type
        when 'charge' then 'charge.' || status when 'refund' then 'refund.updated' else 'charge.dispute.updated'
    end as type,
    epoch_s(updated_at) as created,
    {
        'object': {
            'id': payment_id, 'object': if(payment_type = 'chargeback', 'dispute', payment_type),
            'amount': minor(amount, currency), 'currency': lower(currency),
            'status': case
                when payment_type <> 'chargeback' then status when status = 'succeeded' then 'lost'
                when status = 'failed' then 'won' else 'under_review'
            end,
            'created': epoch_s(occurred_at),
            'metadata': {'order_id': order_id},
            'balance_transaction': {'fee': minor(fee_amount, currency), 'payout': payout_id},
            'payment_method_details': {'card': {'last4': payer_ref}}
        }
    } as data
from payments
order by updated_at, payment_id
