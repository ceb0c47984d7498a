-- A courier's cash-on-delivery report: dots for thousands, a comma for decimals, local times.
select
    remittance_id as session_code,
    order_source || '/' || order_id as merchant_ref,
    currency,
    grouped(collected_amount, currency, '.', ',') as cod_amount,
    grouped(fee_amount, currency, '.', ',') as service_fee,
    grouped(net_amount, currency, '.', ',') as transfer_amount,
    courier_time(collected_at) as delivered_time,
    courier_time(remitted_at) as transferred_time,
    courier_time(updated_at) as updated_time
from remittances
order by updated_at, remittance_id, order_id
