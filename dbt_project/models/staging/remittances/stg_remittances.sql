with source as (

    select * from {{ feed_as_of_pin('remittances') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        source,
        remittance_id,
        order_id,

        -- strings
        order_source,
        remittance_type,
        currency,

        -- numerics
        collected_amount,
        fee_amount,
        net_amount,

        -- dates and timestamps
        collected_at,
        remitted_at,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
