-- KiotViet's customers.
select
    source_customer_id as code,
    full_name as name,
    first_name as "firstName",
    last_name as "lastName",
    email,
    phone as "contactNumber",
    strftime(birth_date, '%Y-%m-%dT00:00:00.0000000') as "birthDate",
    street as address,
    city as "locationName",
    postcode as "postalCode",
    country_code as "countryCode",
    loyalty_card as "membershipCard",
    loyalty_tier as "membershipTier",
    national_id as "identificationNumber",
    visitor_id as "visitorId",
    kiot_time(created_at) as "createdDate",
    kiot_time(updated_at) as "modifiedDate"
from customers
order by updated_at, code
