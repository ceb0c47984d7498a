with source as (

    select * from {{ feed_as_of_pin('customer_map') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        record_source,
        record_id,
        customer_id,
        run_id,

        -- strings
        record_type,

        -- dates and timestamps
        decided_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
