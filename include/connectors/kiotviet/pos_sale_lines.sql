-- Lines of KiotViet invoices and returns (the same files as pos_sales) to the feed pos_sale_lines.
-- Traps: invoices keep their lines in invoiceDetails, returns in returnDetails; discount is of the whole line; the line's
-- change is the document's; local times without an offset.
with lines as (
    select
        _row,
        record,
        unnest(coalesce(
            try_cast(record -> 'invoiceDetails' as json[]),
            try_cast(record -> 'returnDetails' as json[]),
            [cast(null as json)]
        )) as line
    from source
)

select
    _row,
    record ->> 'code' as sale_id,
    line ->> 'lineId' as line_id,
    line ->> 'productCode' as sku,
    line ->> 'productName' as product_name,
    line ->> 'quantity' as quantity,
    line ->> 'price' as unit_price,
    coalesce(
        cast(
            try_cast(line ->> 'price' as decimal(20, 6)) * try_cast(line ->> 'quantity' as decimal(12, 4))
            - try_cast(coalesce(line ->> 'discount', '0') as decimal(20, 6)) as varchar
        ),
        'price x quantity - ' || (line ->> 'discount')
    ) as line_amount,
    record ->> 'currency' as currency,
    local_to_utc(
        left(coalesce(record ->> 'purchaseDate', record ->> 'returnDate'), 26), getvariable('time_zone')
    ) as sold_at,
    local_to_utc(left(record ->> 'modifiedDate', 26), getvariable('time_zone')) as updated_at
from lines
