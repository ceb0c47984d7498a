{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_published_tenants() }}",
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per tenant, KOL and day with activity or cost. Counts and amounts add up over KOLs and days; ratios do not, and LTV
-- and retention are those of the customers brought in the day.
with facts as (

    select * from {{ ref('int_kols__facts') }}

),

sums as (

    select
        facts.tenant_id,
        facts.kol_id,
        facts.activity_date,
        facts.reporting_currency,
        facts.gross_margin,
        {{ kol_sums('facts') }}
    from facts
    group by facts.tenant_id, facts.kol_id, facts.activity_date, facts.reporting_currency, facts.gross_margin

),

final as (

    select
        sums.tenant_id,
        sums.kol_id,
        sums.activity_date,
        sums.reporting_currency,
        {{ kol_kpis('sums') }}
    from sums

)

select * from final
