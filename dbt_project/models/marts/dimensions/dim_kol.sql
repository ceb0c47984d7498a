{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_published_tenants() }}",
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per tenant and KOL that any feed names.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

kols as (

    select * from {{ ref('stg_kols') }}

),

named as (

    select tenant_id, kol_id from kols
    union
    select tenant_id, kol_id from {{ ref('stg_kol_contracts') }}
    union
    select tenant_id, kol_id from {{ ref('stg_tracking_tokens') }}

),

final as (

    select
        named.tenant_id,
        named.kol_id,
        coalesce(kols.name, named.kol_id) as kol_name,
        kols.handle,
        kols.platform,
        kols.tier,
        coalesce(kols.attribution_window_hours, tenants.attribution_window_hours) as attribution_window_hours
    from named
    inner join tenants on named.tenant_id = tenants.tenant_id
    left join kols on named.tenant_id = kols.tenant_id and named.kol_id = kols.kol_id

)

select * from final
