with source as (

    select * from {{ feed_as_of_pin('clv_forecasts') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        customer_id,

        -- strings
        model_version,
        method,
        reporting_currency,
        segment,

        -- numerics
        alive_probability,
        orders_12m,
        net_value_12m,
        net_value_12m_low,
        net_value_12m_high,
        months,

        -- dates and timestamps
        as_of_date,
        forecast_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
