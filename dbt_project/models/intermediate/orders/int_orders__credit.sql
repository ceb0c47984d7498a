-- depends_on: {{ ref('int_tenants__settings') }}, {{ ref('stg_kols') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'source', 'order_id']},
            {'columns': ['ordered_at']},
            {'columns': ['_build_id']},
        ],
        pre_hook=[
            "{{ delete_touched(ref('int_orders__evidence_touched'), {'tenant_id': 'tenant_id', 'source': 'source', 'order_id': 'order_id'}) }}",
            "{{ prefer_hashing() }}",
        ],
        post_hook=[
            "{{ advance(['orders', 'clicks', 'tracking_tokens', 'kols', 'kol_contracts', 'tenants']) }}",
            "{{ secure_mart() }}",
        ],
    )
}}
-- One row per web order: the KOL who is credited with it, by which evidence, or why nobody is.
with orders as (

    select * from {{ ref('int_orders__to_judge') }}

),

kols as (

    select * from {{ ref('stg_kols') }}

),

tokens as (

    select
        tokens.tenant_id,
        tokens.token,
        tokens.token_id,
        tokens.kol_id,
        tokens.campaign_id,
        tokens.issued_at,
        least(tokens.expires_at, coalesce(tokens.revoked_at, tokens.expires_at)) as valid_until,
        coalesce(kols.attribution_window_hours, tenants.attribution_window_hours) as window_hours
    from {{ ref('stg_tracking_tokens') }} as tokens
    inner join {{ ref('int_tenants__settings') }} as tenants on tokens.tenant_id = tenants.tenant_id
    left join kols on tokens.tenant_id = kols.tenant_id and tokens.kol_id = kols.kol_id

),

clicks as (

    select * from {{ ref('int_clicks__screened') }}
    {% if is_incremental() -%}
    -- only the days that the touched orders' windows reach
    where
        {{ within_spans('clicked_at', evidence_spans(ref('int_orders__to_judge'))) }}
    {%- endif %}

),

-- 1. the order's own token, and that browser's clicks on it

token_orders as (

    select
        orders.judge_id,
        orders.tenant_id,
        orders.source,
        orders.order_id,
        orders.ordered_at,
        orders.visitor_id,
        orders.token,
        tokens.token_id,
        tokens.kol_id,
        tokens.campaign_id,
        tokens.issued_at,
        tokens.valid_until,
        tokens.window_hours
    from orders
    inner join tokens on orders.tenant_id = tokens.tenant_id and orders.token = tokens.token

),

token_clicks as (

    select
        token_orders.judge_id,
        token_orders.tenant_id,
        token_orders.source,
        token_orders.order_id,
        clicks.click_id,
        clicks.clicked_at,
        clicks.clicked_at >= token_orders.issued_at and clicks.clicked_at < token_orders.valid_until as is_valid
    from token_orders
    inner join clicks
        on token_orders.tenant_id = clicks.tenant_id
        and token_orders.token = clicks.token
        and token_orders.visitor_id = clicks.visitor_id
    where
        not clicks.is_bot
        and clicks.clicked_at <= token_orders.ordered_at
        and clicks.clicked_at >= {{ plus_hours('token_orders.ordered_at', '-token_orders.window_hours') }}
    union all
    select
        token_orders.judge_id,
        token_orders.tenant_id,
        token_orders.source,
        token_orders.order_id,
        clicks.click_id,
        clicks.clicked_at,
        clicks.clicked_at >= token_orders.issued_at and clicks.clicked_at < token_orders.valid_until as is_valid
    from token_orders
    inner join clicks on token_orders.tenant_id = clicks.tenant_id and token_orders.token = clicks.token
    where
        token_orders.visitor_id is null
        and not clicks.is_bot
        and clicks.clicked_at <= token_orders.ordered_at
        and clicks.clicked_at >= {{ plus_hours('token_orders.ordered_at', '-token_orders.window_hours') }}

),

token_ranks as (

    select
        *,
        row_number() over (
            partition by judge_id
            order by case when is_valid then 0 else 1 end, clicked_at desc, click_id desc
        ) as click_rank
    from token_clicks

),

token_evidence as (

    select
        orders.judge_id,
        orders.tenant_id,
        orders.source,
        orders.order_id,
        token_orders.token_id,
        token_orders.kol_id,
        token_orders.campaign_id,
        token_ranks.click_id,
        case
            when token_orders.token_id is null then 'token_unknown'
            when token_ranks.click_id is null then 'no_click_in_window'
            when not token_ranks.is_valid then 'token_not_valid_at_click'
        end as failure
    from orders
    left join token_orders
        on orders.judge_id = token_orders.judge_id
    left join token_ranks
        on orders.judge_id = token_ranks.judge_id
        and token_ranks.click_rank = 1
    where orders.token is not null

),

-- 2. the click that the order names

click_evidence as (

    select
        orders.judge_id,
        orders.tenant_id,
        orders.source,
        orders.order_id,
        clicks.click_id,
        clicks.token as click_token,
        {{ click_channel('clicks.token', 'tokens.token_id', 'clicks.utm_medium', 'clicks.utm_source') }} as channel,
        coalesce(clicks.utm_campaign, '(none)') as utm_campaign,
        tokens.token_id,
        tokens.kol_id,
        tokens.campaign_id,
        case
            when clicks.click_id is null then 'click_unknown'
            when clicks.is_bot then 'click_not_valid'
            when clicks.token is null then 'click_without_token'
            when tokens.token_id is null then 'token_unknown'
            when clicks.clicked_at < tokens.issued_at or clicks.clicked_at >= tokens.valid_until then 'token_not_valid_at_click'
            when
                clicks.clicked_at > orders.ordered_at
                or clicks.clicked_at < {{ plus_hours('orders.ordered_at', '-tokens.window_hours') }}
                then 'click_outside_window'
        end as failure
    from orders
    left join clicks on orders.tenant_id = clicks.tenant_id and orders.click_id = clicks.click_id
    left join tokens on clicks.tenant_id = tokens.tenant_id and clicks.token = tokens.token
    where orders.click_id is not null

),

-- 3. the coupon, which needs no click

contracts as (

    select * from {{ ref('stg_kol_contracts') }}

),

coupon_ranks as (

    select
        orders.judge_id,
        orders.tenant_id,
        orders.source,
        orders.order_id,
        contracts.contract_id,
        contracts.kol_id,
        contracts.campaign_id,
        orders.ordered_date between contracts.starts_on and contracts.ends_on as is_in_force,
        row_number() over (
            partition by orders.judge_id
            order by
                case when orders.ordered_date between contracts.starts_on and contracts.ends_on then 0 else 1 end,
                contracts.starts_on desc,
                contracts.contract_id desc
        ) as contract_rank
    from orders
    inner join contracts on orders.tenant_id = contracts.tenant_id and orders.coupon_code = contracts.coupon_code

),

coupon_evidence as (

    select
        orders.judge_id,
        orders.tenant_id,
        orders.source,
        orders.order_id,
        coupon_ranks.contract_id,
        coupon_ranks.kol_id,
        coupon_ranks.campaign_id,
        case
            when coupon_ranks.contract_id is null then 'coupon_unknown'
            when not coupon_ranks.is_in_force then 'coupon_not_in_force'
        end as failure
    from orders
    left join coupon_ranks
        on orders.judge_id = coupon_ranks.judge_id
        and coupon_ranks.contract_rank = 1
    where orders.coupon_code is not null

),

handles as (

    select
        tenant_id,
        handle,
        min(kol_id) as kol_id
    from kols
    where handle is not null
    group by tenant_id, handle

),

-- the strongest evidence that holds decides

judged as (

    select
        orders.judge_id,
        orders.tenant_id,
        orders.source,
        orders.order_id,
        orders.ordered_at,
        orders.ordered_date,
        orders.token,
        orders.click_id,
        orders.visitor_id,
        orders.coupon_code,
        orders.source_kol_ref,
        orders.cause,
        click_evidence.click_token,
        token_evidence.kol_id as token_kol_id,
        click_evidence.kol_id as click_kol_id,
        click_evidence.channel as click_channel,
        click_evidence.utm_campaign as click_campaign,
        case
            when orders.source_kol_ref is not null then 'source'
            when token_evidence.judge_id is not null and token_evidence.failure is null then 'token'
            when click_evidence.judge_id is not null and click_evidence.failure is null then 'click'
            when coupon_evidence.judge_id is not null and coupon_evidence.failure is null then 'coupon'
        end as matched_by,
        handles.kol_id as source_kol_id,
        case when token_evidence.failure is null then token_evidence.kol_id end as by_token,
        case when click_evidence.failure is null then click_evidence.kol_id end as by_click,
        case when coupon_evidence.failure is null then coupon_evidence.kol_id end as by_coupon,
        token_evidence.token_id as order_token_id,
        token_evidence.campaign_id as order_token_campaign_id,
        token_evidence.click_id as order_token_click_id,
        click_evidence.token_id as click_token_id,
        click_evidence.campaign_id as click_campaign_id,
        coupon_evidence.contract_id as coupon_contract_id,
        coupon_evidence.campaign_id as coupon_campaign_id,
        case
            when orders.source_kol_ref is not null then case when handles.kol_id is null then 'source_kol_unknown' end
            else coalesce(
                token_evidence.failure,
                case when token_evidence.judge_id is null then click_evidence.failure end,
                case when token_evidence.judge_id is null and click_evidence.judge_id is null then coupon_evidence.failure end,
                'no_evidence'
            )
        end as failure
    from orders
    left join token_evidence
        on orders.judge_id = token_evidence.judge_id
    left join click_evidence
        on orders.judge_id = click_evidence.judge_id
    left join coupon_evidence
        on orders.judge_id = coupon_evidence.judge_id
    left join handles on orders.tenant_id = handles.tenant_id and orders.source_kol_ref = handles.handle

),

credited as (

    select
        judged.*,
        case matched_by
            when 'source' then source_kol_id
            when 'token' then by_token
            when 'click' then by_click
            when 'coupon' then by_coupon
        end as kol_id,
        case matched_by
            when 'token' then order_token_campaign_id
            when 'click' then click_campaign_id
            when 'coupon' then coupon_campaign_id
        end as campaign_id,
        case matched_by when 'token' then order_token_id when 'click' then click_token_id end as token_id,
        case matched_by when 'token' then order_token_click_id when 'click' then click_id end as credited_click_id,
        case
            when matched_by = 'source' then 'attributed_by_source'
            when matched_by is not null then 'credited'
            else 'not_credited'
        end as credit_status,
        case when matched_by is null or matched_by = 'source' then failure end as not_credited_reason,
        coalesce(
            (matched_by = 'token' and (by_click <> by_token or by_coupon <> by_token))
            or (matched_by = 'click' and by_coupon <> by_click),
            false
        ) as is_disputed
    from judged

),

contract_ranks as (

    select
        credited.judge_id,
        credited.tenant_id,
        credited.source,
        credited.order_id,
        contracts.contract_id,
        row_number() over (
            partition by credited.judge_id
            order by
                case when contracts.campaign_id = credited.campaign_id then 0 else 1 end,
                contracts.starts_on desc,
                contracts.contract_id desc
        ) as contract_rank
    from credited
    inner join contracts
        on credited.tenant_id = contracts.tenant_id
        and credited.kol_id = contracts.kol_id
        and credited.ordered_date between contracts.starts_on and contracts.ends_on
    where credited.matched_by in ('token', 'click')

)

select
    credited.tenant_id,
    credited.source,
    credited.order_id,
    credited.ordered_at,
    credited.ordered_date,
    credited.token,
    credited.click_id,
    credited.visitor_id,
    credited.coupon_code,
    credited.source_kol_ref,
    credited.click_token,
    credited.token_kol_id,
    credited.click_kol_id,
    credited.click_channel,
    credited.click_campaign,
    credited.kol_id,
    credited.campaign_id,
    credited.token_id,
    credited.credited_click_id,
    credited.matched_by,
    credited.credit_status,
    credited.not_credited_reason,
    credited.is_disputed,
    contracts.contract_id,
    coalesce(contracts.commission_rate, 0) as commission_rate,
    credited.cause as _cause,
    cast({{ build_id() }} as bigint) as _build_id
from credited
left join contract_ranks
    on credited.judge_id = contract_ranks.judge_id
    and contract_ranks.contract_rank = 1
left join contracts
    on credited.tenant_id = contracts.tenant_id
    and case when credited.matched_by = 'coupon' then credited.coupon_contract_id else contract_ranks.contract_id end
    = contracts.contract_id
