{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'activity_date']}],
        pre_hook="{{ delete_touched(ref('int_days__touched'), {'tenant_id': 'tenant_id', 'activity_date': 'touched_date'}) }}",
        post_hook=["{{ advance(['clicks', 'tracking_tokens', 'ad_spend', 'fx_rates', 'tenants']) }}"],
    )
}}
-- One row per tenant, local hour, channel and campaign with activity. Everything adds up over hours, channels and campaigns.
-- Ad platforms report by day: their spend stands in daily_aggregates.
with days as (

    select distinct tenant_id, touched_date from {{ ref('int_days__touched') }}

),

tenants as (

    select * from {{ ref('int_tenants__published') }}

),

order_events as (

    select
        events.tenant_id,
        events.event_date as activity_date,
        events.hour_start_at,
        events.channel,
        events.campaign_id,
        sum(case when events.event_type = 'completion' then 1 else 0 end) as orders,
        sum(case when events.event_type = 'completion' then events.reporting_gross_amount else 0 end) as gross,
        -sum(case when events.event_type <> 'completion' then events.reporting_gross_amount else 0 end) as refunds,
        sum(events.reporting_net_amount) as net_revenue
    from {{ ref('int_orders__events') }} as events
    {% if is_incremental() -%}
    inner join days on events.tenant_id = days.tenant_id and events.event_date = days.touched_date
    {%- endif %}
    group by events.tenant_id, events.event_date, events.hour_start_at, events.channel, events.campaign_id

),

customers as (

    select
        first_orders.tenant_id,
        first_orders.first_order_date as activity_date,
        first_orders.hour_start_at,
        first_orders.channel,
        first_orders.campaign_id,
        count(*) as new_customers
    from {{ ref('int_customers__first_orders') }} as first_orders
    {% if is_incremental() -%}
    inner join days on first_orders.tenant_id = days.tenant_id and first_orders.first_order_date = days.touched_date
    {%- endif %}
    group by
        first_orders.tenant_id,
        first_orders.first_order_date,
        first_orders.hour_start_at,
        first_orders.channel,
        first_orders.campaign_id

),

clicks as (

    select
        clicks.tenant_id,
        clicks.click_date as activity_date,
        clicks.hour_start_at,
        clicks.channel,
        clicks.campaign_id,
        sum(clicks.clicks) as clicks,
        sum(clicks.bot_clicks) as bot_clicks,
        sum(clicks.refused_clicks) as refused_clicks,
        sum(clicks.sessions) as sessions
    from {{ ref('int_clicks__hours') }} as clicks
    {% if is_incremental() -%}
    inner join days on clicks.tenant_id = days.tenant_id and clicks.click_date = days.touched_date
    {%- endif %}
    group by clicks.tenant_id, clicks.click_date, clicks.hour_start_at, clicks.channel, clicks.campaign_id

),

unioned as (

    select
        tenant_id,
        activity_date,
        hour_start_at,
        channel,
        campaign_id,
        orders,
        gross,
        refunds,
        net_revenue,
        0 as new_customers,
        0 as clicks,
        0 as bot_clicks,
        0 as refused_clicks,
        0 as sessions
    from order_events
    union all
    select tenant_id, activity_date, hour_start_at, channel, campaign_id, 0, 0, 0, 0, new_customers, 0, 0, 0, 0
    from customers
    union all
    select tenant_id, activity_date, hour_start_at, channel, campaign_id, 0, 0, 0, 0, 0, clicks, bot_clicks, refused_clicks, sessions
    from clicks

),

final as (

    select
        unioned.tenant_id,
        unioned.hour_start_at,
        unioned.activity_date,
        unioned.channel,
        unioned.campaign_id,
        tenants.reporting_currency,
        cast(sum(unioned.clicks) as bigint) as clicks,
        cast(sum(unioned.bot_clicks) as bigint) as bot_clicks,
        cast(sum(unioned.refused_clicks) as bigint) as refused_clicks,
        cast(sum(unioned.sessions) as bigint) as sessions,
        cast(sum(unioned.orders) as bigint) as orders,
        cast(sum(unioned.gross) as numeric(20, 4)) as gross,
        cast(sum(unioned.refunds) as numeric(20, 4)) as refunds,
        cast(sum(unioned.gross) - sum(unioned.refunds) as numeric(20, 4)) as revenue,
        cast(sum(unioned.net_revenue) as numeric(20, 4)) as net_revenue,
        cast(sum(unioned.new_customers) as bigint) as new_customers
    from unioned
    inner join tenants on unioned.tenant_id = tenants.tenant_id
    group by
        unioned.tenant_id,
        unioned.hour_start_at,
        unioned.activity_date,
        unioned.channel,
        unioned.campaign_id,
        tenants.reporting_currency

)

select * from final
