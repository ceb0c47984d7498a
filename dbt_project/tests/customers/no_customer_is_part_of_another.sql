-- The record that a customer is named by belongs to that customer itself: the map is read once, never followed.
{%- set map = ref('stg_customer_map') -%}
{%- set rest = "substr(members.customer_id, position(':' in members.customer_id) + 1)" %}
select members.tenant_id, members.record_id, members.customer_id, named.customer_id as customer_of_the_named
from {{ map }} as named
{{ look_up(map, 'members', {'tenant_id': 'named.tenant_id', 'customer_id': record_name('named')}) }}
where
    named._load_id > {{ proven_load('customer_map') }}
    and named.customer_id <> members.customer_id
union
select members.tenant_id, members.record_id, members.customer_id, named.customer_id as customer_of_the_named
from {{ map }} as members
{{ look_up(map, 'named', {
    'tenant_id': 'members.tenant_id',
    'record_id': "case when " ~ rest ~ " like 'order:%' then substr(" ~ rest ~ ", 7) when " ~ rest ~ " like 'sale:%' then substr(" ~ rest ~ ", 6) else " ~ rest ~ " end",
}) }}
where
    members._load_id > {{ proven_load('customer_map') }}
    and {{ record_name('named') }} = members.customer_id
    and named.customer_id <> members.customer_id
