-- One row per tenant and product: what it is called and costs. Of several systems that sell a SKU one in the reporting currency is
-- taken, else the one that changed last; its price is converted at the rate of the day up to which purchases are learnt.
with products as (

    select
        products.tenant_id,
        products.sku as product_id,
        products.product_name,
        products.category,
        products.price,
        products.currency,
        tenants.reporting_currency,
        tenants.reporting_minor_units,
        {{ last_sunday('tenants.as_of_date') }} as priced_date,
        row_number() over (
            partition by products.tenant_id, products.sku
            order by
                case when products.currency = tenants.reporting_currency then 0 else 1 end asc,
                products.updated_at desc,
                products.source asc
        ) as product_rank
    from {{ ref('stg_products') }} as products
    inner join {{ ref('int_tenants__settings') }} as tenants on products.tenant_id = tenants.tenant_id

)

select
    products.tenant_id,
    products.product_id,
    products.product_name,
    products.category,
    products.reporting_currency,
    cast(
        case
            when products.currency = products.reporting_currency then products.price
            else round(products.price * rates.rate, products.reporting_minor_units)
        end as numeric(20, 4)
    ) as price_amount
from products
left join {{ ref('int_fx__days') }} as rates
    on products.tenant_id = rates.tenant_id
    and products.currency = rates.from_currency
    and products.reporting_currency = rates.to_currency
    and products.priced_date = rates.fx_date
where products.product_rank = 1
