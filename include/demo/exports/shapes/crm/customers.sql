-- The CRM's contacts.
select
    source_customer_id as contact_id,
    full_name,
    first_name,
    last_name,
    email,
    phone,
    cast(birth_date as varchar) as date_of_birth,
    street as address_line,
    city,
    postcode as postal_code,
    country_code as country,
    loyalty_card as loyalty_no,
    loyalty_tier as loyalty_level,
    national_id as id_number,
    visitor_id as web_visitor,
    utc_z(created_at) as created,
    utc_z(updated_at) as modified
from customers
order by updated_at, contact_id
