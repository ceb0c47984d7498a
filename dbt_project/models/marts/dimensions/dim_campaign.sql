{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_published_tenants() }}",
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per tenant, channel and campaign that a contract, a token or an ad platform names.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

named as (

    select tenant_id, 'kol' as channel, campaign_id, campaign_name
    from {{ ref('stg_kol_contracts') }}
    where campaign_id is not null
    union all
    select tenant_id, 'kol' as channel, campaign_id, null as campaign_name
    from {{ ref('stg_tracking_tokens') }}
    where campaign_id is not null
    union all
    select tenant_id, platform as channel, campaign_id, campaign_name
    from {{ ref('stg_ad_spend') }}

),

final as (

    select
        named.tenant_id,
        named.channel,
        named.campaign_id,
        coalesce(max(named.campaign_name), named.campaign_id) as campaign_name
    from named
    inner join tenants on named.tenant_id = tenants.tenant_id
    group by named.tenant_id, named.channel, named.campaign_id

)

select * from final
