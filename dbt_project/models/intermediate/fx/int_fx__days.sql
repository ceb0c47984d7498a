{{ config(indexes=[{'columns': ['tenant_id', 'from_currency', 'to_currency', 'fx_date']}]) }}
-- One row per tenant, currency pair and day on which a rate is fresh enough to be used: the latest on or before that day.
with rates as (

    select
        *,
        lead(rate_date) over (partition by tenant_id, from_currency, to_currency order by rate_date) as next_rate_date
    from {{ ref('stg_fx_rates') }}

),

ages as (

    {% for age in range(var('fx_max_age_days') + 1) %}
    select {{ age }} as age_days
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    rates.tenant_id,
    rates.from_currency,
    rates.to_currency,
    rates.rate_date + ages.age_days as fx_date,
    rates.rate,
    rates.rate_date
from rates
inner join ages on rates.next_rate_date is null or rates.rate_date + ages.age_days < rates.next_rate_date
