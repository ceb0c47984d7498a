with source as (

    select * from {{ feed_as_of_pin('finance_explanations') }} as versions

),

renamed as (

    select
        -- ids
        tenant_id,
        explanation_id,
        item_source,
        item_id,
        counterpart_id,

        -- strings
        side,
        category,
        entered_by,
        reason,

        -- booleans
        is_withdrawn,

        -- dates and timestamps
        explained_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
