-- customer_360 shows of a customer what customer_lifetime_value calls the newest, and of nobody anything else.
with written as (

    select tenant_id, customer_id from {{ ref('customer_figures') }}
    where _build_id > {{ proven_build() }}
    union
    select tenant_id, customer_id from {{ ref('customer_forecasts') }}
    where _build_id > {{ proven_build() }}

)

select written.tenant_id, written.customer_id
from written
{{ look_up(ref('customer_360'), 'customers', {
    'tenant_id': 'written.tenant_id',
    'customer_id': 'written.customer_id',
}, kind='left') }}
{{ look_up(ref('customer_lifetime_value'), 'newest', {
    'tenant_id': 'written.tenant_id',
    'customer_id': 'written.customer_id',
    'is_newest': 'true',
}, kind='left') }}
where
    coalesce(customers.clv_as_of_date, date '1900-01-01') <> coalesce(newest.as_of_date, date '1900-01-01')
    or coalesce(customers.net_value_12m, 0) <> coalesce(newest.net_value_12m, 0)
    or coalesce(customers.clv_segment, '') <> coalesce(newest.segment, '')
    or customers.lifetime_value <> customers.net_revenue + newest.net_value_12m
