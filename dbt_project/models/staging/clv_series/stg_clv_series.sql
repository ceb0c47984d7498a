with source as (

    select * from {{ feed_as_of_pin('clv_series') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        series_type,
        series_key,

        -- strings
        model_version,

        -- numerics
        month_no,
        customers,
        orders,
        net_value,
        net_value_low,
        net_value_high,

        -- dates and timestamps
        as_of_date,
        starts_on,
        ends_on,
        forecast_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
