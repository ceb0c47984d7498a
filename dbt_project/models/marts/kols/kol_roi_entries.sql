{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'activity_date']}, {'columns': ['_build_id']}],
        pre_hook="{{ delete_touched(ref('int_kols__days_touched'), {'tenant_id': 'tenant_id', 'activity_date': 'touched_date'}) }}",
        post_hook=[
            "{{ advance(['clicks', 'tracking_tokens', 'ad_spend', 'kol_contracts', 'fx_rates', 'tenants']) }}",
            "{{ advance_as_of() }}",
        ],
    )
}}
-- One row per tenant, KOL and thing that the KOL's figures are summed from, up to the as-of day: completions, refunds and
-- cancellations of orders, days of contracts, clicks by day and campaign. Each measure adds up to the figure of its name in
-- kol_roi_daily, kol_roi_monthly and kol_roi. A table and no view: readers see marts alone, and what the entries are made of goes on
-- while a held tenant's figures stand.
{%- set of_orders = [
    ('order_id', 'text'), ('event_at', 'timestamptz'), ('customer_id', 'text'), ('credit_status', 'text'), ('matched_by', 'text'),
    ('gross_amount', 'numeric'), ('vat_amount', 'numeric'), ('net_amount', 'numeric'), ('commission_rate', 'numeric'),
    ('commission_amount', 'numeric'),
] %}
{%- set of_contracts = [('fixed_fee_amount', 'numeric'), ('platform_fee_amount', 'numeric'), ('goods_amount', 'numeric')] %}
{%- set of_both = [('contract_id', 'text'), ('currency', 'text'), ('fx_rate', 'numeric'), ('fx_date', 'date')] %}
{%- set counts = ['orders', 'clicks', 'bot_clicks', 'refused_clicks', 'new_customers', 'source_orders'] %}
{%- set order_measures = [
    'orders', 'gross', 'refunds', 'vat', 'net_revenue', 'commission', 'new_customers', 'source_orders', 'source_revenue',
] %}
{%- set contract_measures = ['fixed_fees', 'platform_fees', 'goods'] %}
{%- set click_measures = ['clicks', 'bot_clicks', 'refused_clicks'] %}
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

{% if is_incremental() -%}
days as (

    select * from {{ ref('int_kols__days_touched') }}

),

{% endif -%}
order_events as (

    select
        events.*,
        case when events.event_type = 'completion' then 1 else 0 end as is_completion,
        case when events.credit_status = 'credited' then 1 else 0 end as is_credited
    from {{ ref('int_orders__events') }} as events
    {% if is_incremental() -%}
    inner join days on events.tenant_id = days.tenant_id and events.event_date = days.touched_date
    {%- endif %}
    where events.kol_id is not null

),

order_entries as (

    select
        events.tenant_id,
        events.kol_id,
        events.event_date as activity_date,
        events.event_type as entry_type,
        events.source,
        case when events.event_type = 'refund' then events.event_id else events.order_id end as entry_id,
        orders.campaign_id,
        orders.contract_id,
        events.currency,
        events.fx_rate,
        orders.completed_date as fx_date,
        events.order_id,
        events.event_at,
        events.customer_id,
        events.credit_status,
        orders.matched_by,
        events.gross_amount,
        events.vat_amount,
        events.net_amount,
        orders.commission_rate,
        events.commission_amount,
        {% for column, type in of_contracts -%}
        cast(null as {{ type }}) as {{ column }},
        {% endfor -%}
        events.is_credited * events.is_completion as orders,
        events.is_credited * events.is_completion * events.reporting_gross_amount as gross,
        -events.is_credited * (1 - events.is_completion) * events.reporting_gross_amount as refunds,
        events.is_credited * events.reporting_vat_amount as vat,
        events.is_credited * events.reporting_net_amount as net_revenue,
        events.is_credited * events.reporting_commission_amount as commission,
        case when firsts.order_id is not null then events.is_completion else 0 end as new_customers,
        (1 - events.is_credited) * events.is_completion as source_orders,
        (1 - events.is_credited) * events.reporting_gross_amount as source_revenue,
        {% for measure in contract_measures -%}
        0 as {{ measure }},
        {% endfor -%}
        {% for measure in click_measures -%}
        0 as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from order_events as events
    left join {{ ref('tracked_orders') }} as orders
        on events.tenant_id = orders.tenant_id and events.source = orders.source and events.order_id = orders.order_id
    left join {{ ref('int_customers__first_orders') }} as firsts
        on events.tenant_id = firsts.tenant_id
        and events.customer_id = firsts.customer_id
        and events.source = firsts.source
        and events.order_id = firsts.order_id
        and events.kol_id = firsts.kol_id

),

contract_entries as (

    select
        cost_days.tenant_id,
        cost_days.kol_id,
        cost_days.cost_date as activity_date,
        'contract_day' as entry_type,
        'kol_contracts' as source,
        cost_days.contract_id as entry_id,
        cost_days.campaign_id,
        cost_days.contract_id,
        cost_days.currency,
        cost_days.fx_rate,
        cost_days.cost_date as fx_date,
        {% for column, type in of_orders -%}
        cast(null as {{ type }}) as {{ column }},
        {% endfor -%}
        cost_days.fixed_fee_amount,
        cost_days.platform_fee_amount,
        cost_days.goods_amount,
        {% for measure in order_measures -%}
        0 as {{ measure }},
        {% endfor -%}
        cost_days.reporting_fixed_fee_amount as fixed_fees,
        cost_days.reporting_platform_fee_amount as platform_fees,
        cost_days.reporting_goods_amount as goods,
        {% for measure in click_measures -%}
        0 as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_kols__cost_days') }} as cost_days
    {% if is_incremental() -%}
    inner join days on cost_days.tenant_id = days.tenant_id and cost_days.cost_date = days.touched_date
    {%- endif %}
    where cost_days.fixed_fee_amount <> 0 or cost_days.platform_fee_amount <> 0 or cost_days.goods_amount <> 0

),

click_entries as (

    select
        clicks.tenant_id,
        clicks.kol_id,
        clicks.click_date as activity_date,
        'click_day' as entry_type,
        'clicks' as source,
        clicks.campaign_id as entry_id,
        clicks.campaign_id,
        {% for column, type in of_both + of_orders + of_contracts -%}
        cast(null as {{ type }}) as {{ column }},
        {% endfor -%}
        {% for measure in order_measures + contract_measures -%}
        0 as {{ measure }},
        {% endfor -%}
        sum(clicks.clicks) as clicks,
        sum(clicks.bot_clicks) as bot_clicks,
        sum(clicks.refused_clicks) as refused_clicks
    from {{ ref('int_clicks__hours') }} as clicks
    {% if is_incremental() -%}
    inner join days on clicks.tenant_id = days.tenant_id and clicks.click_date = days.touched_date
    {%- endif %}
    where clicks.kol_id <> '(none)'
    group by clicks.tenant_id, clicks.kol_id, clicks.click_date, clicks.campaign_id

),

entries as (

    select * from order_entries
    union all
    select * from contract_entries
    union all
    select * from click_entries

),

final as (

    select
        entries.tenant_id,
        entries.kol_id,
        entries.activity_date,
        entries.entry_type,
        entries.source,
        entries.entry_id,
        entries.order_id,
        entries.event_at,
        entries.customer_id,
        entries.campaign_id,
        entries.credit_status,
        entries.matched_by,
        entries.contract_id,
        entries.currency,
        cast(entries.fx_rate as numeric(24, 12)) as fx_rate,
        rates.rate_date as fx_rate_date,
        {% for column in ['gross_amount', 'vat_amount', 'net_amount'] -%}
        cast(entries.{{ column }} as numeric(20, 4)) as {{ column }},
        {% endfor -%}
        cast(entries.commission_rate as numeric(6, 4)) as commission_rate,
        {% for column in ['commission_amount', 'fixed_fee_amount', 'platform_fee_amount', 'goods_amount'] -%}
        cast(entries.{{ column }} as numeric(20, 4)) as {{ column }},
        {% endfor -%}
        tenants.reporting_currency,
        {% for measure in order_measures + contract_measures + click_measures -%}
        cast(entries.{{ measure }} as {{ 'bigint' if measure in counts else 'numeric(20, 4)' }}) as {{ measure }},
        {% endfor -%}
        tenants.gross_margin,
        terms.terms as contract_version,
        case
            when entries.order_id is not null
                then 'VAT ' || cast(tenants.vat_rate as text) || ', margin ' || cast(tenants.gross_margin as text)
                    || case
                        when entries.matched_by in ('token', 'click') then ', window ' || cast(kols.attribution_window_hours as text) || ' h'
                        else ''
                    end
        end as settings_version,
        cast({{ build_id() }} as bigint) as _build_id
    from entries
    inner join tenants on entries.tenant_id = tenants.tenant_id and entries.activity_date <= tenants.as_of_date
    left join {{ ref('int_fx__days') }} as rates
        on entries.tenant_id = rates.tenant_id
        and entries.currency = rates.from_currency
        and tenants.reporting_currency = rates.to_currency
        and entries.fx_date = rates.fx_date
    left join {{ ref('int_kols__contract_terms') }} as terms
        on entries.tenant_id = terms.tenant_id and entries.contract_id = terms.contract_id
    left join {{ ref('dim_kol') }} as kols on entries.tenant_id = kols.tenant_id and entries.kol_id = kols.kol_id

)

select * from final
