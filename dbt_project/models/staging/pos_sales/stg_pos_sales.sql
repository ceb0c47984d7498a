with source as (

    select * from {{ feed_as_of_pin('pos_sales') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        source,
        sale_id,
        store_id,
        original_sale_id,
        source_customer_id,

        -- strings
        sale_type,
        status,
        customer_name,
        email,
        phone,
        loyalty_card,
        currency,
        payment_method,
        source || ':' || source_customer_id as customer_key,

        -- numerics
        gross_amount,
        discount_amount,
        vat_amount,

        -- dates and timestamps
        sold_at,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
