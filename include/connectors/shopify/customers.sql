-- Shopify customers (customer resource with its metafields, JSON Lines) to the feed customers.
-- Traps: names stand twice (customer and default address) and may disagree; birth date, loyalty card and visitor are
-- metafields that a shop has to set up itself; a consent that waits for its confirmation is none.
with customers as (
    select
        _row,
        record,
        coalesce(try_cast(record -> 'metafields' as json[]), []) as metafields
    from source
)

select
    _row,
    record ->> 'id' as source_customer_id,
    record ->> '$.default_address.name' as full_name,
    record ->> 'first_name' as first_name,
    record ->> 'last_name' as last_name,
    record ->> 'email' as email,
    record ->> 'phone' as phone,
    list_filter(metafields, lambda m: m ->> 'key' = 'birth_date')[1] ->> 'value' as birth_date,
    record ->> '$.default_address.address1' as street,
    record ->> '$.default_address.city' as city,
    record ->> '$.default_address.zip' as postcode,
    record ->> '$.default_address.country_code' as country_code,
    list_filter(metafields, lambda m: m ->> 'key' = 'loyalty_card')[1] ->> 'value' as loyalty_card,
    list_filter(metafields, lambda m: m ->> 'key' = 'loyalty_tier')[1] ->> 'value' as loyalty_tier,
    list_filter(metafields, lambda m: m ->> 'key' = 'national_id')[1] ->> 'value' as national_id,
    list_filter(metafields, lambda m: m ->> 'key' = 'visitor_id')[1] ->> 'value' as visitor_id,
    (record ->> '$.email_marketing_consent.state') = 'subscribed' as accepts_email_marketing,
    record ->> '$.email_marketing_consent.consent_updated_at' as email_consent_at,
    (record ->> '$.sms_marketing_consent.state') = 'subscribed' as accepts_sms_marketing,
    record ->> '$.sms_marketing_consent.consent_updated_at' as sms_consent_at,
    record ->> 'created_at' as created_at,
    record ->> 'updated_at' as updated_at,
    json_merge_patch(record, '{
        "id": null, "first_name": null, "last_name": null, "email": null, "phone": null, "default_address": null,
        "metafields": null, "created_at": null, "updated_at": null
    }') as source_fields
from customers
