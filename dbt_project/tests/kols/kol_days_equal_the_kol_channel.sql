-- What the KOLs of a tenant brought on a day is what the channel kol shows; what a marketplace attributes stands apart.
with kols as (

    select
        tenant_id,
        activity_date,
        sum(orders) as orders,
        sum(gross) as gross,
        sum(refunds) as refunds,
        sum(net_revenue) as net_revenue,
        sum(clicks) as clicks,
        sum(bot_clicks) as bot_clicks,
        sum(refused_clicks) as refused_clicks,
        sum(new_customers) as new_customers
    from {{ ref('kol_roi_daily') }}
    group by tenant_id, activity_date

),

channels as (

    select
        days.tenant_id,
        days.activity_date,
        sum(days.orders) as orders,
        sum(days.gross) as gross,
        sum(days.refunds) as refunds,
        sum(days.net_revenue) as net_revenue,
        sum(days.clicks) as clicks,
        sum(days.bot_clicks) as bot_clicks,
        sum(days.refused_clicks) as refused_clicks,
        sum(days.new_customers) as new_customers
    from {{ ref('daily_aggregates') }} as days
    inner join {{ ref('int_tenants__published') }} as tenants
        on days.tenant_id = tenants.tenant_id and days.activity_date <= tenants.as_of_date
    where days.channel = 'kol'
    group by days.tenant_id, days.activity_date

)

select
    coalesce(kols.tenant_id, channels.tenant_id) as tenant_id,
    coalesce(kols.activity_date, channels.activity_date) as activity_date
from kols
full outer join channels on kols.tenant_id = channels.tenant_id and kols.activity_date = channels.activity_date
where
    exists (
        select 1 from {{ ref('int_tenants__published') }} as tenants
        where tenants.tenant_id = coalesce(kols.tenant_id, channels.tenant_id)
    )
    and (
        {% for measure in ['orders', 'gross', 'refunds', 'net_revenue', 'clicks', 'bot_clicks', 'refused_clicks', 'new_customers'] -%}
        coalesce(kols.{{ measure }}, 0) <> coalesce(channels.{{ measure }}, 0){{ ' or' if not loop.last }}
        {% endfor %}
    )
