with source as (

    select * from {{ feed_as_of_pin('tracking_tokens') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        token_id,
        token,
        kol_id,
        campaign_id,
        key_id,

        -- strings
        link_url,

        -- dates and timestamps
        issued_at,
        expires_at,
        revoked_at,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
