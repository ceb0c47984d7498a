-- TikTok Shop's statement transactions: fees are negative.
select
    remittance_id as statement_id,
    order_id,
    'ORDER' as type,
    currency,
    money(collected_amount, currency) as revenue_amount,
    money(-fee_amount, currency) as fee_amount,
    money(net_amount, currency) as settlement_amount,
    epoch_s(collected_at) as customer_paid_time,
    epoch_s(remitted_at) as statement_time,
    epoch_s(updated_at) as update_time
from remittances
order by updated_at, statement_id, order_id
