{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'activity_date']}],
        pre_hook="{{ delete_touched(ref('int_days__touched'), {'tenant_id': 'tenant_id', 'activity_date': 'touched_date'}) }}",
        post_hook=["{{ advance(['clicks', 'tracking_tokens', 'ad_spend', 'fx_rates', 'tenants']) }}"],
    )
}}
-- One row per tenant, KOL and day on which something happened: what the KOL brought, in reporting currency.
with days as (

    select distinct tenant_id, touched_date from {{ ref('int_days__touched') }}

),

order_events as (

    select
        events.tenant_id,
        events.kol_id,
        events.event_date as activity_date,
        sum(case when events.credit_status = 'credited' and events.event_type = 'completion' then 1 else 0 end) as orders,
        sum(case when events.credit_status = 'credited' and events.event_type = 'completion' then events.reporting_gross_amount else 0 end) as gross_amount,
        -sum(case when events.credit_status = 'credited' and events.event_type <> 'completion' then events.reporting_gross_amount else 0 end) as refund_amount,
        sum(case when events.credit_status = 'credited' then events.reporting_net_amount else 0 end) as net_revenue_amount,
        sum(case when events.credit_status = 'credited' then events.reporting_commission_amount else 0 end) as commission_amount,
        sum(case when events.credit_status = 'attributed_by_source' and events.event_type = 'completion' then 1 else 0 end) as source_orders,
        sum(case when events.credit_status = 'attributed_by_source' then events.reporting_gross_amount else 0 end) as source_revenue_amount,
        0 as new_customers,
        0 as clicks,
        0 as bot_clicks,
        0 as refused_clicks
    from {{ ref('int_orders__events') }} as events
    {% if is_incremental() -%}
    inner join days on events.tenant_id = days.tenant_id and events.event_date = days.touched_date
    {%- endif %}
    where events.kol_id is not null
    group by events.tenant_id, events.kol_id, events.event_date

),

customers as (

    select
        first_orders.tenant_id,
        first_orders.kol_id,
        first_orders.first_order_date as activity_date,
        count(*) as new_customers
    from {{ ref('int_customers__first_orders') }} as first_orders
    {% if is_incremental() -%}
    inner join days on first_orders.tenant_id = days.tenant_id and first_orders.first_order_date = days.touched_date
    {%- endif %}
    where first_orders.kol_id is not null
    group by first_orders.tenant_id, first_orders.kol_id, first_orders.first_order_date

),

clicks as (

    select
        clicks.tenant_id,
        clicks.kol_id,
        clicks.click_date as activity_date,
        sum(clicks.clicks) as clicks,
        sum(clicks.bot_clicks) as bot_clicks,
        sum(clicks.refused_clicks) as refused_clicks
    from {{ ref('int_clicks__hours') }} as clicks
    {% if is_incremental() -%}
    inner join days on clicks.tenant_id = days.tenant_id and clicks.click_date = days.touched_date
    {%- endif %}
    where clicks.kol_id <> '(none)'
    group by clicks.tenant_id, clicks.kol_id, clicks.click_date

),

unioned as (

    select * from order_events
    union all
    select tenant_id, kol_id, activity_date, 0, 0, 0, 0, 0, 0, 0, new_customers, 0, 0, 0 from customers
    union all
    select tenant_id, kol_id, activity_date, 0, 0, 0, 0, 0, 0, 0, 0, clicks, bot_clicks, refused_clicks from clicks

)

select
    tenant_id,
    kol_id,
    activity_date,
    {% for measure in [
        'orders', 'gross_amount', 'refund_amount', 'net_revenue_amount', 'commission_amount', 'source_orders', 'source_revenue_amount',
        'new_customers', 'clicks', 'bot_clicks', 'refused_clicks',
    ] -%}
    sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
    {% endfor -%}
from unioned
group by tenant_id, kol_id, activity_date
