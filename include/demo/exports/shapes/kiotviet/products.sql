-- KiotViet's products.
select
    sku as code,
    product_name as name,
    category as "categoryName",
    currency,
    price as "basePrice",
    cost,
    kiot_time(updated_at) as "modifiedDate"
from products
order by updated_at, code
