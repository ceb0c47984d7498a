-- Valid + bot + refused clicks of a tenant's day are the clicks of the feed on that day.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

hours as (

    select
        hours.tenant_id,
        hours.activity_date,
        sum(hours.clicks + hours.bot_clicks + hours.refused_clicks) as clicks
    from {{ ref('hourly_aggregates') }} as hours
    inner join tenants on hours.tenant_id = tenants.tenant_id
    where {{ is_unproven_day('hours.tenant_id', 'hours.activity_date', of_clicks=true) }}
    group by hours.tenant_id, hours.activity_date

),

{% if is_day_by_day() -%}
counted as (

    select
        touched.tenant_id,
        touched.touched_date as activity_date,
        (
            select count(*) from {{ ref('stg_clicks') }} as clicks
            where
                clicks.tenant_id = touched.tenant_id
                and clicks.clicked_at >= {{ day_start('touched.touched_date', 'tenants.time_zone') }}
                and clicks.clicked_at < {{ day_start('touched.touched_date + 1', 'tenants.time_zone') }}
        ) as clicks
    from (
        select distinct days.tenant_id, days.touched_date
        from {{ ref('int_days__touched') }} as days
        where {{ moves_clicks('days') }}
    ) as touched
    inner join tenants on touched.tenant_id = tenants.tenant_id

)
{%- else -%}
counted as (

    select
        clicks.tenant_id,
        {{ local_date('clicks.clicked_at', 'tenants.time_zone') }} as activity_date,
        count(*) as clicks
    from {{ ref('stg_clicks') }} as clicks
    inner join tenants on clicks.tenant_id = tenants.tenant_id
    group by 1, 2

)
{%- endif %}

select
    coalesce(hours.tenant_id, counted.tenant_id) as tenant_id,
    coalesce(hours.activity_date, counted.activity_date) as activity_date,
    hours.clicks as clicks_in_hours,
    counted.clicks as clicks_in_feed
from hours
full outer join counted on hours.tenant_id = counted.tenant_id and hours.activity_date = counted.activity_date
where coalesce(hours.clicks, 0) <> coalesce(counted.clicks, 0)
