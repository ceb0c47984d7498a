-- A bank's statement: money out and in in two columns, thousands separators, booking days without a time.
select
    account_id as "Account",
    line_id as "Line number",
    strftime(booked_on, '%d/%m/%Y') as "Booking date",
    if(amount < 0, grouped(-amount, currency, ',', '.'), null) as "Debit",
    if(amount < 0, null, grouped(amount, currency, ',', '.')) as "Credit",
    currency as "Currency",
    counterparty as "Counterparty",
    reference as "Reference",
    description as "Details"
from bank_lines
order by booked_on, account_id, line_id
