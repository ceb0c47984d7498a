with source as (

    select * from {{ feed_as_of_pin('bank_lines') }} as versions

),

renamed as (

    select
        -- ids
        tenant_id,
        account_id,
        line_id,

        -- strings
        currency,
        description,
        counterparty,
        reference,

        -- numerics
        amount,

        -- dates and timestamps
        booked_on,
        booked_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
