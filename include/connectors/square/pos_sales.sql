-- Square orders (Orders API, JSON Lines) to the feed pos_sales.
-- Traps: amounts are whole numbers of the currency's smallest unit (1250 is 12.50 USD, and 1250 is 1250 JPY); a return is
-- an order that carries `returns` and has its amount in return_amounts; what the till knows of the buyer is metadata.
with orders as (
    select
        _row,
        record,
        (record -> '$.returns[0]') is not null as is_return,
        coalesce(record ->> '$.return_amounts.total_money.currency', record ->> '$.total_money.currency') as currency
    from source
),

amounts as (
    select
        *,
        if(currency in (
            'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
        ), 1, 0.01)::decimal(3, 2) as unit,
        if(is_return, record -> 'return_amounts', record) as money
    from orders
)

select
    _row,
    record ->> 'id' as sale_id,
    record ->> 'location_id' as store_id,
    if(is_return, 'return', 'sale') as sale_type,
    record ->> '$.returns[0].source_order_id' as original_sale_id,
    case record ->> 'state'
        when 'OPEN' then 'open'
        when 'DRAFT' then 'open'
        when 'COMPLETED' then 'completed'
        when 'CANCELED' then 'voided'
        else record ->> 'state'
    end as status,
    record ->> 'customer_id' as source_customer_id,
    record ->> '$.metadata.receipt_name' as customer_name,
    record ->> '$.metadata.receipt_email' as email,
    record ->> '$.metadata.receipt_phone' as phone,
    record ->> '$.metadata.loyalty_card' as loyalty_card,
    currency,
    coalesce(
        cast(try_cast(money ->> '$.total_money.amount' as decimal(28, 6)) * unit as varchar),
        money ->> '$.total_money.amount'
    ) as gross_amount,
    coalesce(
        cast(try_cast(money ->> '$.total_discount_money.amount' as decimal(28, 6)) * unit as varchar),
        money ->> '$.total_discount_money.amount'
    ) as discount_amount,
    coalesce(
        cast(try_cast(money ->> '$.total_tax_money.amount' as decimal(28, 6)) * unit as varchar),
        money ->> '$.total_tax_money.amount'
    ) as vat_amount,
    case record ->> '$.tenders[0].type'
        when 'CASH' then 'cash'
        when 'CARD' then 'card'
        when 'WALLET' then 'wallet'
        when 'BANK_ACCOUNT' then 'bank_transfer'
        else 'other'
    end as payment_method,
    record ->> 'created_at' as sold_at,
    record ->> 'updated_at' as updated_at,
    json_merge_patch(record, '{
        "id": null, "location_id": null, "customer_id": null, "metadata": null, "created_at": null, "updated_at": null,
        "line_items": null, "returns": null
    }') as source_fields
from amounts
