-- One row per web order whose flags may be others since they were last judged: one rule per thing that they rest on. On the first
-- build there is nothing to compare with; every order is judged.
{%- set reader = ['int_fraud__flags'] -%}
{%- set since_build = watermark('builds', reader) -%}
{%- set flags = ref_later('int_fraud__flags') -%}
{%- set orders = ref('int_fraud__orders') %}
{%- if nobody_has_read(reader) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as source,
    cast(null as text) as order_id
where false
{%- else %}
with fresh as (

    select * from {{ orders }}
    where _build_id > {{ since_build }}

),

gone as (

    select tenant_id, source, order_id from {{ ref('int_fraud__orders_touched') }}

),

coupon_days as (

    select tenant_id, coupon_code, ordered_date
    from fresh
    where coupon_code is not null
    -- an order that counts no more, and one that had another coupon or was of another day
    union
    select orders.tenant_id, orders.coupon_code, {{ local_date('orders.ordered_at', 'tenants.time_zone') }} as ordered_date
    from gone
    {{ look_up(ref('stg_orders'), 'orders', {
        'tenant_id': 'gone.tenant_id',
        'source': 'gone.source',
        'order_id': 'gone.order_id',
    }) }}
    inner join {{ ref('int_tenants__published') }} as tenants on orders.tenant_id = tenants.tenant_id
    where orders.coupon_code is not null
    union
    select
        orders.tenant_id,
        upper(trim(orders.coupon_code)) as coupon_code,
        {{ local_date('orders.ordered_at', 'tenants.time_zone') }} as ordered_date
    from {{ feed_changes('orders', watermark('orders', reader)) }} as orders
    inner join {{ ref('int_tenants__published') }} as tenants on orders.tenant_id = tenants.tenant_id
    where orders.coupon_code is not null

),

self_purchases as (

    select orders.tenant_id, orders.source, orders.order_id
    from {{ ref('int_fraud__kol_customers') }} as kols
    inner join {{ orders }} as orders
        on kols.tenant_id = orders.tenant_id and kols.customer_id = orders.customer_id and kols.kol_id = orders.kol_id

),

known_self_purchases as (

    select tenant_id, source, order_id
    from {{ flags }}
    where rule = 'self_purchase'

),

touched as (

    select tenant_id, source, order_id from fresh
    union all
    select tenant_id, source, order_id from gone

    -- the other orders of customers, and over tokens from networks, of which there are enough for a burst
    {%- for by in [['tenant_id', 'customer_id'], ['tenant_id', 'token', 'network']] %}
    union all
    select orders.tenant_id, orders.source, orders.order_id
    from (
        select {{ columns_of('subjects', by) }}
        from (select distinct {{ by | join(', ') }} from fresh) as subjects
        inner join {{ orders }} as counted on {{ same_columns('subjects', 'counted', by) }}
        group by {{ columns_of('subjects', by) }}
        having count(*) > {{ fraud_limit('orders_per_hour') }}
    ) as subjects
    inner join {{ orders }} as orders on {{ same_columns('subjects', 'orders', by) }}
    {%- endfor %}
    -- and those that were flagged for a burst in which an order was that changed or is gone
    union all
    select alike.tenant_id, alike.source, alike.order_id
    from gone
    inner join {{ flags }} as flags
        on gone.tenant_id = flags.tenant_id and gone.source = flags.source and gone.order_id = flags.order_id
    inner join {{ flags }} as alike
        on flags.tenant_id = alike.tenant_id and flags.rule = alike.rule and flags.subject = alike.subject
    where flags.rule in ('velocity', 'network_velocity')

    -- what a coupon brought on the days that these days' uses are counted for, or are usual for
    union all
    select orders.tenant_id, orders.source, orders.order_id
    from coupon_days
    inner join {{ orders }} as orders
        on coupon_days.tenant_id = orders.tenant_id
        and coupon_days.coupon_code = orders.coupon_code
        and orders.ordered_date between coupon_days.ordered_date and coupon_days.ordered_date + {{ fraud_limit('coupon_usual_days') }}
    where orders.matched_by = 'coupon'

    -- orders by clicks on a token that was clicked from other places too
    union all
    select orders.tenant_id, orders.source, orders.order_id
    from {{ ref('int_fraud__token_days') }} as days
    inner join {{ orders }} as orders
        on days.tenant_id = orders.tenant_id and days.token = orders.token and days.utc_day_at = orders.click_day_at
    where days._build_id > {{ since_build }}

    {% if has_changes('kols', reader) -%}
    -- orders of KOLs who are known by another e-mail or phone, or are of another tier
    union all
    select orders.tenant_id, orders.source, orders.order_id
    from (
        select tenant_id, kol_id
        from {{ feed_changes('kols', watermark('kols', reader)) }} as versions
        group by tenant_id, kol_id
        having
            count(*) = 1
            or min(coalesce(email_hash, '')) <> max(coalesce(email_hash, ''))
            or min(coalesce(phone_hash, '')) <> max(coalesce(phone_hash, ''))
            or min(coalesce(tier, '')) <> max(coalesce(tier, ''))
            or min(cast(coalesce(_deleted, false) as integer)) <> max(cast(coalesce(_deleted, false) as integer))
    ) as kols
    inner join {{ orders }} as orders on kols.tenant_id = orders.tenant_id and kols.kol_id = orders.kol_id
    {%- endif %}

    -- purchases by customers who turned out to be the KOL, or not to be
    union all
    (
        select * from self_purchases
        except
        select * from known_self_purchases
    )
    union all
    (
        select * from known_self_purchases
        except
        select * from self_purchases
    )

    {% if has_changes('fx_rates', reader) -%}
    -- orders of the days on which a rate to or from USD that came late, or changed, is the freshest
    union all
    select orders.tenant_id, orders.source, orders.order_id
    from {{ feed_changes('fx_rates', watermark('fx_rates', reader)) }} as rates
    inner join {{ orders }} as orders
        on rates.tenant_id = orders.tenant_id
        and orders.completed_date between rates.rate_date and rates.rate_date + {{ var('fx_max_age_days') }}
    where (rates.from_currency = 'USD' or rates.to_currency = 'USD') and orders.currency <> 'USD'
    {%- endif %}

    -- everything of tenants that were held back when the flags were last judged
    union all
    select orders.tenant_id, orders.source, orders.order_id
    from {{ source('ops', 'held_tenants') }} as held
    inner join {{ orders }} as orders on held.tenant_id = orders.tenant_id
    where held.build_id >= {{ since_build }}
    union all
    select flags.tenant_id, flags.source, flags.order_id
    from {{ source('ops', 'held_tenants') }} as held
    inner join {{ flags }} as flags on held.tenant_id = flags.tenant_id
    where held.build_id >= {{ since_build }}

    {% if watermark('fraud_rules', reader) != fraud_rules_number() -%}
    -- and everything when the rules are others
    union all
    select tenant_id, source, order_id from {{ orders }}
    union all
    select tenant_id, source, order_id from {{ flags }}
    {%- endif %}

)

select distinct touched.tenant_id, touched.source, touched.order_id
from touched
inner join {{ ref('int_tenants__published') }} as tenants on touched.tenant_id = tenants.tenant_id
{%- endif %}
