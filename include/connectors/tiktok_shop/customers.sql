-- TikTok Shop buyers (JSON Lines) to the feed customers.
-- Traps: phones and names are masked for many buyers and are kept as they come; times are unix seconds.
select
    _row,
    record ->> 'user_id' as source_customer_id,
    record ->> 'name' as full_name,
    record ->> 'first_name' as first_name,
    record ->> 'last_name' as last_name,
    record ->> 'buyer_email' as email,
    record ->> 'phone_number' as phone,
    record ->> 'birth_date' as birth_date,
    record ->> '$.address.detail' as street,
    record ->> '$.address.city' as city,
    record ->> '$.address.postal_code' as postcode,
    record ->> '$.address.region_code' as country_code,
    record ->> 'loyalty_card' as loyalty_card,
    record ->> 'loyalty_tier' as loyalty_tier,
    record ->> 'shop_visitor' as visitor_id,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'create_time' as bigint))) as varchar),
        (record ->> 'create_time') || ' is not unix seconds'
    ) as created_at,
    coalesce(
        cast(try(to_timestamp(cast(record ->> 'update_time' as bigint))) as varchar),
        (record ->> 'update_time') || ' is not unix seconds'
    ) as updated_at,
    json_merge_patch(record, '{
        "user_id": null, "name": null, "first_name": null, "last_name": null, "buyer_email": null, "phone_number": null,
        "birth_date": null, "address": null, "loyalty_card": null, "loyalty_tier": null, "shop_visitor": null, "create_time": null,
        "update_time": null
    }') as source_fields
from source
