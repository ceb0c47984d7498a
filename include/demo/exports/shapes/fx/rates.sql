-- A provider's daily rates.
select
    cast(rate_date as varchar) as date,
    from_currency as base,
    to_currency as quote,
    plain_number(rate) as rate,
    utc_z(updated_at) as published_at
from fx_rates
order by rate_date, base, quote
