with source as (

    select * from {{ feed_as_of_pin('fx_rates') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,

        -- strings
        from_currency,
        to_currency,

        -- numerics
        rate,

        -- dates and timestamps
        rate_date,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
