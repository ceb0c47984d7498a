{{ config(materialized='view') }}
-- One row per customer of a tenant that this build may publish: everything that the marts say of it. The marts look touched
-- customers up here, one by one; a build that takes much reads all.
with customers as (

    select tenant_id, customer_id from {{ ref('int_customers__records') }}
    union
    select tenant_id, customer_id from {{ ref('int_orders__events') }}
    where customer_id is not null

),

visited as (

    select
        tenant_id,
        customer_id,
        count(distinct visitor_id) as visitors,
        sum(clicks) as clicks
    from {{ ref('int_customers__visits') }}
    group by tenant_id, customer_id

)

select
    customers.tenant_id,
    customers.customer_id,
    coalesce(described.records, 0) as records,
    coalesce(described.customer_records, 0) as customer_records,
    coalesce(described.order_records, 0) as order_records,
    coalesce(described.sale_records, 0) as sale_records,
    described.sources,
    described.full_name,
    described.email,
    described.phone,
    described.birth_date,
    described.city,
    coalesce(visited.visitors, 0) as visitors,
    coalesce(visited.clicks, 0) as clicks,
    touches.first_touch_at,
    touches.first_touch_type,
    touches.first_touch_channel,
    touches.first_touch_kol_id,
    touches.last_touch_at,
    touches.last_touch_type,
    touches.last_touch_channel,
    touches.last_touch_kol_id,
    spend.first_order_at,
    spend.last_order_at,
    spend.last_order_date,
    coalesce(spend.online_orders, 0) as online_orders,
    coalesce(spend.store_orders, 0) as store_orders,
    coalesce(spend.online_spend, 0) as online_spend,
    coalesce(spend.store_spend, 0) as store_spend,
    coalesce(spend.net_revenue, 0) as net_revenue,
    coalesce(spend.returns, 0) as returns,
    coalesce(spend.returned_amount, 0) as returned_amount,
    coalesce(spend.year_spend, 0) as year_spend,
    described.loyalty_tier,
    described.accepts_email_marketing,
    described.email_consent_at,
    described.accepts_sms_marketing,
    described.sms_consent_at
from customers
inner join {{ ref('int_tenants__published') }} as tenants on customers.tenant_id = tenants.tenant_id
left join {{ ref('int_customers__described') }} as described
    on customers.tenant_id = described.tenant_id and customers.customer_id = described.customer_id
left join {{ ref('int_customers__spend') }} as spend
    on customers.tenant_id = spend.tenant_id and customers.customer_id = spend.customer_id
left join {{ ref('int_customers__touches') }} as touches
    on customers.tenant_id = touches.tenant_id and customers.customer_id = touches.customer_id
left join visited
    on customers.tenant_id = visited.tenant_id and customers.customer_id = visited.customer_id
