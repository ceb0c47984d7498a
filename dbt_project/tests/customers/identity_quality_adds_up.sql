-- The parts of identity_quality make its wholes, and the wholes are those of customer_360 and of the orders.
with customers as (

    select
        tenant_id,
        sum(records) as records,
        sum(orders) as orders,
        sum(clicks) as clicks,
        sum(visitors) as visitors,
        sum(case when records > 0 then 1 else 0 end) as customers
    from {{ ref('customer_360') }}
    group by tenant_id

)

select quality.tenant_id
from {{ ref('identity_quality') }} as quality
left join customers on quality.tenant_id = customers.tenant_id
where
    quality.records <> coalesce(customers.records, 0)
    or quality.customers <> coalesce(customers.customers, 0)
    or quality.orders_of_customers <> coalesce(customers.orders, 0)
    or quality.clicks_of_customers <> coalesce(customers.clicks, 0)
    or quality.resolved_visitors <> coalesce(customers.visitors, 0)
    or quality.records <> quality.customer_records + quality.order_records + quality.sale_records
    or quality.customers <> quality.customers_of_1_record + quality.customers_of_2_records + quality.customers_of_3_records
    + quality.customers_of_4_records + quality.customers_of_5_to_9_records + quality.customers_of_10_or_more_records
    or quality.orders_of_customers > quality.orders
    or quality.clicks_of_customers > quality.clicks
