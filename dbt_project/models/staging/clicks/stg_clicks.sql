with source as (

    select * from {{ feed_as_of_pin('clicks') }} as versions

),

renamed as (

    select
        -- ids
        tenant_id,
        click_id,
        token,
        visitor_id,

        -- strings
        utm_source,
        utm_medium,
        utm_campaign,
        landing_url,
        referrer,
        user_agent,
        ip_hash,

        -- booleans
        is_prefetch,

        -- dates and timestamps
        clicked_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
