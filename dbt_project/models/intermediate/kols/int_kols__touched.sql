-- One row per tenant, day, KOL (NULL for all of them), part of the figures and cause for which that part of the KOL's day may have
-- moved since the log of changes was last written. On the first build the log is empty.
{%- set log = ['kol_day_changes'] -%}
{%- set since_build = watermark('builds', log) %}
{%- if nobody_has_read(log) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as kol_id,
    cast(null as date) as touched_date,
    cast(null as text) as part,
    cast(null as text) as cause
where false
{%- else %}
-- orders of the KOL that came to the day or left it
select tenant_id, kol_id, event_date as touched_date, 'orders' as part, coalesce(_cause, 'rebuild') as cause
from {{ ref('int_orders__events') }}
where _build_id > {{ since_build }} and kol_id is not null
union
select tenant_id, kol_id, left_date as touched_date, 'orders' as part, cause
from {{ source('ops', 'left_days') }}
where model = 'int_orders__events' and build_id > {{ since_build }} and kol_id is not null

-- customers whom the KOL brought on the day, whatever they did since; customers who came first there and no longer do
union
select first_orders.tenant_id, first_orders.kol_id, first_orders.first_order_date as touched_date, 'customers' as part, touched.cause
from {{ ref('int_customers__touched') }} as touched
{{ look_up(ref('int_customers__first_orders'), 'first_orders', {
    'tenant_id': 'touched.tenant_id',
    'customer_id': 'touched.customer_id',
}) }}
where first_orders.kol_id is not null
union
select tenant_id, kol_id, left_date as touched_date, 'customers' as part, cause
from {{ source('ops', 'left_days') }}
where model = 'int_customers__first_orders' and build_id > {{ since_build }} and kol_id is not null

union
select tenant_id, cast(null as text) as kol_id, touched_date, 'clicks' as part, cause
from {{ ref('int_days__touched') }} as touched
where {{ moves_clicks('touched') }}

-- fees of contracts that came, changed or left, and all fees at a rate that did
{% if has_changes('kol_contracts', log) -%}
union
select contracts.tenant_id, contracts.kol_id, days.calendar_date as touched_date, 'costs' as part, 'contracts' as cause
from {{ feed_changes('kol_contracts', watermark('kol_contracts', log)) }} as contracts
inner join {{ ref('int_calendar__days') }} as days on days.calendar_date between contracts.starts_on and contracts.ends_on
{%- endif %}
union
select tenant_id, cast(null as text) as kol_id, touched_date, 'costs' as part, cause
from {{ ref('int_days__touched') }}
where cause = 'rates'

-- whatever a tenant's settings decide
union
select tenant_id, cast(null as text) as kol_id, touched_date, 'all' as part, cause
from {{ ref('int_days__touched') }}
where cause in ('settings', 'held')
{%- endif %}
