-- One row per contract and day up to the as-of day: the day's share of the fees, in the contract's and the reporting currency.
with contracts as (

    select
        contracts.*,
        contracts.ends_on - contracts.starts_on + 1 as contract_days,
        currencies.minor_units
    from {{ ref('stg_kol_contracts') }} as contracts
    inner join {{ ref('currencies') }} as currencies on contracts.currency = currencies.currency

),

tenants as (

    select * from {{ ref('int_tenants__settings') }}

),

days as (

    select
        contracts.tenant_id,
        contracts.contract_id,
        contracts.kol_id,
        contracts.campaign_id,
        contracts.currency,
        days.calendar_date as cost_date,
        tenants.reporting_currency,
        tenants.reporting_minor_units,
        {% for fee in ['fixed_fee', 'platform_fee'] -%}
        case
            when days.calendar_date < contracts.ends_on
                then {{ round_down('contracts.' ~ fee ~ ' / contracts.contract_days', 'contracts.minor_units') }}
            else
                contracts.{{ fee }}
                - (contracts.contract_days - 1)
                * {{ round_down('contracts.' ~ fee ~ ' / contracts.contract_days', 'contracts.minor_units') }}
        end as {{ fee }}_amount,
        {% endfor -%}
        case when days.calendar_date = contracts.starts_on then contracts.goods_cost else 0 end as goods_amount
    from contracts
    inner join tenants on contracts.tenant_id = tenants.tenant_id
    inner join {{ ref('int_calendar__days') }} as days
        on days.calendar_date between contracts.starts_on and least(contracts.ends_on, tenants.as_of_date)

),

converted as (

    select
        days.*,
        case when days.currency = days.reporting_currency then 1 else rates.rate end as fx_rate
    from days
    left join {{ ref('int_fx__days') }} as rates
        on days.tenant_id = rates.tenant_id
        and days.currency = rates.from_currency
        and days.reporting_currency = rates.to_currency
        and days.cost_date = rates.fx_date

)

select
    tenant_id,
    contract_id,
    kol_id,
    campaign_id,
    cost_date,
    currency,
    fx_rate,
    fixed_fee_amount,
    platform_fee_amount,
    goods_amount,
    round(fixed_fee_amount * fx_rate, reporting_minor_units) as reporting_fixed_fee_amount,
    round(platform_fee_amount * fx_rate, reporting_minor_units) as reporting_platform_fee_amount,
    round(goods_amount * fx_rate, reporting_minor_units) as reporting_goods_amount
from converted
