-- depends_on: {{ ref('int_orders__touched_states') }}, {{ ref('int_orders__due') }}
{%- set due = ref('int_orders__due') -%}
{%- set subject = {'tenant_id': 'tenant_id', 'order_type': 'order_type', 'source': 'source', 'subject_id': 'subject_id'} -%}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'source', 'subject_id']},
            {'columns': ['tenant_id', 'event_date']},
            {'columns': ['tenant_id', 'customer_id']},
            {'columns': ['_build_id']},
        ],
        pre_hook=[
            "{{ note_left_days('event_date', ref('int_orders__due'), {'tenant_id': 'tenant_id', 'order_type': 'order_type', 'source': 'source', 'subject_id': 'subject_id'}) }}",
            "{{ delete_touched(ref('int_orders__due'), {'tenant_id': 'tenant_id', 'order_type': 'order_type', 'source': 'source', 'subject_id': 'subject_id'}) }}",
        ],
        post_hook=["{{ advance(['orders', 'refunds', 'remittances', 'pos_sales', 'fx_rates', 'customer_map', 'tenants']) }}"],
    )
}}
-- One row per thing that moved money: a completion, a refund, a cancellation, a refund without order. Amounts are the
-- change of what is left of the order, so the events of a fully refunded order sum to zero in every measure.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

states as (

    select * from {{ ref('int_orders__touched_states') if is_incremental() else ref('int_orders__states') }}
    where is_completed

),

rates as (

    select * from {{ ref('int_fx__days') }}

),

orders as (

    select
        states.tenant_id,
        states.order_type,
        states.source,
        states.order_id,
        states.currency,
        states.minor_units,
        states.gross_amount,
        states.vat_amount,
        states.completed_at,
        states.cancelled_at,
        tenants.time_zone,
        tenants.reporting_minor_units,
        case when states.currency = tenants.reporting_currency then 1 else rates.rate end as fx_rate,
        coalesce(resolved.customer_id, states.customer_key) as customer_id,
        credit.kol_id,
        coalesce(credit.credit_status, 'not_credited') as credit_status,
        coalesce(credit.commission_rate, 0) as commission_rate,
        {{ 'states.cause' if is_incremental() else 'cast(null as text)' }} as cause,
        case
            when states.order_type = 'store' then 'in_store'
            when credit.credit_status = 'credited' then 'kol'
            when credit.credit_status = 'attributed_by_source' then 'marketplace'
            when credit.click_channel <> 'kol' then credit.click_channel
            else 'organic'
        end as channel,
        coalesce(
            case
                when credit.credit_status = 'credited' then credit.campaign_id
                when credit.credit_status = 'not_credited' and credit.click_channel <> 'kol' then credit.click_campaign
            end,
            '(none)'
        ) as campaign_id
    from states
    inner join tenants on states.tenant_id = tenants.tenant_id
    left join rates
        on states.tenant_id = rates.tenant_id
        and states.currency = rates.from_currency
        and tenants.reporting_currency = rates.to_currency
        and states.completed_date = rates.fx_date
    left join {{ ref('int_orders__credit') }} as credit
        on states.order_type = 'web'
        and states.tenant_id = credit.tenant_id
        and states.source = credit.source
        and states.order_id = credit.order_id
    {{ look_up(ref('int_customers__resolved'), 'resolved', {
        'tenant_id': 'states.tenant_id',
        'source': 'states.source',
        'record_type': 'states.record_type',
        'record_id': 'states.record_id',
    }, kind='left') }}

),

refunds as (

    select * from {{ ref('int_refunds__unioned') }}

),

moments as (

    select
        orders.*,
        'completion' as event_type,
        '' as event_id,
        0 as event_rank,
        orders.completed_at as event_at,
        0 as refund_amount
    from orders
    union all
    select
        orders.*,
        'refund' as event_type,
        refunds.refund_id as event_id,
        1 as event_rank,
        greatest(refunds.refunded_at, orders.completed_at) as event_at,
        refunds.amount as refund_amount
    from orders
    inner join refunds
        on orders.tenant_id = refunds.tenant_id
        and orders.order_type = refunds.order_type
        and orders.source = refunds.source
        and orders.order_id = refunds.order_id
        and orders.currency = refunds.currency
    union all
    select
        orders.*,
        'cancellation' as event_type,
        '' as event_id,
        2 as event_rank,
        orders.cancelled_at as event_at,
        0 as refund_amount
    from orders
    where orders.cancelled_at is not null

),

reversals as (

    select
        *,
        sum(refund_amount) over (
            partition by tenant_id, order_type, source, order_id
            order by event_at, event_rank, event_id
            rows between unbounded preceding and current row
        ) as refunded,
        max(case when event_type = 'cancellation' then 1 else 0 end) over (
            partition by tenant_id, order_type, source, order_id
            order by event_at, event_rank, event_id
            rows between unbounded preceding and current row
        ) as is_cancelled
    from moments

),

remaining_gross as (

    select
        *,
        gross_amount - case when is_cancelled = 1 then greatest(refunded, gross_amount) else refunded end as gross_left
    from reversals

),

remaining_vat as (

    select
        *,
        round(vat_amount * gross_left / gross_amount, minor_units) as vat_left
    from remaining_gross

),

remaining as (

    select
        *,
        round(commission_rate * greatest(gross_left - vat_left, 0), minor_units) as commission_left,
        round(gross_left * fx_rate, reporting_minor_units) as reporting_gross_left,
        round(vat_left * fx_rate, reporting_minor_units) as reporting_vat_left,
        round(
            round(commission_rate * greatest(gross_left - vat_left, 0), minor_units) * fx_rate, reporting_minor_units
        ) as reporting_commission_left
    from remaining_vat

),

order_events as (

    select
        tenant_id,
        order_type,
        source,
        order_id as subject_id,
        order_id,
        event_type,
        event_id,
        event_at,
        time_zone,
        channel,
        campaign_id,
        kol_id,
        credit_status,
        customer_id,
        cause,
        currency,
        fx_rate,
        {% for measure in ['gross', 'vat', 'commission', 'reporting_gross', 'reporting_vat', 'reporting_commission'] -%}
        {{ measure }}_left - coalesce(
            lag({{ measure }}_left) over (
                partition by tenant_id, order_type, source, order_id order by event_at, event_rank, event_id
            ),
            0
        ) as {{ measure }}_amount{{ ',' if not loop.last }}
        {% endfor %}
    from remaining

),

unlinked_refunds as (

    select
        refunds.tenant_id,
        refunds.order_type,
        refunds.source,
        'refund:' || refunds.refund_id as subject_id,
        refunds.refund_id,
        refunds.currency,
        refunds.amount,
        refunds.refunded_at,
        {{ 'due.cause' if is_incremental() else 'cast(null as text)' }} as cause,
        tenants.time_zone,
        tenants.reporting_minor_units,
        round(refunds.amount * tenants.vat_rate / (1 + tenants.vat_rate), currencies.minor_units) as vat_amount,
        case when refunds.currency = tenants.reporting_currency then 1 else rates.rate end as fx_rate
    from refunds
    inner join tenants on refunds.tenant_id = tenants.tenant_id
    inner join {{ ref('currencies') }} as currencies on refunds.currency = currencies.currency
    {% if is_incremental() -%}
    inner join {{ due }} as due
        on refunds.tenant_id = due.tenant_id
        and refunds.order_type = due.order_type
        and refunds.source = due.source
        and 'refund:' || refunds.refund_id = due.subject_id
    {%- endif %}
    left join rates
        on refunds.tenant_id = rates.tenant_id
        and refunds.currency = rates.from_currency
        and tenants.reporting_currency = rates.to_currency
        and {{ local_date('refunds.refunded_at', 'tenants.time_zone') }} = rates.fx_date
    where {{ names_no_order('refunds', found_by='due' if is_incremental() else 'refunds') }}

),

unlinked_events as (

    select
        tenant_id,
        order_type,
        source,
        subject_id,
        cast(null as text) as order_id,
        'unlinked_refund' as event_type,
        refund_id as event_id,
        refunded_at as event_at,
        time_zone,
        'unlinked' as channel,
        '(none)' as campaign_id,
        cast(null as text) as kol_id,
        'not_credited' as credit_status,
        cast(null as text) as customer_id,
        cause,
        currency,
        fx_rate,
        -amount as gross_amount,
        -vat_amount as vat_amount,
        cast(0 as numeric(20, 4)) as commission_amount,
        -round(amount * fx_rate, reporting_minor_units) as reporting_gross_amount,
        -round(vat_amount * fx_rate, reporting_minor_units) as reporting_vat_amount,
        cast(0 as numeric(20, 4)) as reporting_commission_amount
    from unlinked_refunds

),

unioned as (

    select * from order_events
    union all
    select * from unlinked_events

)

select
    tenant_id,
    order_type,
    source,
    subject_id,
    order_id,
    event_type,
    event_id,
    event_at,
    {{ local_date('event_at', 'time_zone') }} as event_date,
    {{ hour_start('event_at', 'time_zone') }} as hour_start_at,
    channel,
    campaign_id,
    kol_id,
    credit_status,
    customer_id,
    currency,
    fx_rate,
    gross_amount,
    vat_amount,
    gross_amount - vat_amount as net_amount,
    commission_amount,
    reporting_gross_amount,
    reporting_vat_amount,
    reporting_gross_amount - reporting_vat_amount as reporting_net_amount,
    reporting_commission_amount,
    cause as _cause,
    cast({{ build_id() }} as bigint) as _build_id
from unioned
