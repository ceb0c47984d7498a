with source as (

    select * from {{ feed_as_of_pin('fraud_reviews') }} as versions

),

renamed as (

    select
        -- ids
        tenant_id,
        review_id,
        order_source,
        order_id,

        -- strings
        rule,
        verdict,
        entered_by,
        reason,

        -- dates and timestamps
        reviewed_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
