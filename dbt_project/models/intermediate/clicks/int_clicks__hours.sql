-- depends_on: {{ ref('int_tenants__settings') }}, {{ ref('int_days__touched') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'click_date']}],
        pre_hook=[
            "{{ delete_touched(ref('int_days__touched'), {'tenant_id': 'tenant_id', 'click_date': 'touched_date'}, also=moves_clicks('touched')) }}",
            "{{ prefer_hashing() }}",
        ],
        post_hook=["{{ advance(['clicks', 'tracking_tokens', 'ad_spend', 'fx_rates', 'tenants']) }}"],
    )
}}
-- One row per tenant, local hour, channel, campaign and KOL with clicks. A session stands in the hour of its first valid click.
-- The clicks of the days come by their time, and all that they are joined to is small: hashing, whatever the planner expects.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

clicks as (

    select
        clicks.*,
        tenants.time_zone,
        {{ local_date('clicks.clicked_at', 'tenants.time_zone') }} as click_date,
        {{ hour_start('clicks.clicked_at', 'tenants.time_zone') }} as hour_start_at
    from {{ ref('int_clicks__screened') }} as clicks
    inner join tenants on clicks.tenant_id = tenants.tenant_id
    {% if is_incremental() -%}
    where {{ within_spans('clicks.clicked_at', touched_day_spans(ref('int_days__touched'))) }}
    {%- endif %}

),

tokens as (

    select * from {{ ref('stg_tracking_tokens') }}

),

judged as (

    select
        clicks.tenant_id,
        clicks.click_date,
        clicks.hour_start_at,
        {{ click_channel('clicks.token', 'tokens.token_id', 'clicks.utm_medium', 'clicks.utm_source') }} as channel,
        coalesce(case when tokens.token_id is not null then tokens.campaign_id else clicks.utm_campaign end, '(none)') as campaign_id,
        coalesce(tokens.kol_id, '(none)') as kol_id,
        clicks.visitor_id,
        case
            when clicks.is_bot then 'bot'
            when clicks.token is not null and tokens.token_id is null then 'refused'
            when clicks.clicked_at < tokens.issued_at or clicks.clicked_at >= tokens.expires_at or clicks.clicked_at >= tokens.revoked_at
                then 'refused'
            else 'valid'
        end as verdict
    from clicks
    left join tokens on clicks.tenant_id = tokens.tenant_id and clicks.token = tokens.token

),

visits as (

    select
        tenant_id,
        click_date,
        channel,
        campaign_id,
        kol_id,
        visitor_id,
        min(hour_start_at) as hour_start_at
    from judged
    where verdict = 'valid' and visitor_id is not null
    group by tenant_id, click_date, channel, campaign_id, kol_id, visitor_id

),

counted as (

    select
        tenant_id,
        click_date,
        hour_start_at,
        channel,
        campaign_id,
        kol_id,
        case when verdict = 'valid' then 1 else 0 end as clicks,
        case when verdict = 'bot' then 1 else 0 end as bot_clicks,
        case when verdict = 'refused' then 1 else 0 end as refused_clicks,
        0 as sessions
    from judged
    union all
    select
        tenant_id,
        click_date,
        hour_start_at,
        channel,
        campaign_id,
        kol_id,
        0 as clicks,
        0 as bot_clicks,
        0 as refused_clicks,
        1 as sessions
    from visits

)

select
    tenant_id,
    click_date,
    hour_start_at,
    channel,
    campaign_id,
    kol_id,
    sum(clicks) as clicks,
    sum(bot_clicks) as bot_clicks,
    sum(refused_clicks) as refused_clicks,
    sum(sessions) as sessions
from counted
{% if is_incremental() -%}
-- the spans may hold days that another tenant's clicks have touched
where exists (
    select 1 from {{ ref('int_days__touched') }} as touched
    where
        counted.tenant_id = touched.tenant_id
        and counted.click_date = touched.touched_date
        and {{ moves_clicks('touched') }}
)
{% endif -%}
group by tenant_id, click_date, hour_start_at, channel, campaign_id, kol_id
