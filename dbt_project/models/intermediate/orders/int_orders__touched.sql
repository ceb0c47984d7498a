-- One row per order, store sale or unlinked refund whose money or customer may have changed since its readers last saw it, and
-- why: one rule per input. On the first build there is nothing to compare with; the readers take everything.
{%- set readers = ['int_orders__events', 'tracked_orders'] -%}
{%- set events = ref_later('int_orders__events') -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as order_type,
    cast(null as text) as source,
    cast(null as text) as subject_id,
    cast(null as text) as cause
where false
{%- else %}
with touched as (

    -- orders whose credit was judged again; every order that came, changed or left is among them or in the next rule
    select tenant_id, 'web' as order_type, source, order_id as subject_id, coalesce(_cause, 'rebuild') as cause
    from {{ ref('int_orders__credit') }}
    where _build_id > {{ since_build }}
    union all
    select tenant_id, 'web' as order_type, source, order_id as subject_id, 'orders' as cause
    from {{ feed_changes('orders', watermark('orders', readers)) }} as orders

    {% if has_changes('orders', readers) -%}
    -- refunds that were unlinked until their order came, or are once it has left
    union all
    select refunds.tenant_id, 'web' as order_type, refunds.source, 'refund:' || refunds.refund_id as subject_id, 'orders' as cause
    from {{ feed_changes('orders', watermark('orders', readers)) }} as orders
    inner join {{ ref('stg_refunds') }} as refunds
        on orders.tenant_id = refunds.tenant_id and orders.order_id = refunds.order_id and orders.source = refunds.source
    {%- endif %}

    {% if has_changes('refunds', readers) -%}
    union all
    select tenant_id, 'web' as order_type, source, order_id as subject_id, 'refunds' as cause
    from {{ feed_changes('refunds', watermark('refunds', readers)) }} as refunds
    where order_id is not null
    union all
    select tenant_id, 'web' as order_type, source, 'refund:' || refund_id as subject_id, 'refunds' as cause
    from {{ feed_changes('refunds', watermark('refunds', readers)) }} as refunds
    {%- endif %}

    {% if has_changes('remittances', readers) -%}
    union all
    select tenant_id, 'web' as order_type, order_source as source, order_id as subject_id, 'remittances' as cause
    from {{ feed_changes('remittances', watermark('remittances', readers)) }} as remittances
    {%- endif %}

    {% if has_changes('pos_sales', readers) -%}
    {%- set sales = feed_changes('pos_sales', watermark('pos_sales', readers)) ~ ' as sales' %}
    union all
    select tenant_id, 'store' as order_type, source, sale_id as subject_id, 'sales' as cause from {{ sales }}
    union all
    select tenant_id, 'store' as order_type, source, 'refund:' || sale_id as subject_id, 'sales' as cause from {{ sales }}
    union all
    select tenant_id, 'store' as order_type, source, original_sale_id as subject_id, 'sales' as cause from {{ sales }}
    where original_sale_id is not null
    -- returns that were unlinked until their sale came, or are once it has left
    union all
    select returns.tenant_id, 'store' as order_type, returns.source, 'refund:' || returns.sale_id as subject_id, 'sales' as cause
    from {{ sales }}
    inner join {{ ref('stg_pos_sales') }} as returns
        on sales.tenant_id = returns.tenant_id and sales.sale_id = returns.original_sale_id and sales.source = returns.source
    {%- endif %}

    {% if has_changes('fx_rates', readers) -%}
    -- orders and unlinked refunds of the days on which a rate that came late, or changed, is the freshest
    union all
    select events.tenant_id, events.order_type, events.source, events.subject_id, 'rates' as cause
    from {{ events }} as events
    inner join {{ feed_changes('fx_rates', watermark('fx_rates', readers)) }} as rates
        on events.tenant_id = rates.tenant_id
        and events.currency = rates.from_currency
        and events.event_date between rates.rate_date and rates.rate_date + {{ var('fx_max_age_days') }}
    where events.event_type in ('completion', 'unlinked_refund')
    {%- endif %}

    {% if has_changes('customer_map', readers) -%}
    -- what the records bought whose customer is another, and orders and sales that are such records themselves
    union all
    select orders.tenant_id, 'web' as order_type, orders.source, orders.order_id as subject_id, 'identity' as cause
    from (select * from {{ ref('int_customers__records_touched') }} where record_type = 'customer') as records
    {{ look_up(ref('stg_orders'), 'orders', {
        'tenant_id': 'records.tenant_id',
        'source': 'records.source',
        'source_customer_id': 'records.record_id',
    }) }}
    union all
    select sales.tenant_id, 'store' as order_type, sales.source, sales.sale_id as subject_id, 'identity' as cause
    from (select * from {{ ref('int_customers__records_touched') }} where record_type = 'customer') as records
    {{ look_up(ref('stg_pos_sales'), 'sales', {
        'tenant_id': 'records.tenant_id',
        'source': 'records.source',
        'source_customer_id': 'records.record_id',
    }) }}
    union all
    select
        tenant_id,
        case when record_type = 'order' then 'web' else 'store' end as order_type,
        source,
        record_id as subject_id,
        'identity' as cause
    from {{ ref('int_customers__records_touched') }}
    where record_type <> 'customer'
    {%- endif %}

    -- everything of tenants whose settings changed or that were held back when the readers last looked, also what has left since
    union all
    select subjects.tenant_id, subjects.order_type, subjects.source, subjects.subject_id, tenants.cause
    from (
        {% if has_changes('tenants', readers) -%}
        select tenant_id, 'settings' as cause from {{ feed_changes('tenants', watermark('tenants', readers)) }} as tenants
        union
        {%- endif %}
        select tenant_id, 'held' as cause from {{ source('ops', 'held_tenants') }} where build_id >= {{ since_build }}
    ) as tenants
    inner join (
        select tenant_id, 'web' as order_type, source, order_id as subject_id from {{ feed_ever('orders') }}
        union all
        select tenant_id, 'web' as order_type, source, 'refund:' || refund_id as subject_id
        from {{ feed_ever('refunds') }}
        union all
        select tenant_id, 'store' as order_type, source, sale_id as subject_id from {{ feed_ever('pos_sales') }}
        union all
        select tenant_id, 'store' as order_type, source, 'refund:' || sale_id as subject_id
        from {{ feed_ever('pos_sales') }}
    ) as subjects on tenants.tenant_id = subjects.tenant_id

)

select
    tenant_id,
    order_type,
    source,
    subject_id,
    {{ all_causes('cause') }} as cause
from touched
group by tenant_id, order_type, source, subject_id
{%- endif %}
