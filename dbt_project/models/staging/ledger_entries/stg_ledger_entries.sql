with source as (

    select * from {{ feed_as_of_pin('ledger_entries') }} as versions

),

renamed as (

    select
        -- ids
        tenant_id,
        entry_id,
        transaction_id,
        line_no,
        kol_id,
        order_source,
        order_id,
        event_id,
        contract_id,

        -- strings
        entry_type,
        account,
        currency,
        event_type,
        rule_version,
        entered_by,
        reason,

        -- numerics
        amount,
        commission_rate,

        -- dates and timestamps
        event_date,
        posting_date,
        entered_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
