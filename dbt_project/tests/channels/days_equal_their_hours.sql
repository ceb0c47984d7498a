-- What daily and hourly aggregates both have is the same for every tenant, day, channel and campaign.
{%- set measures = [
    'clicks', 'bot_clicks', 'refused_clicks', 'sessions', 'orders', 'gross', 'refunds', 'revenue', 'net_revenue', 'new_customers',
] %}
with days as (

    select * from {{ ref('daily_aggregates') }} as days
    where {{ is_unproven_day('days.tenant_id', 'days.activity_date') }}

),

hours as (

    select
        hours.tenant_id,
        hours.activity_date,
        hours.channel,
        hours.campaign_id,
        {% for measure in measures -%}
        sum(hours.{{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('hourly_aggregates') }} as hours
    where {{ is_unproven_day('hours.tenant_id', 'hours.activity_date') }}
    group by hours.tenant_id, hours.activity_date, hours.channel, hours.campaign_id

)

select
    coalesce(days.tenant_id, hours.tenant_id) as tenant_id,
    coalesce(days.activity_date, hours.activity_date) as activity_date,
    coalesce(days.channel, hours.channel) as channel,
    coalesce(days.campaign_id, hours.campaign_id) as campaign_id,
    days.tenant_id is not null as has_day,
    hours.tenant_id is not null as has_hours
from days
full outer join hours
    on days.tenant_id = hours.tenant_id
    and days.activity_date = hours.activity_date
    and days.channel = hours.channel
    and days.campaign_id = hours.campaign_id
where
    {% for measure in measures -%}
    coalesce(days.{{ measure }}, 0) <> coalesce(hours.{{ measure }}, 0){{ ' or' if not loop.last }}
    {% endfor %}
