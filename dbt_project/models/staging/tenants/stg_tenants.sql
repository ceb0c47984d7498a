with source as (

    select * from {{ feed_as_of_pin('tenants') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,

        -- strings
        name,
        tax_id,
        address,
        country_code,
        time_zone,
        reporting_currency,

        -- numerics
        vat_rate,
        gross_margin,
        attribution_window_hours,
        churn_window_days,

        -- load metadata
        _load_id
    from source

)

select * from renamed
