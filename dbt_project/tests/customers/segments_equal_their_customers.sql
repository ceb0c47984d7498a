-- A segment is the sum of its customers' forecasts, and the segments of a day are all of them.
with segments as (

    select * from {{ ref('clv_segments') }}

),

forecasts as (

    select
        tenant_id,
        as_of_date,
        segment,
        count(*) as customers,
        sum(orders_12m) as orders_12m,
        sum(net_value_12m) as net_value_12m
    from {{ ref('customer_forecasts') }} as forecasts
    where
        exists (
            select 1 from {{ ref('customer_forecasts') }} as written
            where
                written._build_id > {{ proven_build() }}
                and forecasts.tenant_id = written.tenant_id
                and forecasts.as_of_date = written.as_of_date
        )
    group by tenant_id, as_of_date, segment

)

select
    coalesce(segments.tenant_id, forecasts.tenant_id) as tenant_id,
    coalesce(segments.as_of_date, forecasts.as_of_date) as as_of_date,
    coalesce(segments.segment, forecasts.segment) as segment
from forecasts
full outer join segments
    on forecasts.tenant_id = segments.tenant_id
    and forecasts.as_of_date = segments.as_of_date
    and forecasts.segment = segments.segment
where
    forecasts.segment is null and segments._build_id > {{ proven_build() }}
    or forecasts.segment is not null
    and (
        segments.segment is null
        or segments.customers <> forecasts.customers
        or segments.orders_12m <> forecasts.orders_12m
        or segments.net_value_12m <> forecasts.net_value_12m
    )
