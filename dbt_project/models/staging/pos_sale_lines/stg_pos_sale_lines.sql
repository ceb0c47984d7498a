with source as (

    select * from {{ feed_as_of_pin('pos_sale_lines') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        source,
        sale_id,
        line_id,
        sku,

        -- strings
        product_name,
        currency,

        -- numerics
        quantity,
        unit_price,
        line_amount,

        -- dates and timestamps
        sold_at,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
