-- One row per tenant and UTC day whose clicks may count otherwise since the visits were last built: clicks that came or were
-- replaced, and the days of tokens that came, changed or were revoked. On the first build every day is taken.
{%- set reader = ['int_visitors__visits'] -%}
{%- if nobody_has_read(reader) %}
select
    cast(null as text) as tenant_id,
    cast(null as timestamptz) as utc_day_at
where false
{%- else %}
with touched as (

    select tenant_id, date_trunc('day', clicked_at) as utc_day_at
    from {{ feed_changes('clicks', watermark('clicks', reader)) }} as clicks

    {% if has_changes('tracking_tokens', reader) -%}
    union all
    select tokens.tenant_id, cast(days.calendar_date as timestamptz) as utc_day_at
    from (
        select
            tenant_id,
            token_id,
            case
                -- one that is only revoked refuses clicks from then on
                when
                    count(*) > 1 and min(token) = max(token) and min(kol_id) = max(kol_id)
                    and min(issued_at) = max(issued_at) and min(expires_at) = max(expires_at)
                    and max(case when _deleted then 1 else 0 end) = 0
                    then coalesce(min(revoked_at), max(expires_at))
                else min(issued_at)
            end as from_at,
            max(expires_at) as to_at
        from {{ feed_changes('tracking_tokens', watermark('tracking_tokens', reader)) }} as versions
        group by tenant_id, token_id
    ) as tokens
    inner join {{ source('ops', 'tenant_horizons') }} as horizons on tokens.tenant_id = horizons.tenant_id
    inner join {{ ref('int_calendar__days') }} as days
        on days.calendar_date between cast(tokens.from_at as date)
        -- no click is dated later than two days after its interval
        and least(cast(tokens.to_at as date), cast(horizons.horizon_at as date) + 2)
    {%- endif %}

)

select distinct tenant_id, utc_day_at from touched
{%- endif %}
