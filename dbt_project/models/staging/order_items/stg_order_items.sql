with source as (

    select * from {{ feed_as_of_pin('order_items') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        source,
        order_id,
        line_id,
        sku,

        -- strings
        product_name,
        item_type,
        currency,

        -- numerics
        quantity,
        unit_price,
        line_amount,

        -- dates and timestamps
        ordered_at,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
