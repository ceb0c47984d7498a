-- Square customers (Customers API, JSON Lines) to the feed customers.
-- Traps: the family name stands apart from the given name, and many tills fill in only one of them; a birthday without its
-- year is written with the year 0000 and is not a date; who has not unsubscribed has not agreed either.
select
    _row,
    record ->> 'id' as source_customer_id,
    record ->> 'nickname' as full_name,
    record ->> 'given_name' as first_name,
    record ->> 'family_name' as last_name,
    record ->> 'email_address' as email,
    record ->> 'phone_number' as phone,
    if(starts_with(record ->> 'birthday', '0000'), null, record ->> 'birthday') as birth_date,
    record ->> '$.address.address_line_1' as street,
    record ->> '$.address.locality' as city,
    record ->> '$.address.postal_code' as postcode,
    record ->> '$.address.country' as country_code,
    record ->> 'reference_id' as loyalty_card,
    record ->> '$.custom_attributes.loyalty_tier' as loyalty_tier,
    record ->> '$.custom_attributes.national_id' as national_id,
    record ->> '$.custom_attributes.visitor_id' as visitor_id,
    if(record ->> '$.preferences.email_unsubscribed' = 'true', false, null) as accepts_email_marketing,
    record ->> 'created_at' as created_at,
    record ->> 'updated_at' as updated_at
from source
