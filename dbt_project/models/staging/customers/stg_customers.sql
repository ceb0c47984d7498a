with source as (

    select * from {{ feed_as_of_pin('customers') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        source,
        source_customer_id,
        national_id,
        visitor_id,

        -- strings
        full_name,
        first_name,
        last_name,
        email,
        phone,
        street,
        city,
        postcode,
        country_code,
        loyalty_card,
        loyalty_tier,

        -- booleans
        accepts_email_marketing,
        accepts_sms_marketing,

        -- dates and timestamps
        birth_date,
        email_consent_at,
        sms_consent_at,
        created_at,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
