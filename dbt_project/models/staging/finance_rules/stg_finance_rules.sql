with source as (

    select * from {{ feed_as_of_pin('finance_rules') }} as versions

),

renamed as (

    select
        -- ids
        tenant_id,
        rules_id,

        -- strings
        rules,
        entered_by,
        reason,

        -- dates and timestamps
        decided_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
