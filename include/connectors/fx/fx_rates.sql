-- Daily exchange rates of a provider (CSV) to the feed fx_rates.
-- Traps: a rate for a past day can be published late or corrected, published_at tells; nothing is published on weekends and
-- holidays; rates of small currencies need ten decimals, so that they travel as text.
select
    _row,
    base as from_currency,
    quote as to_currency,
    date as rate_date,
    rate,
    published_at as updated_at,
    * exclude (_row, base, quote, date, rate, published_at)
from source
