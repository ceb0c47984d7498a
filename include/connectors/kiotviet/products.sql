-- KiotViet products (JSON Lines) to the feed products.
-- Traps: code is the stock keeping unit; basePrice is the price, cost may be hidden from the API user; local times without an
-- offset.
select
    _row,
    record ->> 'code' as sku,
    record ->> 'name' as product_name,
    record ->> 'categoryName' as category,
    record ->> 'currency' as currency,
    record ->> 'basePrice' as price,
    record ->> 'cost' as cost,
    local_to_utc(left(record ->> 'modifiedDate', 26), getvariable('time_zone')) as updated_at
from source
