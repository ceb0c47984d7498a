-- Shopify's customer resource with its metafields.
select
    source_customer_id as id,
    first_name,
    last_name,
    email,
    phone,
    iso(created_at) as created_at,
    iso(updated_at) as updated_at,
    {
        'name': full_name, 'address1': street, 'city': city, 'zip': postcode, 'country_code': country_code
    } as default_address,
    list_filter([
        {'namespace': 'custom', 'key': 'birth_date', 'value': cast(birth_date as varchar)},
        {'namespace': 'custom', 'key': 'loyalty_card', 'value': loyalty_card},
        {'namespace': 'custom', 'key': 'loyalty_tier', 'value': loyalty_tier},
        {'namespace': 'custom', 'key': 'national_id', 'value': national_id},
        {'namespace': 'custom', 'key': 'visitor_id', 'value': visitor_id}
    ], lambda m: m.value is not null) as metafields,
    'enabled' as state
from customers
order by updated_at, id
