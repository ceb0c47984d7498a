with source as (

    select * from {{ feed_as_of_pin('orders') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        source,
        order_id,
        source_customer_id,
        token,
        click_id,
        visitor_id,

        -- strings
        customer_name,
        email,
        phone,
        shipping_address,
        status,
        payment_method,
        currency,
        upper(trim(coupon_code)) as coupon_code,
        lower(trim(source_kol_ref)) as source_kol_ref,
        source || ':' || source_customer_id as customer_key,

        -- numerics
        gross_amount,
        discount_amount,
        shipping_amount,
        vat_amount,

        -- booleans
        is_test,

        -- dates and timestamps
        ordered_at,
        paid_at,
        cancelled_at,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
