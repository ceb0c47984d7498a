{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'source', 'order_id']},
            {'columns': ['tenant_id', 'customer_id']},
            {'columns': ['tenant_id', 'token', 'network']},
            {'columns': ['tenant_id', 'coupon_code', 'ordered_date']},
            {'columns': ['tenant_id', 'kol_id']},
            {'columns': ['tenant_id', 'completed_date']},
            {'columns': ['_build_id']},
        ],
        pre_hook="{{ delete_touched(ref('int_fraud__orders_touched'), {'tenant_id': 'tenant_id', 'source': 'source', 'order_id': 'order_id'}) }}",
        post_hook=["{{ advance(['orders', 'remittances']) }}"],
    )
}}
{%- set touched %}
    (
        select credit.ordered_at
        from {{ ref('int_fraud__orders_touched') }} as touched
        inner join {{ ref('int_orders__credit') }} as credit
            on touched.tenant_id = credit.tenant_id
            and touched.source = credit.source
            and touched.order_id = credit.order_id
    )
{%- endset %}
-- One row per completed web order: what the rules against fraud look at. The click is the one that the credit rests on, or else the
-- one that the order names, if it came before the order.
with completions as (

    select events.*
    {% if is_incremental() -%}
    from {{ ref('int_fraud__orders_touched') }} as touched
    inner join {{ ref('int_orders__events') }} as events
        on touched.tenant_id = events.tenant_id
        and touched.source = events.source
        and touched.order_id = events.subject_id
    {%- else -%}
    from {{ ref('int_orders__events') }} as events
    inner join {{ ref('int_tenants__published') }} as tenants on events.tenant_id = tenants.tenant_id
    {%- endif %}
    where events.order_type = 'web' and events.event_type = 'completion'

),

credited as (

    select
        completions.tenant_id,
        completions.source,
        completions.order_id,
        credit.ordered_at,
        credit.ordered_date,
        completions.event_date as completed_date,
        completions.customer_id,
        credit.kol_id,
        credit.credit_status,
        credit.matched_by,
        credit.contract_id,
        case credit.matched_by when 'token' then credit.token when 'click' then credit.click_token end as token,
        coalesce(credit.credited_click_id, credit.click_id) as click_id,
        credit.coupon_code,
        credit.token is null and credit.click_token is null as is_without_click,
        completions.currency,
        completions.gross_amount,
        completions.reporting_gross_amount
    from completions
    inner join {{ ref('int_orders__credit') }} as credit
        on completions.tenant_id = credit.tenant_id
        and completions.source = credit.source
        and completions.order_id = credit.order_id

),

clicks as (

    select * from {{ ref('stg_clicks') }}
    {% if is_incremental() -%}
    -- clicks are found by their day, not by their id
    where {{ within_spans('clicked_at', evidence_spans(touched)) }}
    {%- endif %}

),

-- an inner join: orders without a click would all meet in one bucket of a hash, and a bucket cannot be split
clicked as (

    select
        credited.tenant_id,
        credited.source,
        credited.order_id,
        clicks.clicked_at,
        clicks.ip_hash,
        clicks.referrer
    from credited
    inner join clicks
        on credited.tenant_id = clicks.tenant_id
        and credited.click_id = clicks.click_id
        and clicks.clicked_at >= date_trunc('day', credited.ordered_at) - {{ longest_window() }}
        and clicks.clicked_at <= credited.ordered_at

)

select
    credited.tenant_id,
    credited.source,
    credited.order_id,
    credited.ordered_at,
    credited.ordered_date,
    credited.completed_date,
    credited.customer_id,
    credited.kol_id,
    credited.credit_status,
    credited.matched_by,
    credited.token,
    clicked.ip_hash as network,
    {{ host_of('clicked.referrer') }} as referrer_host,
    date_trunc('day', clicked.clicked_at) as click_day_at,
    credited.coupon_code,
    case when credited.matched_by = 'coupon' then contracts.starts_on end as coupon_from,
    credited.is_without_click,
    {{ sha256_hex(normalised_email('orders.email')) }} as email_hash,
    {{ phone_hash('orders.phone') }} as phone_hash,
    credited.currency,
    credited.gross_amount,
    credited.reporting_gross_amount,
    cast({{ build_id() }} as bigint) as _build_id
from credited
{{ look_up(ref('stg_orders'), 'orders', {
    'tenant_id': 'credited.tenant_id',
    'source': 'credited.source',
    'order_id': 'credited.order_id',
}) }}
left join clicked
    on credited.tenant_id = clicked.tenant_id
    and credited.source = clicked.source
    and credited.order_id = clicked.order_id
left join {{ ref('stg_kol_contracts') }} as contracts
    on credited.tenant_id = contracts.tenant_id and credited.contract_id = contracts.contract_id
