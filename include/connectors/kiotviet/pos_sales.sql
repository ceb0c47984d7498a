-- KiotViet invoices (JSON Lines) to the feed pos_sales.
-- Traps: times are the store's local time without an offset; total is after the discount; state is a number; amounts of an
-- invoice that was voided (2) still stand on it; the phone is weak evidence, families and clerks share it.
select
    _row,
    record ->> 'code' as sale_id,
    record ->> 'branchId' as store_id,
    'sale' as sale_type,
    case record ->> 'status'
        when '1' then 'completed'
        when '2' then 'voided'
        when '3' then 'open'
        else 'status ' || (record ->> 'status')
    end as status,
    record ->> 'customerCode' as source_customer_id,
    record ->> 'customerName' as customer_name,
    record ->> 'email' as email,
    record ->> 'contactNumber' as phone,
    record ->> 'membershipCard' as loyalty_card,
    record ->> 'currency' as currency,
    record ->> 'total' as gross_amount,
    record ->> 'discount' as discount_amount,
    record ->> 'totalTax' as vat_amount,
    case record ->> '$.payments[0].method'
        when 'Cash' then 'cash'
        when 'Card' then 'card'
        when 'Wallet' then 'wallet'
        when 'Transfer' then 'bank_transfer'
        else 'other'
    end as payment_method,
    local_to_utc(left(record ->> 'purchaseDate', 26), getvariable('time_zone')) as sold_at,
    local_to_utc(left(record ->> 'modifiedDate', 26), getvariable('time_zone')) as updated_at,
    json_merge_patch(record, '{
        "code": null, "branchId": null, "customerCode": null, "customerName": null, "email": null,
        "contactNumber": null, "membershipCard": null, "currency": null, "total": null, "discount": null,
        "totalTax": null, "invoiceDetails": null
    }') as source_fields
from source
