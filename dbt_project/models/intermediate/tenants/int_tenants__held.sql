{{ config(post_hook="{{ note_held_tenants() }}") }}
-- One row per tenant and reason why the tenant stays at its last published state in this build: an amount in a currency
-- without a fresh enough rate to the tenant's reporting currency. Nothing costs nothing in every currency.
-- depends_on: {{ ref('int_orders__states') }}, {{ ref('int_orders__touched_states') }}
{%- set touched = ref('int_orders__touched') -%}
{%- set is_first = takes_everything(['int_orders__events', 'tracked_orders']) %}

with tenants as (

    select * from {{ ref('int_tenants__settings') }}

),

orders as (

    select
        states.tenant_id,
        states.currency,
        states.completed_date as amount_date,
        'order ' || states.source || ':' || states.order_id as subject
    from {{ ref('int_orders__states') if is_first else ref('int_orders__touched_states') }} as states
    inner join tenants
        on states.tenant_id = tenants.tenant_id and states.currency <> tenants.reporting_currency
    where states.is_completed

),

unlinked_refunds as (

    select
        refunds.tenant_id,
        refunds.currency,
        {{ local_date('refunds.refunded_at', 'tenants.time_zone') }} as amount_date,
        'refund ' || refunds.source || ':' || refunds.refund_id as subject
    from {{ ref('int_refunds__unioned') }} as refunds
    inner join tenants
        on refunds.tenant_id = tenants.tenant_id and refunds.currency <> tenants.reporting_currency
    {% if not is_first -%}
    inner join {{ touched }} as touched
        on refunds.tenant_id = touched.tenant_id
        and refunds.order_type = touched.order_type
        and refunds.source = touched.source
        and 'refund:' || refunds.refund_id = touched.subject_id
    {%- endif %}
    where {{ names_no_order('refunds', found_by='refunds' if is_first else 'touched') }}

),

contract_costs as (

    select
        contracts.tenant_id,
        contracts.currency,
        days.calendar_date as amount_date,
        'contract ' || contracts.contract_id as subject
    from {{ ref('stg_kol_contracts') }} as contracts
    inner join tenants
        on contracts.tenant_id = tenants.tenant_id and contracts.currency <> tenants.reporting_currency
    inner join {{ ref('int_calendar__days') }} as days
        on days.calendar_date between contracts.starts_on and least(contracts.ends_on, tenants.as_of_date)
    where contracts.fixed_fee > 0 or contracts.platform_fee > 0 or contracts.goods_cost > 0

),

ad_spend as (

    select distinct
        spend.tenant_id,
        spend.currency,
        spend.spend_date as amount_date,
        'spend ' || spend.platform || ':' || spend.account_id as subject
    from {{ ref('stg_ad_spend') }} as spend
    inner join tenants
        on spend.tenant_id = tenants.tenant_id and spend.currency <> tenants.reporting_currency
    where spend.spend > 0

),

amounts as (

    select * from orders
    union all
    select * from unlinked_refunds
    union all
    select * from contract_costs
    union all
    select * from ad_spend

)

select
    amounts.tenant_id,
    'no rate from ' || amounts.currency || ' to ' || tenants.reporting_currency || ' for '
    || min(amounts.amount_date) || ' (' || count(*) || ' amounts, the first is ' || min(amounts.subject) || ')' as reason
from amounts
inner join tenants on amounts.tenant_id = tenants.tenant_id
left join {{ ref('int_fx__days') }} as rates
    on amounts.tenant_id = rates.tenant_id
    and amounts.currency = rates.from_currency
    and tenants.reporting_currency = rates.to_currency
    and amounts.amount_date = rates.fx_date
where rates.rate is null
group by amounts.tenant_id, amounts.currency, tenants.reporting_currency
