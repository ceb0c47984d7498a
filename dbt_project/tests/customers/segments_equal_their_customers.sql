-- A segment is the sum of its customers' forecasts, and the segments of a day are all of them. Either may have been written without
-- the other: what is landed beside the forecasts touches the segments alone.
with written as (

    select tenant_id, as_of_date
    from {{ ref('customer_forecasts') }}
    where _build_id > {{ proven_build() }}
    union
    select tenant_id, as_of_date
    from {{ ref('clv_segments') }}
    where _build_id > {{ proven_build() }}

),

segments as (

    select segments.*
    from {{ ref('clv_segments') }} as segments
    inner join written
        on segments.tenant_id = written.tenant_id
        and segments.as_of_date = written.as_of_date

),

forecasts as (

    select
        forecasts.tenant_id,
        forecasts.as_of_date,
        forecasts.segment,
        count(*) as customers,
        sum(forecasts.orders_12m) as orders_12m,
        sum(forecasts.net_value_12m) as net_value_12m
    from {{ ref('customer_forecasts') }} as forecasts
    inner join written
        on forecasts.tenant_id = written.tenant_id
        and forecasts.as_of_date = written.as_of_date
    group by forecasts.tenant_id, forecasts.as_of_date, forecasts.segment

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
    forecasts.segment is null
    or segments.segment is null
    or segments.customers <> forecasts.customers
    or segments.orders_12m <> forecasts.orders_12m
    or segments.net_value_12m <> forecasts.net_value_12m
