-- One row per tenant, KOL, day and kind of fact, up to the as-of day; everything that a KOL's figures are summed from.
with facts as (

    select
        tenant_id,
        kol_id,
        activity_date,
        orders,
        gross_amount as gross,
        refund_amount as refunds,
        net_revenue_amount as net_revenue,
        0 as fixed_fees,
        0 as platform_fees,
        commission_amount as commission,
        0 as goods,
        clicks,
        bot_clicks,
        refused_clicks,
        new_customers,
        source_orders,
        source_revenue_amount as source_revenue,
        0 as cohort_orders,
        0 as cohort_net_revenue,
        0 as passed_windows,
        0 as orders_in_passed_windows,
        0 as followed_windows,
        0 as churned_windows,
        0 as matured_30d_customers,
        0 as retained_30d_customers
    from {{ ref('int_kols__days') }}
    union all
    select
        tenant_id,
        kol_id,
        cost_date,
        0,
        0,
        0,
        0,
        reporting_fixed_fee_amount,
        reporting_platform_fee_amount,
        0,
        reporting_goods_amount,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0
    from {{ ref('int_kols__cost_days') }}
    union all
    select
        tenant_id,
        kol_id,
        first_order_date,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        orders,
        reporting_net_revenue_amount,
        passed_windows,
        orders_in_passed_windows,
        followed_windows,
        churned_windows,
        matured_30d_customers,
        retained_30d_customers
    from {{ ref('int_kols__cohorts') }}

)

select
    facts.*,
    tenants.gross_margin,
    tenants.reporting_currency,
    tenants.as_of_date
from facts
inner join {{ ref('int_tenants__published') }} as tenants
    on facts.tenant_id = tenants.tenant_id and facts.activity_date <= tenants.as_of_date
