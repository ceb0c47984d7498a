-- depends_on: {{ ref('int_orders__touched_states') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'source', 'order_id'], 'unique': true},
            {'columns': ['tenant_id', 'completed_date']},
            {'columns': ['tenant_id', 'kol_id']},
            {'columns': ['tenant_id', 'customer_id']},
            {'columns': ['_build_id']},
        ],
        pre_hook="{{ delete_touched(ref('int_orders__due'), {'tenant_id': 'tenant_id', 'source': 'source', 'order_id': 'subject_id'}, also=\"touched.order_type = 'web'\") }}",
        post_hook=["{{ advance(['orders', 'refunds', 'remittances', 'pos_sales', 'fx_rates', 'customer_map', 'tenants']) }}"],
    )
}}
-- One row per tenant, source and order of a web shop or marketplace. All amounts add up over orders.
with states as (

    select * from {{ ref('int_orders__touched_states') if is_incremental() else ref('int_orders__states') }}
    where order_type = 'web'

),

credit as (

    select * from {{ ref('int_orders__credit') }}

),

tenants as (

    select * from {{ ref('int_tenants__published') }}

),

events as (

    select
        tenant_id,
        source,
        order_id,
        max(fx_rate) as fx_rate,
        -sum(case when event_type <> 'completion' then gross_amount else 0 end) as refund_amount,
        sum(net_amount) as net_revenue_amount,
        sum(commission_amount) as commission_amount,
        sum(case when event_type = 'completion' then reporting_gross_amount else 0 end) as reporting_gross_amount,
        -sum(case when event_type <> 'completion' then reporting_gross_amount else 0 end) as reporting_refund_amount,
        sum(reporting_gross_amount) as reporting_revenue_amount,
        sum(reporting_net_amount) as reporting_net_revenue_amount,
        sum(reporting_commission_amount) as reporting_commission_amount
    from {{ ref('int_orders__events') }} as events
    where
        events.order_type = 'web'
        and events.order_id is not null
        {% if is_incremental() -%}
        and exists (
            select 1 from {{ ref('int_orders__due') }} as due
            where
                events.tenant_id = due.tenant_id
                and events.order_type = due.order_type
                and events.source = due.source
                and events.subject_id = due.subject_id
        )
        {%- endif %}
    group by tenant_id, source, order_id

),

final as (

    select
        states.tenant_id,
        states.source,
        states.order_id,
        coalesce(resolved.customer_id, states.customer_key) as customer_id,
        states.status,
        states.payment_method,
        states.ordered_at,
        states.ordered_date,
        case when states.is_completed then states.completed_at end as completed_at,
        case when states.is_completed then states.completed_date end as completed_date,
        states.cancelled_at,
        states.is_completed,
        states.exclusion_reason,
        credit.credit_status,
        credit.matched_by,
        credit.kol_id,
        credit.campaign_id,
        credit.token_id,
        credit.credited_click_id as click_id,
        credit.contract_id,
        credit.coupon_code,
        credit.not_credited_reason,
        credit.is_disputed,
        states.currency,
        cast(states.gross_amount as numeric(20, 4)) as gross_amount,
        cast(coalesce(states.discount_amount, 0) as numeric(20, 4)) as discount_amount,
        cast(states.vat_amount as numeric(20, 4)) as vat_amount,
        cast(coalesce(events.refund_amount, 0) as numeric(20, 4)) as refund_amount,
        cast(coalesce(events.net_revenue_amount, 0) as numeric(20, 4)) as net_revenue_amount,
        cast(credit.commission_rate as numeric(6, 4)) as commission_rate,
        cast(coalesce(events.commission_amount, 0) as numeric(20, 4)) as commission_amount,
        tenants.reporting_currency,
        cast(events.fx_rate as numeric(24, 12)) as fx_rate,
        cast(coalesce(events.reporting_gross_amount, 0) as numeric(20, 4)) as reporting_gross_amount,
        cast(coalesce(events.reporting_refund_amount, 0) as numeric(20, 4)) as reporting_refund_amount,
        cast(coalesce(events.reporting_revenue_amount, 0) as numeric(20, 4)) as reporting_revenue_amount,
        cast(coalesce(events.reporting_net_revenue_amount, 0) as numeric(20, 4)) as reporting_net_revenue_amount,
        cast(coalesce(events.reporting_commission_amount, 0) as numeric(20, 4)) as reporting_commission_amount,
        cast({{ build_id() }} as bigint) as _build_id
    from states
    inner join tenants on states.tenant_id = tenants.tenant_id
    inner join credit
        on states.tenant_id = credit.tenant_id and states.source = credit.source and states.order_id = credit.order_id
    left join events
        on states.tenant_id = events.tenant_id and states.source = events.source and states.order_id = events.order_id
    {{ look_up(ref('int_customers__resolved'), 'resolved', {
        'tenant_id': 'states.tenant_id',
        'source': 'states.source',
        'record_type': 'states.record_type',
        'record_id': 'states.record_id',
    }, kind='left') }}

)

select * from final
