with source as (

    select * from {{ feed_as_of_pin('journal_entries') }} as versions

),

renamed as (

    select
        -- ids
        tenant_id,
        entry_id,
        source,
        record_id,
        event_id,

        -- strings
        entry_type,
        record_type,
        event_type,
        currency,
        entered_by,
        reason,

        -- numerics
        amount,
        vat_amount,
        discount_amount,
        fee_amount,

        -- dates and timestamps
        event_date,
        posting_date,
        entered_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
