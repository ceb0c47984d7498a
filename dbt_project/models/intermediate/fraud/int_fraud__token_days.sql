{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'token', 'utc_day_at']}, {'columns': ['_build_id']}],
        pre_hook=[
            "{{ delete_touched(ref('int_fraud__token_days_touched'), {'tenant_id': 'tenant_id', 'token': 'token', 'utc_day_at': 'utc_day_at'}) }}",
            "{{ prefer_hashing() }}",
        ],
        post_hook=["{{ advance(['clicks']) }}"],
    )
}}
-- One row per tenant, token text and UTC day with a click by a person: from how many places it was clicked. Days are those of UTC,
-- so that no setting of a tenant moves them. Counted when its clicks come, for a token's clicks are too many to be counted anew.
{%- set days -%}
    select utc_day_at as started_at, utc_day_at + interval '1 day' as ended_at from {{ ref('int_fraud__token_days_touched') }}
{%- endset %}
with clicks as (

    select
        clicks.tenant_id,
        clicks.token,
        date_trunc('day', clicks.clicked_at) as utc_day_at,
        clicks.ip_hash,
        {{ host_of('clicks.referrer') }} as referrer_host
    from {{ ref('int_clicks__screened') }} as clicks
    where
        clicks.token is not null
        and not clicks.is_bot
        {% if is_incremental() -%}
        and {{ within_spans('clicks.clicked_at', days) }}
        and exists (
            select 1 from {{ ref('int_fraud__token_days_touched') }} as touched
            where
                clicks.tenant_id = touched.tenant_id
                and clicks.token = touched.token
                and date_trunc('day', clicks.clicked_at) = touched.utc_day_at
        )
        {%- endif %}

),

networks as (

    select tenant_id, token, utc_day_at, ip_hash, count(*) as clicks
    from clicks
    group by tenant_id, token, utc_day_at, ip_hash

),

-- counted before they are told apart by day: few sites, many clicks
referrers as (

    select tenant_id, token, utc_day_at, referrer_host
    from clicks
    where referrer_host is not null
    group by tenant_id, token, utc_day_at, referrer_host

),

network_days as (

    select tenant_id, token, utc_day_at, count(ip_hash) as networks, sum(clicks) as clicks
    from networks
    group by tenant_id, token, utc_day_at

),

referrer_days as (

    select tenant_id, token, utc_day_at, count(*) as referrers
    from referrers
    group by tenant_id, token, utc_day_at

)

select
    network_days.tenant_id,
    network_days.token,
    network_days.utc_day_at,
    cast(network_days.clicks as bigint) as clicks,
    network_days.networks,
    coalesce(referrer_days.referrers, 0) as referrers,
    cast({{ build_id() }} as bigint) as _build_id
from network_days
left join referrer_days
    on network_days.tenant_id = referrer_days.tenant_id
    and network_days.token = referrer_days.token
    and network_days.utc_day_at = referrer_days.utc_day_at
