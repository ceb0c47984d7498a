{{ config(materialized='view') }}
-- One row per refund that succeeded and per completed store return, with the order it names, if any.
select
    tenant_id,
    'web' as order_type,
    source,
    refund_id,
    order_id,
    currency,
    amount,
    refunded_at,
    _load_id
from {{ ref('stg_refunds') }}
where status = 'succeeded'
union all
select
    tenant_id,
    'store' as order_type,
    source,
    sale_id as refund_id,
    original_sale_id as order_id,
    currency,
    gross_amount as amount,
    sold_at as refunded_at,
    _load_id
from {{ ref('stg_pos_sales') }}
where sale_type = 'return' and status = 'completed' and gross_amount > 0
