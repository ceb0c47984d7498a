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

predictions as (

    select
        firsts.tenant_id,
        firsts.kol_id,
        count(*) as predicted_customers,
        sum(customers.lifetime_value) as lifetime_value
    from {{ ref('int_customers__first_orders') }} as firsts
    inner join tenants on firsts.tenant_id = tenants.tenant_id and firsts.first_order_date <= tenants.as_of_date
    inner join {{ ref('customer_360') }} as customers
        on firsts.tenant_id = customers.tenant_id and firsts.customer_id = customers.customer_id
    where firsts.kol_id is not null and customers.lifetime_value is not null
    group by firsts.tenant_id, firsts.kol_id

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
        {{ kol_kpis('sums') }},
        cast(coalesce(predictions.predicted_customers, 0) as bigint) as predicted_customers,
        cast({{ ratio('predictions.lifetime_value', 'predictions.predicted_customers') }} as numeric(20, 4)) as predicted_ltv
    from sums
    left join predictions on sums.tenant_id = predictions.tenant_id and sums.kol_id = predictions.kol_id

)

select * from final
