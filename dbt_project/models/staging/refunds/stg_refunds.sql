with source as (

    select * from {{ feed_as_of_pin('refunds') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        source,
        refund_id,
        order_id,

        -- strings
        status,
        currency,
        reason,

        -- numerics
        amount,

        -- dates and timestamps
        refunded_at,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
