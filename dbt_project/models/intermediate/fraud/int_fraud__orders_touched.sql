-- One row per web order of a tenant that may be published, whose money, credit or evidence may have changed since it was last
-- looked at for fraud. On the first build there is nothing to compare with; every order is taken.
{%- set readers = ['int_fraud__orders', 'int_fraud__flags'] -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as source,
    cast(null as text) as order_id
where false
{%- else %}
with touched as (

    -- what was written anew, for whatever cause: a late click, another customer, a rate, a setting
    select tenant_id, source, order_id
    from {{ ref('int_orders__events') }}
    where order_type = 'web' and order_id is not null and _build_id > {{ since_build }}
    union all
    select tenant_id, source, order_id
    from {{ ref('int_orders__credit') }}
    where _build_id > {{ since_build }}

    -- what left no trace: orders that are gone, or whose cash was not collected after all
    union all
    select tenant_id, source, order_id from {{ feed_changes('orders', watermark('orders', readers)) }} as orders
    union all
    select tenant_id, order_source as source, order_id
    from {{ feed_changes('remittances', watermark('remittances', readers)) }} as remittances

    -- and all of tenants that were held back meanwhile
    union all
    select standing.tenant_id, standing.source, standing.order_id
    from {{ ref_later('int_fraud__orders') }} as standing
    inner join {{ source('ops', 'held_tenants') }} as held
        on standing.tenant_id = held.tenant_id and held.build_id >= {{ since_build }}

)

select distinct touched.tenant_id, touched.source, touched.order_id
from touched
inner join {{ ref('int_tenants__published') }} as tenants on touched.tenant_id = tenants.tenant_id
where touched.source is not null and touched.order_id is not null
{%- endif %}
