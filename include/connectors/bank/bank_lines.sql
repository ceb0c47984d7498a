-- Bank statement (CSV, semicolons) to the feed bank_lines.
-- Traps: money out and money in stand in two columns, both positive and with thousands separators (1,250,000.50); the
-- booking day is dd/mm/yyyy and has no time, so that the instant is the start of that day at the bank; lines of one day
-- and amount can be equal in everything but their number.
with amounts as (
    select
        *,
        coalesce(nullif("Credit", ''), '0') as money_in,
        coalesce(nullif("Debit", ''), '0') as money_out,
        if(
            regexp_full_match("Booking date", '\d{2}/\d{2}/\d{4}'), try_strptime("Booking date", '%d/%m/%Y'), null
        ) as booking_day
    from source
),

plain as (
    select
        *,
        regexp_full_match(money_in, '\d{1,3}(,\d{3})*(\.\d+)?') and regexp_full_match(money_out, '\d{1,3}(,\d{3})*(\.\d+)?')
            as is_readable
    from amounts
)

select
    _row,
    "Account" as account_id,
    "Line number" as line_id,
    "Currency" as currency,
    if(
        is_readable,
        coalesce(
            cast(
                try_cast(replace(money_in, ',', '') as decimal(28, 4))
                - try_cast(replace(money_out, ',', '') as decimal(28, 4)) as varchar
            ),
            'in ' || money_in || ', out ' || money_out
        ),
        'in ' || money_in || ', out ' || money_out
    ) as amount,
    "Details" as description,
    "Counterparty" as counterparty,
    "Reference" as reference,
    coalesce(
        strftime(booking_day, '%Y-%m-%d'), "Booking date" || ' is not dd/mm/yyyy'
    ) as booked_on,
    local_to_utc(
        coalesce(strftime(booking_day, '%Y-%m-%d 00:00:00'), "Booking date" || ' is not dd/mm/yyyy'),
        getvariable('time_zone')
    ) as booked_at,
    * exclude (
        _row, "Account", "Line number", "Currency", "Debit", "Credit", "Details", "Counterparty", "Reference",
        "Booking date", money_in, money_out, booking_day, is_readable
    )
from plain
