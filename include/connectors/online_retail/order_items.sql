-- Online Retail invoice lines to order_items: one row per line of the file, whatever the line is, so that nothing the
-- file says is lost and every amount of orders and refunds can be added up again from here.
--
-- * order_id is the invoice, also where it is a credit note (C…) or a bad-debt entry (A…), which are no orders.
-- * A line has no key of its own. line_id is the hash of its content and its occurrence within the invoice, never its
--   place in the file: exact repetitions all count, and a file sent again in another order gives the same ids.
-- * item_type: POST, DOT, C2 are shipping; AMAZONFEE, BANK CHARGES, CRUK are fees; D is a discount; M, S, B and stock
--   corrections (negative quantity outside a credit note, always at price zero) are adjustments; the rest is product.
-- * Amounts are without VAT, in pounds, each line rounded to the penny (one price has three decimals).
with line as (
    select
        *,
        upper(trim(StockCode)) as code,
        try_cast(Quantity as decimal(18, 4)) * try_cast(UnitPrice as decimal(18, 6)) as amount,
        md5(concat_ws(
            chr(31),
            coalesce(StockCode, ''), coalesce(Description, ''), coalesce(Quantity, ''), coalesce(InvoiceDate, ''),
            coalesce(UnitPrice, ''), coalesce(CustomerID, ''), coalesce(Country, '')
        )) as content_hash
    from source
)

select
    _row,
    InvoiceNo as order_id,
    left(content_hash, 16) || '-' || row_number() over (partition by InvoiceNo, content_hash order by _row)
        as line_id,
    trim(StockCode) as sku,
    trim(Description) as product_name,
    case
        when code in ('POST', 'DOT', 'C2') then 'shipping'
        when code in ('AMAZONFEE', 'BANK CHARGES', 'CRUK') then 'fee'
        when code = 'D' then 'discount'
        when code in ('M', 'S', 'B') then 'adjustment'
        when upper(left(InvoiceNo, 1)) <> 'C' and starts_with(Quantity, '-') then 'adjustment'
        else 'product'
    end as item_type,
    Quantity as quantity,
    UnitPrice as unit_price,
    coalesce(
        cast(round(amount, 2) as varchar), 'quantity ' || coalesce(Quantity, '?') || ' x price ' || coalesce(UnitPrice, '?')
    ) as line_amount,
    'GBP' as currency,
    local_to_utc(InvoiceDate, getvariable('time_zone')) as ordered_at,
    local_to_utc(InvoiceDate, getvariable('time_zone')) as updated_at
from line
