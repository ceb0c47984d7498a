with source as (

    select * from {{ feed_as_of_pin('kols') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        kol_id,
        platform,

        -- strings
        name,
        tier,
        lower(trim(handle)) as handle,
        tax_id,
        address,
        lower(email_hash) as email_hash,
        lower(phone_hash) as phone_hash,

        -- numerics
        attribution_window_hours,
        vat_rate,

        -- dates and timestamps
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
