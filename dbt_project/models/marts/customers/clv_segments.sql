{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ delete_touched(ref('int_clv__days_touched'), {'tenant_id': 'tenant_id', 'as_of_date': 'as_of_date'}) }}",
        post_hook=["{{ advance(['clv_forecasts', 'clv_segments', 'clv_series']) }}"],
    )
}}
-- One row per tenant, as-of day and segment that holds customers: how many, and what they are expected to bring. Counts and
-- amounts add up over segments of one tenant and day.
with forecasts as (

    select forecasts.*
    from {{ ref('customer_forecasts') }} as forecasts
    {% if is_incremental() -%}
    inner join {{ ref('int_clv__days_touched') }} as touched
        on forecasts.tenant_id = touched.tenant_id and forecasts.as_of_date = touched.as_of_date
    {%- endif %}

),

landed as (

    select * from {{ ref('int_clv__segments') }}

),

sums as (

    select
        tenant_id,
        as_of_date,
        segment,
        reporting_currency,
        count(*) as customers,
        sum(orders_12m) as orders_12m,
        sum(net_value_12m) as net_value_12m,
        sum(sum(net_value_12m)) over (partition by tenant_id, as_of_date) as all_net_value_12m
    from forecasts
    group by tenant_id, as_of_date, segment, reporting_currency

),

final as (

    select
        sums.tenant_id,
        sums.as_of_date,
        sums.segment,
        sums.reporting_currency,
        cast(sums.customers as bigint) as customers,
        cast(landed.net_value_from as numeric(20, 4)) as net_value_from,
        cast(sums.orders_12m as numeric(20, 6)) as orders_12m,
        cast(sums.net_value_12m as numeric(20, 4)) as net_value_12m,
        cast({{ ratio('sums.net_value_12m', 'sums.all_net_value_12m', 100) }} as numeric(20, 4)) as net_value_share_pct,
        cast({{ build_id() }} as bigint) as _build_id
    from sums
    left join landed
        on sums.tenant_id = landed.tenant_id
        and sums.as_of_date = landed.as_of_date
        and sums.segment = landed.segment

)

select * from final
