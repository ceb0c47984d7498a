with source as (

    select * from {{ feed_as_of_pin('period_closes') }} as versions

),

renamed as (

    select
        -- ids
        tenant_id,
        month,

        -- strings
        fingerprint,
        reconciliation,
        entered_by,
        reason,

        -- numerics
        open_items,

        -- dates and timestamps
        as_of_date,
        closed_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
