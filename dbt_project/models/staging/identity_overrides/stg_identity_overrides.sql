with source as (

    select * from {{ feed_as_of_pin('identity_overrides') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        override_id,
        left_source,
        left_id,
        right_source,
        right_id,

        -- strings
        link,
        left_type,
        right_type,
        reason,
        decided_by,

        -- booleans
        is_drawn,
        is_active,

        -- dates and timestamps
        decided_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
