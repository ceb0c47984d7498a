{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_touched(ref('int_days__touched'), {'tenant_id': 'tenant_id', 'activity_date': 'touched_date'}) }}",
        post_hook=["{{ advance(['clicks', 'tracking_tokens', 'ad_spend', 'fx_rates', 'tenants']) }}"],
    )
}}
-- One row per tenant, day, channel and campaign with activity or spend. Counts and amounts add up; ratios do not.
with days as (

    select distinct tenant_id, touched_date from {{ ref('int_days__touched') }}

),

tenants as (

    select * from {{ ref('int_tenants__published') }}

),

hours as (

    select
        hours.tenant_id,
        hours.activity_date,
        hours.channel,
        hours.campaign_id,
        sum(hours.clicks) as clicks,
        sum(hours.bot_clicks) as bot_clicks,
        sum(hours.refused_clicks) as refused_clicks,
        sum(hours.sessions) as sessions,
        sum(hours.orders) as orders,
        sum(hours.gross) as gross,
        sum(hours.refunds) as refunds,
        sum(hours.net_revenue) as net_revenue,
        sum(hours.new_customers) as new_customers,
        0 as impressions,
        0 as ad_clicks,
        0 as spend,
        0 as is_foreign_day
    from {{ ref('hourly_aggregates') }} as hours
    inner join tenants on hours.tenant_id = tenants.tenant_id
    {% if is_incremental() -%}
    inner join days on hours.tenant_id = days.tenant_id and hours.activity_date = days.touched_date
    {%- endif %}
    group by hours.tenant_id, hours.activity_date, hours.channel, hours.campaign_id

),

ad_spend as (

    select
        spend.tenant_id,
        spend.spend_date as activity_date,
        spend.platform as channel,
        spend.campaign_id,
        sum(spend.impressions) as impressions,
        sum(spend.clicks) as ad_clicks,
        sum(
            case
                when spend.spend = 0 then 0
                else round(
                    spend.spend * case when spend.currency = tenants.reporting_currency then 1 else rates.rate end,
                    tenants.reporting_minor_units
                )
            end
        ) as spend,
        max(case when spend.account_time_zone <> tenants.time_zone then 1 else 0 end) as is_foreign_day
    from {{ ref('stg_ad_spend') }} as spend
    inner join tenants on spend.tenant_id = tenants.tenant_id
    {% if is_incremental() -%}
    inner join days on spend.tenant_id = days.tenant_id and spend.spend_date = days.touched_date
    {%- endif %}
    left join {{ ref('int_fx__days') }} as rates
        on spend.tenant_id = rates.tenant_id
        and spend.currency = rates.from_currency
        and tenants.reporting_currency = rates.to_currency
        and spend.spend_date = rates.fx_date
    group by spend.tenant_id, spend.spend_date, spend.platform, spend.campaign_id

),

unioned as (

    select * from hours
    union all
    select
        tenant_id,
        activity_date,
        channel,
        campaign_id,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        impressions,
        ad_clicks,
        spend,
        is_foreign_day
    from ad_spend

),

sums as (

    select
        unioned.tenant_id,
        unioned.activity_date,
        unioned.channel,
        unioned.campaign_id,
        tenants.reporting_currency,
        max(unioned.is_foreign_day) as is_foreign_day,
        {% for measure in [
            'impressions', 'ad_clicks', 'spend', 'clicks', 'bot_clicks', 'refused_clicks', 'sessions', 'orders', 'gross', 'refunds',
            'net_revenue', 'new_customers',
        ] -%}
        sum(unioned.{{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from unioned
    inner join tenants on unioned.tenant_id = tenants.tenant_id
    group by unioned.tenant_id, unioned.activity_date, unioned.channel, unioned.campaign_id, tenants.reporting_currency

),

final as (

    select
        tenant_id,
        activity_date,
        channel,
        campaign_id,
        reporting_currency,
        is_foreign_day = 1 as is_foreign_day,
        cast(impressions as bigint) as impressions,
        cast(ad_clicks as bigint) as ad_clicks,
        cast(spend as numeric(20, 4)) as spend,
        cast(clicks as bigint) as clicks,
        cast(bot_clicks as bigint) as bot_clicks,
        cast(refused_clicks as bigint) as refused_clicks,
        cast(sessions as bigint) as sessions,
        cast(orders as bigint) as orders,
        cast(gross as numeric(20, 4)) as gross,
        cast(refunds as numeric(20, 4)) as refunds,
        cast(gross - refunds as numeric(20, 4)) as revenue,
        cast(net_revenue as numeric(20, 4)) as net_revenue,
        cast(new_customers as bigint) as new_customers,
        cast({{ ratio('ad_clicks', 'impressions') }} as numeric(20, 4)) as ctr,
        cast({{ ratio('spend', 'ad_clicks') }} as numeric(20, 4)) as cpc,
        cast({{ ratio('spend', 'impressions', 1000) }} as numeric(20, 4)) as cpm,
        cast({{ ratio('spend', 'new_customers') }} as numeric(20, 4)) as cpa,
        cast({{ ratio('gross - refunds', 'spend') }} as numeric(20, 4)) as roas
    from sums

)

select * from final
