with source as (

    select * from {{ feed_as_of_pin('clv_segments') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,

        -- strings
        segment,
        model_version,

        -- numerics
        net_value_from,
        customers,
        net_value_12m,

        -- dates and timestamps
        as_of_date,
        forecast_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
