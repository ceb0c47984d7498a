with source as (

    select * from {{ feed_as_of_pin('products') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        source,
        sku,

        -- strings
        product_name,
        category,
        currency,

        -- numerics
        price,
        cost,

        -- dates and timestamps
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
