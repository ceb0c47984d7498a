-- WooCommerce customers (REST v3, JSON Lines) to the feed customers.
-- Traps: empty fields are empty texts, not nulls; only *_gmt dates are UTC; what the shop collects beyond an address is meta.
with customers as (
    select
        _row,
        record,
        coalesce(try_cast(record -> 'meta_data' as json[]), []) as meta
    from source
)

select
    _row,
    record ->> 'id' as source_customer_id,
    list_filter(meta, lambda m: m ->> 'key' = 'display_name')[1] ->> 'value' as full_name,
    nullif(record ->> 'first_name', '') as first_name,
    nullif(record ->> 'last_name', '') as last_name,
    nullif(record ->> 'email', '') as email,
    nullif(record ->> '$.billing.phone', '') as phone,
    list_filter(meta, lambda m: m ->> 'key' = 'birth_date')[1] ->> 'value' as birth_date,
    nullif(record ->> '$.billing.address_1', '') as street,
    nullif(record ->> '$.billing.city', '') as city,
    nullif(record ->> '$.billing.postcode', '') as postcode,
    nullif(record ->> '$.billing.country', '') as country_code,
    list_filter(meta, lambda m: m ->> 'key' = 'loyalty_card')[1] ->> 'value' as loyalty_card,
    list_filter(meta, lambda m: m ->> 'key' = 'loyalty_tier')[1] ->> 'value' as loyalty_tier,
    list_filter(meta, lambda m: m ->> 'key' = 'national_id')[1] ->> 'value' as national_id,
    list_filter(meta, lambda m: m ->> 'key' = 'visitor_id')[1] ->> 'value' as visitor_id,
    -- WooCommerce has no consent of its own; its Mailchimp extension notes 1 or 0
    case list_filter(meta, lambda m: m ->> 'key' = 'mailchimp_woocommerce_is_subscribed')[1] ->> 'value'
        when '1' then true
        when '0' then false
    end as accepts_email_marketing,
    record ->> 'date_created_gmt' || 'Z' as created_at,
    record ->> 'date_modified_gmt' || 'Z' as updated_at,
    json_merge_patch(record, '{
        "id": null, "first_name": null, "last_name": null, "email": null, "billing": null, "meta_data": null,
        "date_created_gmt": null, "date_modified_gmt": null
    }') as source_fields
from customers
