-- One row per customer of whom something bought may have come, changed or left since the readers last looked, and the first day on
-- which. On the first build everyone is taken.
{%- set readers = ['int_products__purchases', 'int_products__learnt', 'next_best_offer'] -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as customer_id,
    cast(null as date) as moved_date
where false
{%- else %}
with touched as (

    select tenant_id, customer_id, event_date as moved_date
    from {{ ref('int_orders__events') }}
    where _build_id > {{ since_build }}
    union all
    select tenant_id, customer_id, left_date as moved_date
    from {{ source('ops', 'left_days') }}
    where model = 'int_orders__events' and build_id > {{ since_build }}

    {% for feed, order_id in [('order_items', 'order_id'), ('pos_sale_lines', 'sale_id')] if has_changes(feed, readers) -%}
    union all
    select events.tenant_id, events.customer_id, events.event_date as moved_date
    from (
        select distinct tenant_id, source, {{ order_id }} as order_id
        from {{ feed_changes(feed, watermark(feed, readers)) }} as changed
    ) as changed_lines
    {{ look_up(ref('int_orders__events'), 'events', {
        'tenant_id': 'changed_lines.tenant_id',
        'source': 'changed_lines.source',
        'subject_id': 'changed_lines.order_id',
    }) }}
    {% endfor -%}

    -- everyone of tenants that were held back when the readers last looked
    union all
    select events.tenant_id, events.customer_id, events.event_date as moved_date
    from (select distinct tenant_id from {{ source('ops', 'held_tenants') }} where build_id >= {{ since_build }}) as tenants
    inner join {{ ref('int_orders__events') }} as events on tenants.tenant_id = events.tenant_id

)

select
    touched.tenant_id,
    touched.customer_id,
    min(touched.moved_date) as moved_date
from touched
inner join {{ ref('int_tenants__published') }} as tenants on touched.tenant_id = tenants.tenant_id
where touched.customer_id is not null
group by touched.tenant_id, touched.customer_id
{%- endif %}
