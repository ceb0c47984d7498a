-- TikTok Shop's buyers.
select
    source_customer_id as user_id,
    full_name as name,
    first_name,
    last_name,
    email as buyer_email,
    phone as phone_number,
    cast(birth_date as varchar) as birth_date,
    {'detail': street, 'city': city, 'postal_code': postcode, 'region_code': country_code} as address,
    loyalty_card,
    loyalty_tier,
    visitor_id as shop_visitor,
    epoch_s(created_at) as create_time,
    epoch_s(updated_at) as update_time
from customers
order by updated_at, user_id
