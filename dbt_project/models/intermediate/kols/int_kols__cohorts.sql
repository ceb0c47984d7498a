-- One row per KOL and day on which customers whom the KOL brought came first: what they did up to the as-of day.
with windows as (

    select
        windows.*,
        -- windows whose last day is on or before the as-of day
        cast(floor((tenants.as_of_date - windows.first_order_date + 1) / cast(windows.churn_window_days as numeric)) as integer) as passed_windows,
        tenants.as_of_date
    from {{ ref('int_customers__windows') }} as windows
    inner join {{ ref('int_tenants__settings') }} as tenants on windows.tenant_id = tenants.tenant_id

),

customers as (

    select
        tenant_id,
        customer_id,
        kol_id,
        first_order_date,
        max(passed_windows) as passed_windows,
        sum(orders) as orders,
        sum(reporting_net_revenue_amount) as reporting_net_revenue_amount,
        sum(case when window_number < passed_windows then orders else 0 end) as orders_in_passed_windows,
        sum(case when orders > 0 and window_number + 1 < passed_windows then 1 else 0 end) as followed_windows,
        sum(
            case
                when
                    orders > 0 and window_number + 1 < passed_windows
                    and (next_window_with_order is null or next_window_with_order > window_number + 1)
                    then 1
                else 0
            end
        ) as churned_windows,
        max(case when first_order_date + 30 <= as_of_date then 1 else 0 end) as has_matured_30d,
        max(has_order_within_30_days) as has_order_within_30_days
    from windows
    group by tenant_id, customer_id, kol_id, first_order_date

)

select
    tenant_id,
    kol_id,
    first_order_date,
    count(*) as customers,
    sum(passed_windows) as passed_windows,
    sum(orders) as orders,
    sum(reporting_net_revenue_amount) as reporting_net_revenue_amount,
    sum(orders_in_passed_windows) as orders_in_passed_windows,
    sum(followed_windows) as followed_windows,
    sum(churned_windows) as churned_windows,
    sum(has_matured_30d) as matured_30d_customers,
    sum(has_matured_30d * has_order_within_30_days) as retained_30d_customers
from customers
group by tenant_id, kol_id, first_order_date
