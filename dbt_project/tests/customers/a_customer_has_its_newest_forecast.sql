-- customer_360 shows of a customer what customer_lifetime_value calls the newest, and of nobody anything else.
with customers as (

    select * from {{ ref('customer_360') }}

),

newest as (

    select * from {{ ref('customer_lifetime_value') }}
    where is_newest

)

select customers.tenant_id, customers.customer_id, 'shows another' as defect
from customers
left join newest on customers.tenant_id = newest.tenant_id and customers.customer_id = newest.customer_id
where
    customers._build_id > {{ proven_build() }}
    and (
        coalesce(customers.clv_as_of_date, date '1900-01-01') <> coalesce(newest.as_of_date, date '1900-01-01')
        or coalesce(customers.net_value_12m, 0) <> coalesce(newest.net_value_12m, 0)
        or coalesce(customers.clv_segment, '') <> coalesce(newest.segment, '')
        or customers.lifetime_value <> customers.net_revenue + newest.net_value_12m
    )
union all
select newest.tenant_id, newest.customer_id, 'is not shown' as defect
from newest
left join customers on newest.tenant_id = customers.tenant_id and newest.customer_id = customers.customer_id
where
    newest._build_id > {{ proven_build() }}
    and coalesce(customers.clv_as_of_date, date '1900-01-01') <> newest.as_of_date
