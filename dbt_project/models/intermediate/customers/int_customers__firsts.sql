{{ config(materialized='view') }}
-- One row per customer: the first completed order ever, online or in store, and the KOL who brought it, as the events say now.
with completions as (

    select
        *,
        row_number() over (partition by tenant_id, customer_id order by event_at, source, order_id, order_type) as order_number
    from {{ ref('int_orders__events') }}
    where event_type = 'completion' and customer_id is not null

)

select
    tenant_id,
    customer_id,
    source,
    order_id,
    event_at as first_order_at,
    event_date as first_order_date,
    hour_start_at,
    channel,
    campaign_id,
    case when credit_status = 'credited' then kol_id end as kol_id
from completions
where order_number = 1
