{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'visitor_id']},
            {'columns': ['tenant_id', 'utc_day_at']},
            {'columns': ['tenant_id', 'email_hash']},
            {'columns': ['_build_id']},
        ],
        pre_hook=[
            "{{ delete_touched(ref('int_visitors__days_touched'), {'tenant_id': 'tenant_id', 'utc_day_at': 'utc_day_at'}) }}",
            "{{ prefer_hashing() }}",
        ],
        post_hook=["{{ advance(['clicks', 'tracking_tokens']) }}"],
    )
}}
-- One row per tenant, visitor, UTC day, channel, KOL and hashed e-mail in the link with a click by a person. Days are those of UTC,
-- so that no setting of a tenant moves them. What a refused click would have been is not told.
with clicks as (

    select
        clicks.*,
        date_trunc('day', clicks.clicked_at) as utc_day_at
    from {{ ref('int_clicks__screened') }} as clicks
    where
        not clicks.is_bot
        and clicks.visitor_id is not null
        {% if is_incremental() -%}
        and {{ within_spans('clicks.clicked_at', "select utc_day_at as started_at, utc_day_at + interval '1 day' as ended_at from " ~ ref('int_visitors__days_touched')) }}
        {%- endif %}

),

tokens as (

    select * from {{ ref('stg_tracking_tokens') }}

),

judged as (

    select
        clicks.tenant_id,
        clicks.visitor_id,
        clicks.utc_day_at,
        {{ click_channel('clicks.token', 'tokens.token_id', 'clicks.utm_medium', 'clicks.utm_source') }} as click_channel,
        tokens.kol_id as click_kol_id,
        {{ hash_in_address('clicks.landing_url') }} as email_hash,
        case
            when clicks.token is null then clicks.clicked_at
            when
                clicks.clicked_at >= tokens.issued_at
                and clicks.clicked_at < tokens.expires_at
                and (tokens.revoked_at is null or clicks.clicked_at < tokens.revoked_at)
                then clicks.clicked_at
        end as valid_at
    from clicks
    left join tokens on clicks.tenant_id = tokens.tenant_id and clicks.token = tokens.token
    {% if is_incremental() -%}
    where exists (
        select 1 from {{ ref('int_visitors__days_touched') }} as touched
        where clicks.tenant_id = touched.tenant_id and clicks.utc_day_at = touched.utc_day_at
    )
    {%- endif %}

)

select
    tenant_id,
    visitor_id,
    utc_day_at,
    case when valid_at is not null then click_channel end as channel,
    case when valid_at is not null then click_kol_id end as kol_id,
    email_hash,
    min(valid_at) as first_clicked_at,
    max(valid_at) as last_clicked_at,
    count(*) as clicks,
    cast({{ build_id() }} as bigint) as _build_id
from judged
group by
    tenant_id,
    visitor_id,
    utc_day_at,
    case when valid_at is not null then click_channel end,
    case when valid_at is not null then click_kol_id end,
    email_hash
