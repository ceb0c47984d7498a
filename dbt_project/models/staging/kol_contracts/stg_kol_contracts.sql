with source as (

    select * from {{ feed_as_of_pin('kol_contracts') }} as versions
    where not versions._deleted

),

renamed as (

    select
        -- ids
        tenant_id,
        contract_id,
        kol_id,
        campaign_id,

        -- strings
        campaign_name,
        currency,
        nullif(upper(trim(coupon_code)), '') as coupon_code,

        -- numerics
        fixed_fee,
        platform_fee,
        goods_cost,
        commission_rate,
        target_orders,
        target_penalty,

        -- dates and timestamps
        starts_on,
        ends_on,
        updated_at,

        -- load metadata
        _load_id
    from source

)

select * from renamed
