-- One row per web order whose credit may have changed since it was last judged, and why: one rule per feed that credit rests on.
-- On the first build there is nothing to compare with; every order is judged.
{%- set judge = ['int_orders__credit'] -%}
{%- set credit = ref_later('int_orders__credit') -%}
{%- if is_building() and (flags.FULL_REFRESH or load_relation(credit) is none) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as source,
    cast(null as text) as order_id,
    cast(null as text) as cause
where false
{%- else %}
{%- set since_orders = watermark('orders', judge) %}
with touched as (

    -- orders that came, changed or left
    select tenant_id, source, order_id, 'orders' as cause from {{ feed_changes('orders', since_orders) }} as orders

    {% if has_changes('clicks', judge) -%}
    {%- set clicks = feed_changes('clicks', watermark('clicks', judge)) ~ ' as clicks' -%}
    {%- set first_click = smallest('clicked_at', clicks) %}
    -- orders that a click which came late belongs to
    union all
    select credit.tenant_id, credit.source, credit.order_id, 'clicks' as cause
    from {{ credit }} as credit
    inner join {{ clicks }} on credit.tenant_id = clicks.tenant_id and credit.click_id = clicks.click_id
    where credit.ordered_at >= {{ first_click }}
    union all
    select credit.tenant_id, credit.source, credit.order_id, 'clicks' as cause
    from {{ credit }} as credit
    inner join {{ clicks }} on credit.tenant_id = clicks.tenant_id and credit.token = clicks.token
    where
        credit.ordered_at >= {{ first_click }}
        and credit.ordered_at >= clicks.clicked_at
        and (credit.visitor_id is null or credit.visitor_id = clicks.visitor_id)
    {%- endif %}

    {% if has_changes('tracking_tokens', judge) -%}
    {%- set tokens = feed_changes('tracking_tokens', watermark('tracking_tokens', judge)) ~ ' as tokens' -%}
    {%- set first_issue = smallest('issued_at', tokens) %}
    -- orders whose token, or whose click's token, was issued, changed or revoked
    union all
    select credit.tenant_id, credit.source, credit.order_id, 'tokens' as cause
    from {{ credit }} as credit
    inner join {{ tokens }} on credit.tenant_id = tokens.tenant_id and credit.token = tokens.token
    where credit.ordered_at >= {{ first_issue }}
    union all
    select credit.tenant_id, credit.source, credit.order_id, 'tokens' as cause
    from {{ credit }} as credit
    inner join {{ tokens }} on credit.tenant_id = tokens.tenant_id and credit.click_token = tokens.token
    where credit.ordered_at >= {{ first_issue }}
    {%- endif %}

    {% if has_changes('kols', judge) -%}
    -- orders of KOLs whose window or handle is new or has changed
    union all
    select credit.tenant_id, credit.source, credit.order_id, 'kols' as cause
    from {{ credit }} as credit
    inner join (
        select tenant_id, kol_id
        from {{ feed_changes('kols', watermark('kols', judge)) }} as versions
        group by tenant_id, kol_id
        having
            count(*) = 1
            or min(coalesce(attribution_window_hours, -1)) <> max(coalesce(attribution_window_hours, -1))
            or min(coalesce(handle, '')) <> max(coalesce(handle, ''))
            or min(cast(coalesce(_deleted, false) as integer)) <> max(cast(coalesce(_deleted, false) as integer))
    ) as kols on credit.tenant_id = kols.tenant_id
    where
        credit.source_kol_ref is not null
        or credit.token_kol_id = kols.kol_id
        or credit.click_kol_id = kols.kol_id
    {%- endif %}

    {% if has_changes('kol_contracts', judge) -%}
    -- orders on the days of contracts that came, changed or left
    union all
    select credit.tenant_id, credit.source, credit.order_id, 'contracts' as cause
    from {{ credit }} as credit
    inner join {{ feed_changes('kol_contracts', watermark('kol_contracts', judge)) }} as contracts
        on credit.tenant_id = contracts.tenant_id
        and credit.ordered_date between contracts.starts_on and contracts.ends_on
    where
        credit.kol_id = contracts.kol_id
        or credit.coupon_code = upper(trim(contracts.coupon_code))
    -- coupons are told apart as unknown or out of force, whatever the day
    union all
    select credit.tenant_id, credit.source, credit.order_id, 'contracts' as cause
    from {{ credit }} as credit
    inner join {{ feed_changes('kol_contracts', watermark('kol_contracts', judge)) }} as contracts
        on credit.tenant_id = contracts.tenant_id and credit.coupon_code = upper(trim(contracts.coupon_code))
    {%- endif %}

    {% if has_changes('tenants', judge) -%}
    -- all orders of a tenant that is new or whose settings changed
    union all
    select orders.tenant_id, orders.source, orders.order_id, 'settings' as cause
    from {{ ref('stg_orders') }} as orders
    inner join {{ feed_changes('tenants', watermark('tenants', judge)) }} as tenants
        on orders.tenant_id = tenants.tenant_id
    {%- endif %}

)

select
    tenant_id,
    source,
    order_id,
    {{ all_causes('cause') }} as cause
from touched
group by tenant_id, source, order_id
{%- endif %}
