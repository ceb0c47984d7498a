{{ config(materialized='view') }}
-- One row per tenant and customer. Who may not see personal data sees masks: the rows of customer_contacts are not there for such a
-- role, by that table's own policy. Counts and amounts add up over customers of one tenant; scores and ratios do not.
with figures as (

    select * from {{ ref('customer_figures') }}

),

quintiles as (

    select * from {{ ref('rfm_quintiles') }}

),

contacts as (

    select * from {{ ref('customer_contacts') }}

),

forecasts as (

    select * from {{ ref('customer_forecasts') }}

),

forecast_days as (

    select
        tenant_id,
        max(as_of_date) as as_of_date
    from {{ ref('clv_segments') }}
    group by tenant_id

),

offers as (

    select * from {{ ref('next_best_offer') }}

),

scored as (

    select
        figures.*,
        case when forecasts.customer_id is not null then offers.offer_type || ':' || offers.product_id end as next_best_action,
        forecasts.as_of_date as clv_as_of_date,
        forecasts.alive_probability,
        forecasts.net_value_12m,
        forecasts.net_value_12m_low,
        forecasts.net_value_12m_high,
        forecasts.segment as clv_segment,
        quintiles.as_of_date,
        coalesce(contacts.full_name, figures.full_name_masked) as full_name,
        coalesce(contacts.email, figures.email_masked) as email,
        coalesce(contacts.phone, figures.phone_masked) as phone,
        contacts.birth_date,
        case when figures.orders > 0 then greatest(quintiles.as_of_date - figures.last_order_date, 0) end as recency_days,
        case when figures.orders > 0 then {{ quintile_score('figures.last_order_date', 'quintiles.last_order_date') }} end as recency_score,
        case when figures.orders > 0 then {{ quintile_score('figures.orders', 'quintiles.orders') }} end as frequency_score,
        case when figures.orders > 0 then {{ quintile_score('figures.total_spend', 'quintiles.total_spend') }} end as monetary_score,
        {{ loyalty_tier('figures.year_spend', 'figures.reporting_currency') }} as loyalty_tier_by_rule
    from figures
    left join quintiles on figures.tenant_id = quintiles.tenant_id
    left join contacts on figures.tenant_id = contacts.tenant_id and figures.customer_id = contacts.customer_id
    left join forecast_days on figures.tenant_id = forecast_days.tenant_id
    left join forecasts
        on figures.tenant_id = forecasts.tenant_id
        and figures.customer_id = forecasts.customer_id
        and forecast_days.as_of_date = forecasts.as_of_date
        and figures.reporting_currency = forecasts.reporting_currency
    left join offers on figures.tenant_id = offers.tenant_id and figures.customer_id = offers.customer_id

),

final as (

    select
        tenant_id,
        customer_id,
        as_of_date,
        full_name,
        email,
        phone,
        birth_date,
        birth_year,
        city,
        records,
        customer_records,
        order_records,
        sale_records,
        sources,
        visitors,
        clicks,
        first_touch_at,
        first_touch_type,
        first_touch_channel,
        first_touch_kol_id,
        last_touch_at,
        last_touch_type,
        last_touch_channel,
        last_touch_kol_id,
        first_order_at,
        last_order_at,
        last_order_date,
        online_orders,
        store_orders,
        orders,
        reporting_currency,
        online_spend,
        store_spend,
        total_spend,
        net_revenue,
        returns,
        returned_amount,
        average_order_value_amount,
        cast(recency_days as integer) as recency_days,
        recency_score,
        frequency_score,
        monetary_score,
        year_spend,
        loyalty_tier,
        loyalty_tier_by_rule,
        lower(loyalty_tier) <> loyalty_tier_by_rule as is_tier_mismatch,
        accepts_email_marketing,
        email_consent_at,
        accepts_sms_marketing,
        sms_consent_at,
        clv_as_of_date,
        alive_probability,
        net_value_12m,
        net_value_12m_low,
        net_value_12m_high,
        cast(net_revenue + net_value_12m as numeric(20, 4)) as lifetime_value,
        clv_segment,
        next_best_action,
        _build_id
    from scored

)

select * from final
