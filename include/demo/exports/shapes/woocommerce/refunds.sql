-- WooCommerce's refund resource. Its negative lines add up to something else than its amount, as in real shops.
select
    refund_id as id,
    coalesce(order_id, '0') as parent_id,
    site_time(refunded_at) as date_created,
    gmt(refunded_at) as date_created_gmt,
    gmt(updated_at) as date_modified_gmt,
    currency,
    money(amount, currency) as amount,
    coalesce(reason, '') as reason,
    status = 'succeeded' as refunded_payment,
    if(status = 'failed', [{'key': '_refund_failed', 'value': 'yes'}], []) as meta_data,
    [{'quantity': -1, 'total': money(-amount / 2, currency)}] as line_items
from refunds
order by updated_at, id
