-- WooCommerce's customer resource: empty fields are empty texts.
select
    source_customer_id as id,
    coalesce(email, '') as email,
    coalesce(first_name, '') as first_name,
    coalesce(last_name, '') as last_name,
    site_time(created_at) as date_created,
    gmt(created_at) as date_created_gmt,
    gmt(updated_at) as date_modified_gmt,
    {
        'phone': coalesce(phone, ''), 'address_1': coalesce(street, ''), 'city': coalesce(city, ''),
        'postcode': coalesce(postcode, ''), 'country': coalesce(country_code, '')
    } as billing,
    list_filter([
        {'key': 'display_name', 'value': full_name},
        {'key': 'birth_date', 'value': cast(birth_date as varchar)},
        {'key': 'loyalty_card', 'value': loyalty_card},
        {'key': 'loyalty_tier', 'value': loyalty_tier},
        {'key': 'national_id', 'value': national_id},
        {'key': 'visitor_id', 'value': visitor_id}
    ], lambda m: m.value is not null) as meta_data,
    'customer' as role
from customers
order by updated_at, id
