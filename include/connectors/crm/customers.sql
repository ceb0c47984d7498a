-- CRM contacts (CSV) to the feed customers.
-- Traps: names and addresses are typed by hand; a birth date that is not known is empty, never a placeholder.
select
    _row,
    contact_id as source_customer_id,
    full_name,
    first_name,
    last_name,
    email,
    phone,
    date_of_birth as birth_date,
    address_line as street,
    city,
    postal_code as postcode,
    country as country_code,
    loyalty_no as loyalty_card,
    loyalty_level as loyalty_tier,
    id_number as national_id,
    web_visitor as visitor_id,
    created as created_at,
    modified as updated_at,
    * exclude (
        _row, contact_id, full_name, first_name, last_name, email, phone, date_of_birth, address_line, city, postal_code,
        country, loyalty_no, loyalty_level, id_number, web_visitor, created, modified
    )
from source
