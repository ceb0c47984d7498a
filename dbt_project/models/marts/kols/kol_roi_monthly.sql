{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_published_tenants() }}",
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per tenant, KOL and month with activity or cost. Counts and amounts add up over KOLs and months; ratios do not, and LTV
-- and retention are those of the customers brought in the month.
with facts as (

    select * from {{ ref('int_kols__facts') }}

),

sums as (

    select
        facts.tenant_id,
        facts.kol_id,
        cast(date_trunc('month', facts.activity_date) as date) as activity_month,
        facts.reporting_currency,
        facts.gross_margin,
        {{ kol_sums('facts') }}
    from facts
    group by facts.tenant_id, facts.kol_id, cast(date_trunc('month', facts.activity_date) as date), facts.reporting_currency, facts.gross_margin

),

final as (

    select
        sums.tenant_id,
        sums.kol_id,
        sums.activity_month,
        sums.reporting_currency,
        {{ kol_kpis('sums') }}
    from sums

)

select * from final
