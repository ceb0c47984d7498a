-- KiotViet's returns.
select
    sale_id as code,
    store_id as "branchId",
    original_sale_id as "invoiceCode",
    kiot_time(sold_at) as "returnDate",
    kiot_time(updated_at) as "modifiedDate",
    case status when 'completed' then 1 when 'voided' then 2 else 3 end as status,
    source_customer_id as "customerCode",
    customer_name as "customerName",
    email,
    phone as "contactNumber",
    loyalty_card as "membershipCard",
    currency,
    gross_amount as "returnTotal",
    discount_amount as "returnDiscount",
    vat_amount as "totalTax",
    [{'method': kiot_method(payment_method), 'amount': gross_amount}] as payments,
    coalesce(lines.details, []) as "returnDetails"
from pos_sales
left join (
    select
        sale_id,
        list({
            'lineId': line_id, 'productCode': sku, 'productName': product_name, 'quantity': quantity,
            'price': unit_price, 'discount': unit_price * cast(quantity as decimal(12, 4)) - line_amount
        } order by line_id) as details
    from pos_lines
    group by sale_id
) as lines using (sale_id)
where sale_type = 'return'
order by updated_at, code
