with source as (

    select * from {{ feed_as_of_pin('kol_invoices') }} as versions

),

renamed as (

    select
        -- ids
        tenant_id,
        invoice_number,
        kol_id,

        -- strings
        invoice_type,
        currency,
        seller_name,
        seller_tax_id,
        seller_address,
        buyer_name,
        buyer_tax_id,
        buyer_address,
        entered_by,
        reason,

        -- numerics
        entries,
        net_amount,
        vat_rate,
        vat_amount,
        gross_amount,

        -- dates and timestamps
        period_from,
        period_to,
        issued_on,
        invoiced_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
