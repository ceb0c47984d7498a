-- Square's customers.
select
    source_customer_id as id,
    full_name as nickname,
    first_name as given_name,
    last_name as family_name,
    email as email_address,
    phone as phone_number,
    cast(birth_date as varchar) as birthday,
    {
        'address_line_1': street, 'locality': city, 'postal_code': postcode, 'country': country_code
    } as address,
    loyalty_card as reference_id,
    {'loyalty_tier': loyalty_tier, 'national_id': national_id, 'visitor_id': visitor_id} as custom_attributes,
    utc_z(created_at) as created_at,
    utc_z(updated_at) as updated_at
from customers
order by updated_at, id
