"""Which rows of the feeds are records of persons: one query for the warehouse and for simulated feeds."""

RECORDS_SQL = """
select
    tenant_id, source as record_source, 'customer' as record_type, source_customer_id as record_key,
    source || ':' || source_customer_id as record_name,
    first_name, last_name, full_name, email, phone, cast(birth_date as text) as birth_date,
    street, city, postcode, country_code as country, loyalty_card, national_id, visitor_id, created_at
from {customers}
union all
select
    tenant_id, source, 'order', order_id, source || ':order:' || order_id,
    null, null, customer_name, email, phone, null,
    nullif(trim(split_part(shipping_address, ',', 1)), ''),
    nullif(trim(split_part(shipping_address, ',', 2)), ''),
    null, null, null, null, visitor_id, ordered_at
from {orders}
where source_customer_id is null and (email is not null or phone is not null)
union all
select
    tenant_id, source, 'sale', sale_id, source || ':sale:' || sale_id,
    null, null, customer_name, email, phone, null,
    null, null, null, null, loyalty_card, null, null, sold_at
from {sales}
where source_customer_id is null and (email is not null or phone is not null or loyalty_card is not null)
"""
"""One row per record: every customer row, and orders and sales that name no customer but a way to reach one.

``record_name`` is what a customer id looks like; it is unique within a tenant.
"""
