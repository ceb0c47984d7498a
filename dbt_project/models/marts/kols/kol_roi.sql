{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_published_tenants() }}",
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per tenant and KOL, also for KOLs who have brought nothing yet: the whole time up to the as-of day. Counts and
-- amounts add up over KOLs of one tenant; ratios do not.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

kols as (

    select * from {{ ref('dim_kol') }}

),

facts as (

    select * from {{ ref('int_kols__facts') }}

),

sums as (

    select
        kols.tenant_id,
        kols.kol_id,
        kols.kol_name,
        tenants.as_of_date,
        tenants.reporting_currency,
        tenants.gross_margin,
        {{ kol_sums('facts') }}
    from kols
    inner join tenants on kols.tenant_id = tenants.tenant_id
    left join facts on kols.tenant_id = facts.tenant_id and kols.kol_id = facts.kol_id
    group by kols.tenant_id, kols.kol_id, kols.kol_name, tenants.as_of_date, tenants.reporting_currency, tenants.gross_margin

),

final as (

    select
        sums.tenant_id,
        sums.kol_id,
        sums.kol_name,
        sums.as_of_date,
        sums.reporting_currency,
        {{ kol_kpis('sums') }}
    from sums

)

select * from final
