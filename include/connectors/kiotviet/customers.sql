-- KiotViet customers (JSON Lines) to the feed customers.
-- Traps: the key that invoices carry is code, not id; one field holds the whole name; times are local without an offset;
-- the birth date has a time of day that means nothing.
select
    _row,
    record ->> 'code' as source_customer_id,
    record ->> 'name' as full_name,
    record ->> 'firstName' as first_name,
    record ->> 'lastName' as last_name,
    record ->> 'email' as email,
    record ->> 'contactNumber' as phone,
    left(record ->> 'birthDate', 10) as birth_date,
    record ->> 'address' as street,
    record ->> 'locationName' as city,
    record ->> 'postalCode' as postcode,
    record ->> 'countryCode' as country_code,
    record ->> 'membershipCard' as loyalty_card,
    record ->> 'membershipTier' as loyalty_tier,
    record ->> 'identificationNumber' as national_id,
    record ->> 'visitorId' as visitor_id,
    local_to_utc(left(record ->> 'createdDate', 26), getvariable('time_zone')) as created_at,
    local_to_utc(left(record ->> 'modifiedDate', 26), getvariable('time_zone')) as updated_at
from source
