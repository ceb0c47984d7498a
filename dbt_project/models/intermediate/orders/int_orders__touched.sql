-- One row per order, store sale or unlinked refund whose money may have changed since its readers last saw it: one rule per
-- input. On the first build there is nothing to compare with; the readers take everything.
{%- set readers = ['int_orders__events', 'tracked_orders'] -%}
{%- set events = ref_later('int_orders__events') -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as order_type,
    cast(null as text) as source,
    cast(null as text) as subject_id
where false
{%- else %}
with touched as (

    -- orders whose credit was judged again; every order that came, changed or left is among them or in the next rule
    select tenant_id, 'web' as order_type, source, order_id as subject_id
    from {{ ref('int_orders__credit') }}
    where _build_id > {{ since_build }}
    union all
    select tenant_id, 'web' as order_type, source, order_id as subject_id
    from {{ feed_changes('orders', watermark('orders', readers)) }} as orders

    {% if has_changes('orders', readers) -%}
    -- refunds that were unlinked until their order came, or are once it has left
    union all
    select refunds.tenant_id, 'web' as order_type, refunds.source, 'refund:' || refunds.refund_id as subject_id
    from {{ feed_changes('orders', watermark('orders', readers)) }} as orders
    inner join {{ ref('stg_refunds') }} as refunds
        on orders.tenant_id = refunds.tenant_id and orders.order_id = refunds.order_id and orders.source = refunds.source
    {%- endif %}

    {% if has_changes('refunds', readers) -%}
    union all
    select tenant_id, 'web' as order_type, source, order_id as subject_id
    from {{ feed_changes('refunds', watermark('refunds', readers)) }} as refunds
    where order_id is not null
    union all
    select tenant_id, 'web' as order_type, source, 'refund:' || refund_id as subject_id
    from {{ feed_changes('refunds', watermark('refunds', readers)) }} as refunds
    {%- endif %}

    {% if has_changes('remittances', readers) -%}
    union all
    select tenant_id, 'web' as order_type, order_source as source, order_id as subject_id
    from {{ feed_changes('remittances', watermark('remittances', readers)) }} as remittances
    {%- endif %}

    {% if has_changes('pos_sales', readers) -%}
    {%- set sales = feed_changes('pos_sales', watermark('pos_sales', readers)) ~ ' as sales' %}
    union all
    select tenant_id, 'store' as order_type, source, sale_id as subject_id from {{ sales }}
    union all
    select tenant_id, 'store' as order_type, source, 'refund:' || sale_id as subject_id from {{ sales }}
    union all
    select tenant_id, 'store' as order_type, source, original_sale_id as subject_id from {{ sales }}
    where original_sale_id is not null
    -- returns that were unlinked until their sale came, or are once it has left
    union all
    select returns.tenant_id, 'store' as order_type, returns.source, 'refund:' || returns.sale_id as subject_id
    from {{ sales }}
    inner join {{ ref('stg_pos_sales') }} as returns
        on sales.tenant_id = returns.tenant_id and sales.sale_id = returns.original_sale_id and sales.source = returns.source
    {%- endif %}

    {% if has_changes('fx_rates', readers) -%}
    -- orders and unlinked refunds of the days on which a rate that came late, or changed, is the freshest
    union all
    select events.tenant_id, events.order_type, events.source, events.subject_id
    from {{ events }} as events
    inner join {{ feed_changes('fx_rates', watermark('fx_rates', readers)) }} as rates
        on events.tenant_id = rates.tenant_id
        and events.currency = rates.from_currency
        and events.event_date between rates.rate_date and rates.rate_date + {{ var('fx_max_age_days') }}
    where events.event_type in ('completion', 'unlinked_refund')
    {%- endif %}

    -- everything of tenants whose settings changed or that were held back when the readers last looked
    union all
    select subjects.tenant_id, subjects.order_type, subjects.source, subjects.subject_id
    from (
        {% if has_changes('tenants', readers) -%}
        select tenant_id from {{ feed_changes('tenants', watermark('tenants', readers)) }} as tenants
        union
        {%- endif %}
        select tenant_id from {{ source('ops', 'held_tenants') }} where build_id >= {{ since_build }}
    ) as tenants
    inner join (
        select tenant_id, 'web' as order_type, source, order_id as subject_id from {{ ref('stg_orders') }}
        union all
        select tenant_id, 'store' as order_type, source, sale_id as subject_id from {{ ref('stg_pos_sales') }}
        union all
        select tenant_id, order_type, source, 'refund:' || refund_id as subject_id from {{ ref('int_refunds__unioned') }}
    ) as subjects on tenants.tenant_id = subjects.tenant_id

)

select distinct tenant_id, order_type, source, subject_id from touched
{%- endif %}
