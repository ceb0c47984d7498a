-- Online Retail credit notes (C…) to refunds: one row per credit note, unlinked, because it names no invoice.
--
-- * amount is what its lines give back, fees left out (AMAZONFEE, BANK CHARGES, CRUK: what the shop pays to others goes
--   to no customer). A note of fees alone is no refund; its lines stand in order_items.
-- * Bad-debt entries (A…) move no money to or from a customer: they are neither order nor refund, their lines stand in
--   order_items too.
-- * Amounts are without VAT. The customer and the country are kept beside the contract's columns.
with line as (
    select
        *,
        upper(trim(StockCode)) in ('AMAZONFEE', 'BANK CHARGES', 'CRUK') as is_fee,
        round(try_cast(Quantity as decimal(18, 4)) * try_cast(UnitPrice as decimal(18, 6)), 2) as amount
    from source
    where upper(left(InvoiceNo, 1)) = 'C'
)

select
    min(_row) as _row,
    InvoiceNo as refund_id,
    'succeeded' as status,
    'GBP' as currency,
    case
        when bool_and(amount is not null) then cast(-sum(amount) filter (not is_fee) as varchar)
        else 'line ' || min(_row) filter (amount is null) || ' of the credit note is no amount'
    end as amount,
    local_to_utc(min(InvoiceDate), getvariable('time_zone')) as refunded_at,
    local_to_utc(max(InvoiceDate), getvariable('time_zone')) as updated_at,
    regexp_replace(min(CustomerID), '\.0$', '') as source_customer_id,
    min(Country) as country
from line
group by InvoiceNo
having not bool_and(is_fee)
