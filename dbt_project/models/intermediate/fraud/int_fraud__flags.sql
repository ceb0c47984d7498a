-- depends_on: {{ ref('int_fraud__flags_touched') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'source', 'order_id']},
            {'columns': ['tenant_id', 'rule', 'subject']},
            {'columns': ['_build_id']},
        ],
        pre_hook="{{ delete_touched(ref('int_fraud__flags_touched'), {'tenant_id': 'tenant_id', 'source': 'source', 'order_id': 'order_id'}) }}",
        post_hook=["{{ advance(['orders', 'remittances', 'kols', 'fx_rates']) }}", "{{ note_fraud_rules() }}"],
    )
}}
-- One row per completed web order and rule that flags it, with what the flag rests on. Orders over a token from a network, and those
-- of a customer, are judged together, so that their bursts are told in the same words.
{%- set bursts = {'velocity': ['tenant_id', 'customer_id'], 'network_velocity': ['tenant_id', 'token', 'network']} -%}
{%- set limit = fraud_limit('orders_per_hour') -%}
{%- set listed = 20 %}
with judged as (

    select orders.*
    {% if is_incremental() -%}
    from {{ ref('int_fraud__flags_touched') }} as touched
    inner join {{ ref('int_fraud__orders') }} as orders
        on touched.tenant_id = orders.tenant_id and touched.source = orders.source and touched.order_id = orders.order_id
    {%- else -%}
    from {{ ref('int_fraud__orders') }} as orders
    inner join {{ ref('int_tenants__published') }} as tenants on orders.tenant_id = tenants.tenant_id
    {%- endif %}

),

tenants as (

    select * from {{ ref('int_tenants__published') }}

),

kols as (

    select * from {{ ref('stg_kols') }}

),

rates as (

    select * from {{ ref('int_fx__days') }}

),

-- 1. the amount, in USD by the rate of the order's day in either direction, or by way of the reporting currency

valued as (

    select
        judged.*,
        tenants.reporting_currency,
        case when judged.currency = 'USD' then judged.gross_amount end as gross_in_usd,
        case when tenants.reporting_currency = 'USD' then judged.reporting_gross_amount end as reporting_in_usd,
        judged.gross_amount * into_usd.rate as by_rate,
        judged.gross_amount / nullif(from_usd.rate, 0) as by_rate_from,
        judged.reporting_gross_amount * reporting_into_usd.rate as by_reporting_rate,
        judged.reporting_gross_amount / nullif(reporting_from_usd.rate, 0) as by_reporting_rate_from
    from judged
    inner join tenants on judged.tenant_id = tenants.tenant_id
    {%- for alias, from_currency, to_currency in [
        ('into_usd', 'judged.currency', "'USD'"),
        ('from_usd', "'USD'", 'judged.currency'),
        ('reporting_into_usd', 'tenants.reporting_currency', "'USD'"),
        ('reporting_from_usd', "'USD'", 'tenants.reporting_currency'),
    ] %}
    left join rates as {{ alias }}
        on judged.tenant_id = {{ alias }}.tenant_id
        and {{ alias }}.from_currency = {{ from_currency }}
        and {{ alias }}.to_currency = {{ to_currency }}
        and judged.completed_date = {{ alias }}.fx_date
    {%- endfor %}

),

in_usd as (

    select
        *,
        coalesce(gross_in_usd, reporting_in_usd, by_rate, by_rate_from, by_reporting_rate, by_reporting_rate_from) as amount_usd,
        case currency
            {%- for currency, amount in fraud_limit('amount_without_rate').items() %}
            when '{{ currency }}' then {{ amount }}
            {%- endfor %}
        end as own_limit
    from valued

),

amount_flags as (

    select
        tenant_id,
        source,
        order_id,
        'amount' as rule,
        'order:' || source || ':' || order_id as subject,
        {{ json_text({
            'gross_amount': 'gross_amount',
            'currency': 'currency',
            'amount_usd': 'round(amount_usd, 2)',
            'rate_date': 'cast(completed_date as text)',
            'limit_usd': fraud_limit('amount_usd'),
            'limit_without_rate': 'case when amount_usd is null then own_limit end',
        }) }} as evidence
    from in_usd
    where
        amount_usd > {{ fraud_limit('amount_usd') }}
        -- what no rate and no limit can tell does not pass
        or (amount_usd is null and (own_limit is null or gross_amount > own_limit))

),

-- 2. bursts: orders that lie in an hour with too many
{% for rule, by in bursts.items() %}
{{ rule }}_subjects as (

    select {{ columns_of('counted', by) }}
    {% if is_incremental() -%}
    from (select distinct {{ by | join(', ') }} from judged) as named
    inner join {{ ref('int_fraud__orders') }} as counted on {{ same_columns('named', 'counted', by) }}
    {%- else -%}
    from judged as counted
    where counted.{{ by[1:] | join(' is not null and counted.') }} is not null
    {%- endif %}
    group by {{ columns_of('counted', by) }}
    having count(*) > {{ limit }}

),

{{ rule }}_hours as (

    select
        orders.source,
        orders.order_id,
        orders.ordered_at,
        {{ columns_of('orders', by) }},
        count(*) over (
            partition by {{ columns_of('orders', by) }}
            order by orders.ordered_at
            range between current row and interval '1 hour' following
        ) as orders_in_hour
    from {{ rule }}_subjects as subjects
    inner join {{ ref('int_fraud__orders') }} as orders on {{ same_columns('subjects', 'orders', by) }}

),

{{ rule }}_fullest as (

    select
        *,
        max(orders_in_hour) over (
            partition by {{ by | join(', ') }}
            order by ordered_at
            range between interval '1 hour' preceding and current row
        ) as orders_in_fullest
    from {{ rule }}_hours

),

{{ rule }}_followed as (

    select
        *,
        lag(ordered_at) over (partition by {{ by | join(', ') }} order by ordered_at, source, order_id) as before_at
    from {{ rule }}_fullest
    where orders_in_fullest > {{ limit }}

),

{{ rule }}_numbered as (

    select
        *,
        sum(case when ordered_at <= {{ plus_hours('before_at', 1) }} then 0 else 1 end) over (
            partition by {{ by | join(', ') }}
            order by ordered_at, source, order_id
            rows between unbounded preceding and current row
        ) as burst_no
    from {{ rule }}_followed

),

{{ rule }}_placed as (

    select
        *,
        row_number() over (partition by {{ by | join(', ') }}, burst_no order by ordered_at, source, order_id) as place
    from {{ rule }}_numbered

),

{{ rule }}_bursts as (

    select
        {{ by | join(', ') }},
        burst_no,
        count(*) as orders,
        max(orders_in_fullest) as orders_in_hour,
        min(ordered_at) as first_at,
        max(ordered_at) as last_at,
        {{ text_list("case when place <= " ~ listed ~ " then source || ':' || order_id end") }} as order_list
    from {{ rule }}_placed
    group by {{ by | join(', ') }}, burst_no

),

{{ rule }}_flags as (

    select
        placed.tenant_id,
        placed.source,
        placed.order_id,
        '{{ rule }}' as rule,
        {% if rule == 'velocity' -%}
        'customer:' || placed.customer_id as subject,
        {%- else -%}
        'token:' || placed.token || ' network:' || placed.network as subject,
        {%- endif %}
        {{ json_text({
            'orders_in_hour': 'bursts.orders_in_hour',
            'limit_per_hour': limit,
            'orders_in_burst': 'bursts.orders',
            'first_ordered_at': utc_text('bursts.first_at'),
            'last_ordered_at': utc_text('bursts.last_at'),
            'first_orders': 'bursts.order_list',
        }) }} as evidence
    from {{ rule }}_placed as placed
    inner join {{ rule }}_bursts as bursts
        on {{ same_columns('placed', 'bursts', by) }} and placed.burst_no = bursts.burst_no

),
{% endfor %}
-- 3. the KOL's own purchase

self_purchase_flags as (

    select
        judged.tenant_id,
        judged.source,
        judged.order_id,
        'self_purchase' as rule,
        'kol:' || judged.kol_id as subject,
        {{ json_text({
            'kol_id': 'judged.kol_id',
            'customer_id': 'judged.customer_id',
            'is_same_email': 'coalesce(judged.email_hash = kols.email_hash, false)',
            'is_same_phone': 'coalesce(judged.phone_hash = kols.phone_hash, false)',
            'is_same_customer': 'customers.customer_id is not null',
        }) }} as evidence
    from judged
    inner join kols on judged.tenant_id = kols.tenant_id and judged.kol_id = kols.kol_id
    left join {{ ref('int_fraud__kol_customers') }} as customers
        on judged.tenant_id = customers.tenant_id
        and judged.kol_id = customers.kol_id
        and judged.customer_id = customers.customer_id
    where
        judged.email_hash = kols.email_hash
        or judged.phone_hash = kols.phone_hash
        or customers.customer_id is not null

),

-- 4. a click on a token that was clicked from too many places that day

token_places as (

    select
        judged.tenant_id,
        judged.source,
        judged.order_id,
        judged.token,
        days.utc_day_at,
        days.clicks,
        days.networks,
        days.referrers,
        kols.tier,
        {{ fraud_tier_limit('token_networks', 'kols.tier') }} as network_limit,
        {{ fraud_tier_limit('token_referrers', 'kols.tier') }} as referrer_limit
    from judged
    inner join {{ ref('int_fraud__token_days') }} as days
        on judged.tenant_id = days.tenant_id
        and judged.token = days.token
        and judged.click_day_at = days.utc_day_at
    left join kols on judged.tenant_id = kols.tenant_id and judged.kol_id = kols.kol_id

),

token_places_flags as (

    select
        tenant_id,
        source,
        order_id,
        'token_places' as rule,
        'token:' || token as subject,
        {{ json_text({
            'utc_day': 'cast(cast(utc_day_at as date) as text)',
            'tier': 'tier',
            'clicks': 'clicks',
            'networks': 'networks',
            'limit_networks': 'network_limit',
            'referrers': 'referrers',
            'limit_referrers': 'referrer_limit',
        }) }} as evidence
    from token_places
    where networks > network_limit or referrers > referrer_limit

),

-- 5. a coupon that is used without clicks and far more than usual, or by those who come from where coupons are published

coupon_days as (

    select distinct tenant_id, coupon_code, ordered_date
    from judged
    where matched_by = 'coupon' and is_without_click

),

coupon_uses as (

    select
        orders.tenant_id,
        orders.coupon_code,
        orders.ordered_date,
        count(*) as uses,
        sum(case when orders.matched_by = 'coupon' and orders.is_without_click then 1 else 0 end) as uses_without_click
    from (
        select tenant_id, coupon_code, min(ordered_date) as first_date, max(ordered_date) as last_date
        from coupon_days
        group by tenant_id, coupon_code
    ) as spans
    inner join {{ ref('int_fraud__orders') }} as orders
        on spans.tenant_id = orders.tenant_id
        and spans.coupon_code = orders.coupon_code
        and orders.ordered_date between spans.first_date - {{ fraud_limit('coupon_usual_days') }} and spans.last_date
    group by orders.tenant_id, orders.coupon_code, orders.ordered_date

),

coupon_usual as (

    select
        days.tenant_id,
        days.coupon_code,
        days.ordered_date,
        sum(case when uses.ordered_date = days.ordered_date then uses.uses else 0 end) as uses,
        sum(case when uses.ordered_date = days.ordered_date then uses.uses_without_click else 0 end) as uses_without_click,
        sum(case when uses.ordered_date < days.ordered_date then uses.uses else 0 end) as uses_before
    from coupon_days as days
    inner join coupon_uses as uses
        on days.tenant_id = uses.tenant_id
        and days.coupon_code = uses.coupon_code
        and uses.ordered_date between days.ordered_date - {{ fraud_limit('coupon_usual_days') }} and days.ordered_date
    group by days.tenant_id, days.coupon_code, days.ordered_date

),

coupon_orders as (

    select
        judged.*,
        usual.uses,
        usual.uses_without_click,
        round(
            cast(usual.uses_before as numeric(20, 4))
            / least({{ fraud_limit('coupon_usual_days') }}, greatest(judged.ordered_date - judged.coupon_from, 1)),
            2
        ) as usual_uses,
        coalesce({{ is_coupon_site('judged.referrer_host') }}, false) as is_from_site
    from judged
    left join coupon_usual as usual
        on judged.is_without_click
        and judged.tenant_id = usual.tenant_id
        and judged.coupon_code = usual.coupon_code
        and judged.ordered_date = usual.ordered_date
    where judged.matched_by = 'coupon'

),

coupon_leak_flags as (

    select
        tenant_id,
        source,
        order_id,
        'coupon_leak' as rule,
        'coupon:' || coupon_code as subject,
        {{ json_text({
            'coupon_code': 'coupon_code',
            'ordered_date': 'cast(ordered_date as text)',
            'uses': 'uses',
            'uses_without_click': 'uses_without_click',
            'usual_uses_a_day': 'usual_uses',
            'limit_times_usual': fraud_limit('coupon_times'),
            'limit_uses_without_click': fraud_limit('coupon_uses'),
            'limit_share_pct': fraud_limit('coupon_share_pct'),
            'coupon_site': 'case when is_from_site then referrer_host end',
        }) }} as evidence
    from coupon_orders
    where
        is_from_site
        or (
            ordered_date >= coupon_from + {{ fraud_limit('coupon_known_days') }}
            and uses_without_click >= {{ fraud_limit('coupon_uses') }}
            and uses_without_click * 100 >= uses * {{ fraud_limit('coupon_share_pct') }}
            and uses > usual_uses * {{ fraud_limit('coupon_times') }}
        )

),

flags as (
    {% for rule in ['amount', 'velocity', 'network_velocity', 'self_purchase', 'token_places', 'coupon_leak'] %}
    select * from {{ rule }}_flags
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select
    judged.tenant_id,
    judged.source,
    judged.order_id,
    flags.rule,
    '{{ fraud_rule_version() }}' as rule_version,
    judged.completed_date as flagged_on,
    flags.subject,
    flags.evidence,
    judged.kol_id,
    judged.credit_status,
    judged.customer_id,
    judged.currency,
    judged.gross_amount,
    cast({{ build_id() }} as bigint) as _build_id
from flags
inner join judged
    on flags.tenant_id = judged.tenant_id and flags.source = judged.source and flags.order_id = judged.order_id
