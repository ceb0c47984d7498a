-- One row per KOL and day on which customers whom the KOL brought came first: what they did up to the as-of day.
with windows as (

    select
        tenant_id,
        kol_id,
        first_order_date,
        churn_window_days,
        window_number,
        -- every customer has a window 0: the one of the first order
        count(*) as customers,
        sum(orders) as orders,
        sum(reporting_net_revenue_amount) as reporting_net_revenue_amount,
        sum(case when orders > 0 then 1 else 0 end) as active_customers,
        sum(case when orders > 0 and (next_window_with_order is null or next_window_with_order > window_number + 1) then 1 else 0 end) as lost_customers,
        sum(has_order_within_30_days) as retained_customers
    from {{ ref('int_customers__windows') }}
    group by tenant_id, kol_id, first_order_date, churn_window_days, window_number

),

passed as (

    select
        windows.*,
        -- windows whose last day is on or before the as-of day
        cast(floor((tenants.as_of_date - windows.first_order_date + 1) / cast(windows.churn_window_days as numeric)) as integer) as passed_windows,
        case when windows.first_order_date + 30 <= tenants.as_of_date then 1 else 0 end as has_matured_30d
    from windows
    inner join {{ ref('int_tenants__settings') }} as tenants on windows.tenant_id = tenants.tenant_id

)

select
    tenant_id,
    kol_id,
    first_order_date,
    sum(case when window_number = 0 then customers else 0 end) as customers,
    sum(case when window_number = 0 then customers * passed_windows else 0 end) as passed_windows,
    sum(orders) as orders,
    sum(reporting_net_revenue_amount) as reporting_net_revenue_amount,
    sum(case when window_number < passed_windows then orders else 0 end) as orders_in_passed_windows,
    sum(case when window_number + 1 < passed_windows then active_customers else 0 end) as followed_windows,
    sum(case when window_number + 1 < passed_windows then lost_customers else 0 end) as churned_windows,
    sum(case when window_number = 0 then customers * has_matured_30d else 0 end) as matured_30d_customers,
    sum(case when window_number = 0 then retained_customers * has_matured_30d else 0 end) as retained_30d_customers
from passed
group by tenant_id, kol_id, first_order_date
