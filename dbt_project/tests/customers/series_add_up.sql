-- The cohorts of a month and its segments each add up to the tenant's series, and the tenant's twelve months to the segments of the
-- day, unless these sum a forecast that was made after the series: forecasts and series are two loads, and a build between them is
-- not wrong. A day without series is not looked at.
with sums as (

    select
        tenant_id,
        as_of_date,
        month_no,
        series_type,
        sum(customers) as customers,
        sum(orders) as orders,
        sum(net_value) as net_value,
        max(forecast_at) as forecast_at
    from {{ ref('clv_series') }} as series
    where
        exists (
            select 1 from {{ ref('clv_series') }} as written
            where
                written._build_id > {{ proven_build() }}
                and series.tenant_id = written.tenant_id
                and series.as_of_date = written.as_of_date
        )
    group by tenant_id, as_of_date, month_no, series_type

),

years as (

    select
        tenant_id,
        as_of_date,
        sum(net_value) as net_value,
        max(forecast_at) as forecast_at
    from sums
    where series_type = 'tenant'
    group by tenant_id, as_of_date
    having count(*) = 12

),

segments as (

    select
        tenant_id,
        as_of_date,
        sum(net_value_12m) as net_value_12m
    from {{ ref('clv_segments') }}
    group by tenant_id, as_of_date

)

select tenant_id, as_of_date, month_no, 'cohorts, segments and tenant differ' as defect
from sums
group by tenant_id, as_of_date, month_no
having
    count(*) <> 3
    or max(customers) <> min(customers)
    or max(orders) - min(orders) > 0.0001
    or max(net_value) <> min(net_value)
union all
select years.tenant_id, years.as_of_date, null as month_no, 'twelve months differ from the segments' as defect
from years
left join segments
    on years.tenant_id = segments.tenant_id
    and years.as_of_date = segments.as_of_date
where
    (segments.net_value_12m is null or years.net_value <> segments.net_value_12m)
    and not exists (
        select 1 from {{ ref('customer_forecasts') }} as forecasts
        where
            years.tenant_id = forecasts.tenant_id
            and years.as_of_date = forecasts.as_of_date
            and years.forecast_at < forecasts.forecast_at
    )
