with source as (

    select * from {{ feed_as_of_pin('ad_spend') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        platform,
        account_id,
        campaign_id,
        ad_id,

        -- strings
        account_time_zone,
        campaign_name,
        currency,

        -- numerics
        spend,
        impressions,
        clicks,
        conversions,

        -- dates and timestamps
        spend_date,

        -- load metadata
        _load_id
    from source

)

select * from renamed
