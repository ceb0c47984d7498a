with source as (

    select * from {{ feed_as_of_pin('payments') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        source,
        payment_id,
        order_id,
        payout_id,

        -- strings
        payment_type,
        status,
        currency,
        payer_ref,

        -- numerics
        amount,
        fee_amount,

        -- dates and timestamps
        occurred_at,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
