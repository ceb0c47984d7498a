-- Shopify's refund resource. Its lines add up to something else than the money given back, as in real shops.
select
    refund_id as id,
    order_id,
    iso(refunded_at) as created_at,
    iso(refunded_at) as processed_at,
    iso(updated_at) as updated_at,
    reason as note,
    [{
        'kind': 'refund',
        'status': case status when 'succeeded' then 'success' when 'failed' then 'failure' else status end,
        'amount': money(amount, currency), 'currency': currency
    }] as transactions,
    [{'quantity': 1, 'subtotal': money(amount / 2, currency)}] as refund_line_items
from refunds
order by updated_at, id
