-- Every landed forecast stands in customer_forecasts as it was landed, beside the sum of the customer's orders up to its day, and
-- nothing else stands there.
with histories as (

    select
        standing.tenant_id,
        standing.customer_id,
        standing.as_of_date,
        sum(case when events.event_type = 'completion' then 1 else 0 end) as orders,
        sum(events.reporting_net_amount) as net_revenue
    from {{ ref('customer_forecasts') }} as standing
    {{ look_up(ref('int_orders__events'), 'events', {
        'tenant_id': 'standing.tenant_id',
        'customer_id': 'standing.customer_id',
    }) }}
    where standing._build_id > {{ proven_build() }} and standing.as_of_date >= events.event_date
    group by standing.tenant_id, standing.customer_id, standing.as_of_date

)

select landed.tenant_id, landed.customer_id, landed.as_of_date, 'does not stand' as defect
from {{ ref('stg_clv_forecasts') }} as landed
inner join {{ ref('int_tenants__published') }} as tenants on landed.tenant_id = tenants.tenant_id
where
    landed._load_id > {{ proven_load('clv_forecasts') }}
    and not exists (
        select 1 from {{ ref('customer_forecasts') }} as standing
        where
            landed.tenant_id = standing.tenant_id
            and landed.customer_id = standing.customer_id
            and landed.as_of_date = standing.as_of_date
            and landed.segment = standing.segment
            and landed.reporting_currency = standing.reporting_currency
            and landed.orders_12m = standing.orders_12m
            and landed.net_value_12m = standing.net_value_12m
            and landed.net_value_12m_low = standing.net_value_12m_low
            and landed.net_value_12m_high = standing.net_value_12m_high
            and coalesce(landed.alive_probability, -1) = coalesce(standing.alive_probability, -1)
    )
union all
select standing.tenant_id, standing.customer_id, standing.as_of_date, 'was not landed' as defect
from {{ ref('customer_forecasts') }} as standing
{{ look_up(ref('stg_clv_forecasts'), 'landed', {
    'tenant_id': 'standing.tenant_id',
    'customer_id': 'standing.customer_id',
    'as_of_date': 'standing.as_of_date',
}, kind='left') }}
where standing._build_id > {{ proven_build() }} and landed.customer_id is null
union all
select standing.tenant_id, standing.customer_id, standing.as_of_date, 'is not the sum of the orders' as defect
from {{ ref('customer_forecasts') }} as standing
left join histories
    on standing.tenant_id = histories.tenant_id
    and standing.customer_id = histories.customer_id
    and standing.as_of_date = histories.as_of_date
where
    standing._build_id > {{ proven_build() }}
    and (
        standing.orders_to_date <> coalesce(histories.orders, 0)
        or standing.net_revenue_to_date <> coalesce(histories.net_revenue, 0)
    )
