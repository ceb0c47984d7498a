-- The clicks of a tenant's UTC day in the visits are those of the feed that a person with a visitor cookie made.
{%- set written = "select distinct tenant_id, utc_day_at from " ~ ref('int_visitors__visits') ~ " where _build_id > " ~ proven_build() %}
with days as (

    {{ written }}

),

visits as (

    select
        visits.tenant_id,
        visits.utc_day_at,
        sum(visits.clicks) as clicks
    from {{ ref('int_visitors__visits') }} as visits
    inner join days on visits.tenant_id = days.tenant_id and visits.utc_day_at = days.utc_day_at
    group by visits.tenant_id, visits.utc_day_at

),

clicks as (

    select
        clicks.tenant_id,
        date_trunc('day', clicks.clicked_at) as utc_day_at,
        count(*) as clicks
    from {{ ref('int_clicks__screened') }} as clicks
    where
        not clicks.is_bot
        and clicks.visitor_id is not null
        {% if proven_build() > 0 -%}
        and (
            clicks._load_id > {{ proven_load('clicks') }}
            or {{ within_spans('clicks.clicked_at', "select utc_day_at as started_at, utc_day_at + interval '1 day' as ended_at from (" ~ written ~ ") as days") }}
        )
        {%- endif %}
    group by 1, 2

)

select
    coalesce(visits.tenant_id, clicks.tenant_id) as tenant_id,
    coalesce(visits.utc_day_at, clicks.utc_day_at) as utc_day_at,
    visits.clicks as clicks_in_visits,
    clicks.clicks as clicks_in_feed
from visits
full outer join clicks on visits.tenant_id = clicks.tenant_id and visits.utc_day_at = clicks.utc_day_at
where
    coalesce(visits.clicks, 0) <> coalesce(clicks.clicks, 0)
    {%- if proven_build() > 0 %}
    -- the spans may hold days that another tenant's clicks have touched
    and (
        visits.tenant_id is not null
        or not exists (
            select 1 from {{ ref('int_visitors__visits') }} as standing
            where clicks.tenant_id = standing.tenant_id and clicks.utc_day_at = standing.utc_day_at
        )
    )
    {%- endif %}
