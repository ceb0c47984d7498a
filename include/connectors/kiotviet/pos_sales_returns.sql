-- KiotViet returns (JSON Lines) to the feed pos_sales, as sales of the type return.
-- Traps: a return is a document of its own with positive amounts; invoiceCode is empty where no receipt was shown; times are
-- the store's local time without an offset.
select
    _row,
    record ->> 'code' as sale_id,
    record ->> 'branchId' as store_id,
    'return' as sale_type,
    record ->> 'invoiceCode' as original_sale_id,
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
    record ->> 'returnTotal' as gross_amount,
    record ->> 'returnDiscount' as discount_amount,
    record ->> 'totalTax' as vat_amount,
    case record ->> '$.payments[0].method'
        when 'Cash' then 'cash'
        when 'Card' then 'card'
        when 'Wallet' then 'wallet'
        when 'Transfer' then 'bank_transfer'
        else 'other'
    end as payment_method,
    local_to_utc(left(record ->> 'returnDate', 26), getvariable('time_zone')) as sold_at,
    local_to_utc(left(record ->> 'modifiedDate', 26), getvariable('time_zone')) as updated_at,
    json_merge_patch(record, '{
        "code": null, "branchId": null, "invoiceCode": null, "customerCode": null, "customerName": null,
        "email": null, "contactNumber": null, "membershipCard": null, "currency": null, "returnTotal": null,
        "returnDiscount": null, "totalTax": null, "returnDetails": null
    }') as source_fields
from source
