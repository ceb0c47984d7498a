-- Online Retail invoices to orders: one row per invoice that is neither a credit note (C…) nor a bad-debt entry (A…).
--
-- * gross_amount is the sum of the invoice's lines without fees (AMAZONFEE, BANK CHARGES, CRUK: what the shop pays to
--   others, no sale). Postage, discounts and manual lines count: the customer pays them.
-- * An invoice of fees alone, of gifts or of stock corrections has gross 0: it is an order that does not count, with
--   the reason non_positive, and is not dropped.
-- * Prices are without VAT, so vat_amount is 0 (the retail prices become round once VAT is put on top).
-- * Invoices are paid at once. 38 of them carry two timestamps a minute apart: the first is the order's.
-- * Lines without a customer are a guest's. A line that is no number spoils its invoice: the order is quarantined
--   rather than added up without it.
with line as (
    select
        *,
        upper(trim(StockCode)) in ('AMAZONFEE', 'BANK CHARGES', 'CRUK') as is_fee,
        round(try_cast(Quantity as decimal(18, 4)) * try_cast(UnitPrice as decimal(18, 6)), 2) as amount
    from source
    where coalesce(upper(left(InvoiceNo, 1)), '') not in ('A', 'C')
)

select
    min(_row) as _row,
    InvoiceNo as order_id,
    regexp_replace(min(CustomerID), '\.0$', '') as source_customer_id,
    'paid' as status,
    'other' as payment_method,
    'GBP' as currency,
    case
        when bool_and(amount is not null) then cast(coalesce(sum(amount) filter (not is_fee), 0) as varchar)
        else 'line ' || min(_row) filter (amount is null) || ' of the invoice is no amount'
    end as gross_amount,
    0 as vat_amount,
    false as is_test,
    local_to_utc(min(InvoiceDate), getvariable('time_zone')) as ordered_at,
    local_to_utc(min(InvoiceDate), getvariable('time_zone')) as paid_at,
    local_to_utc(max(InvoiceDate), getvariable('time_zone')) as updated_at,
    min(Country) as country
from line
group by InvoiceNo
