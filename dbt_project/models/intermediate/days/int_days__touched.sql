-- depends_on: {{ ref('stg_clicks') }}
-- One row per tenant-day, and the input it is for, on which a figure may have moved since the day facts last saw it. A day
-- counts when a row left it as well as when a row came to it. On the first build the facts take every day.
{%- set readers = ['int_clicks__hours', 'int_kols__days', 'hourly_aggregates', 'daily_aggregates', 'kol_day_changes', 'kol_roi_entries'] -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as date) as touched_date,
    cast(null as text) as cause
where false
{%- else %}
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

touched as (

    select tenant_id, event_date as touched_date, 'orders' as cause
    from {{ ref('int_orders__events') }}
    where _build_id > {{ since_build }}
    union all
    select tenant_id, first_order_date as touched_date, 'customers' as cause
    from {{ ref('int_customers__first_orders') }}
    where _build_id > {{ since_build }}
    union all
    select tenant_id, left_date as touched_date, 'left' as cause
    from {{ source('ops', 'left_days') }}
    where build_id > {{ since_build }}

    {% if has_changes('clicks', readers) -%}
    union all
    select clicks.tenant_id, {{ local_date('clicks.clicked_at', 'tenants.time_zone') }} as touched_date, 'clicks' as cause
    from {{ feed_changes('clicks', watermark('clicks', readers)) }} as clicks
    inner join tenants on clicks.tenant_id = tenants.tenant_id
    {%- endif %}

    {% if has_changes('tracking_tokens', readers) -%}
    {%- set tokens %}
        select
            tenant_id,
            token_id,
            token,
            min(issued_at) as issued_at,
            min(revoked_at) as revoked_at,
            count(*) = 1 as is_new,
            -- what tells whose a click is has changed, not only until when it counts
            min(kol_id) <> max(kol_id) or min(coalesce(campaign_id, '')) <> max(coalesce(campaign_id, ''))
            or min(issued_at) <> max(issued_at) or min(expires_at) <> max(expires_at) or max(case when _deleted then 1 else 0 end) = 1 as is_other
        from {{ feed_changes('tracking_tokens', watermark('tracking_tokens', readers)) }} as versions
        group by tenant_id, token_id, token
    {%- endset %}
    -- a token that is new tells whose its clicks are; a revoked one refuses those from then on
    union all
    select tokens.tenant_id, days.calendar_date as touched_date, 'tokens' as cause
    from ({{ tokens }}) as tokens
    inner join tenants on tokens.tenant_id = tenants.tenant_id
    inner join {{ ref('int_calendar__days') }} as days
        on days.calendar_date between
        {{ local_date('case when tokens.is_new then tokens.issued_at else coalesce(tokens.revoked_at, tokens.issued_at) end', 'tenants.time_zone') }}
        and tenants.as_of_date
    {% if is_building() and run_query('select 1 from (' ~ tokens ~ ') as tokens where is_other limit 1').rows | length > 0 -%}
    -- a corrected or withdrawn token, which is rare, is looked for among all clicks
    union all
    select clicks.tenant_id, {{ local_date('clicks.clicked_at', 'tenants.time_zone') }} as touched_date, 'tokens' as cause
    from {{ ref('stg_clicks') }} as clicks
    inner join ({{ tokens }}) as tokens
        on clicks.tenant_id = tokens.tenant_id and clicks.token = tokens.token and tokens.is_other
    inner join tenants on clicks.tenant_id = tenants.tenant_id
    {%- endif %}
    {%- endif %}

    {% if has_changes('ad_spend', readers) -%}
    union all
    select tenant_id, spend_date as touched_date, 'spend' as cause
    from {{ feed_changes('ad_spend', watermark('ad_spend', readers)) }} as spend
    {%- endif %}

    {% if has_changes('fx_rates', readers) -%}
    union all
    select rates.tenant_id, days.calendar_date as touched_date, 'rates' as cause
    from {{ feed_changes('fx_rates', watermark('fx_rates', readers)) }} as rates
    inner join tenants on rates.tenant_id = tenants.tenant_id
    inner join {{ ref('int_calendar__days') }} as days
        on days.calendar_date
        between rates.rate_date and least(rates.rate_date + {{ var('fx_max_age_days') }}, tenants.as_of_date)
    {%- endif %}

    -- every day of tenants whose settings changed or that were held back when the facts were last built
    union all
    select changed.tenant_id, days.calendar_date as touched_date, changed.cause
    from (
        {% if has_changes('tenants', readers) -%}
        select tenant_id, 'settings' as cause from {{ feed_changes('tenants', watermark('tenants', readers)) }} as versions
        union
        {%- endif %}
        select tenant_id, 'held' as cause from {{ source('ops', 'held_tenants') }} where build_id >= {{ since_build }}
    ) as changed
    inner join tenants on changed.tenant_id = tenants.tenant_id
    inner join {{ ref('int_calendar__days') }} as days on days.calendar_date <= tenants.as_of_date

)

select distinct touched.tenant_id, touched.touched_date, touched.cause
from touched
inner join tenants on touched.tenant_id = tenants.tenant_id
where touched.touched_date is not null
{%- endif %}
