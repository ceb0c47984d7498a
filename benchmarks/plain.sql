-- What a good analyst would write by hand for this data: kol_roi and daily_aggregates in one statement over the raw feeds.
-- The shop is in UTC, has one refund at most per order, no store, no marketplace and no ad spend; nothing more is handled.
with bots as materialized (
    select user_agent from (select distinct user_agent from raw.clicks) as agents
    where user_agent ~* 'bot|crawl|spider|slurp|facebookexternalhit|whatsapp/|telegrambot|skypeuripreview|embedly|headlesschrome|python-requests|curl/|wget/|okhttp|zalo-preview'
),
as_of as (select (max(interval_end) - interval '1 second')::date as as_of from ops.landed_files),
rates as (
    select r.from_currency, r.rate_date + age as fx_date, r.rate
    from (
        select *, lead(rate_date) over (partition by from_currency order by rate_date) as next_date
        from raw.fx_rates
    ) as r, generate_series(0, 7) as age
    where r.next_date is null or r.rate_date + age < r.next_date
),
token_evidence as (
    select distinct on (o.order_id) o.order_id, t.kol_id, t.campaign_id
    from raw.orders o
    join raw.tracking_tokens t on t.token = o.token
    join raw.clicks c on c.token = o.token and c.visitor_id = o.visitor_id
    where c.clicked_at <= o.ordered_at and c.clicked_at >= o.ordered_at - interval '72 hours'
        and c.clicked_at >= t.issued_at and c.clicked_at < t.expires_at
        and not c.is_prefetch and c.user_agent not in (select user_agent from bots)
    order by o.order_id, c.clicked_at desc, c.click_id desc
),
click_evidence as (
    select o.order_id, t.kol_id, t.campaign_id, t.token_id is not null
        and not c.is_prefetch and c.user_agent not in (select user_agent from bots)
        and c.clicked_at >= t.issued_at and c.clicked_at < t.expires_at
        and c.clicked_at <= o.ordered_at and c.clicked_at >= o.ordered_at - interval '72 hours' as holds,
        case when t.token_id is not null then 'kol' when c.utm_medium = 'cpc' then 'google_ads' else 'organic' end as channel,
        c.utm_campaign
    from raw.orders o
    join raw.clicks c on c.click_id = o.click_id
    left join raw.tracking_tokens t on t.token = c.token
),
credit as (
    select o.order_id, o.source_customer_id, o.currency, o.gross_amount, o.paid_at, o.is_test, e.*,
        coalesce(k.commission_rate, 0) as rate,
        case when e.kol_id is not null then 'kol' when ce.channel <> 'kol' then ce.channel else 'organic' end as channel,
        coalesce(case when e.kol_id is not null then e.campaign else case when ce.channel <> 'kol' then ce.utm_campaign end end, '(none)') as campaign_id
    from raw.orders o
    left join token_evidence te on te.order_id = o.order_id
    left join click_evidence ce on ce.order_id = o.order_id
    left join raw.kol_contracts cc on cc.coupon_code = o.coupon_code and o.ordered_at::date between cc.starts_on and cc.ends_on
    cross join lateral (
        select
            case when te.kol_id is not null then te.kol_id when ce.holds then ce.kol_id else cc.kol_id end as kol_id,
            case when te.kol_id is not null then te.campaign_id when ce.holds then ce.campaign_id else cc.campaign_id end as campaign
    ) e
    left join raw.kol_contracts k on k.kol_id = e.kol_id and o.ordered_at::date between k.starts_on and k.ends_on
    where not o.is_test and o.gross_amount > 0 and o.paid_at is not null
),
money as (
    select c.*, c.paid_at::date as completed_date, coalesce(x.rate, 1) as fx, r.refunded_at::date as refund_date, r.amount,
        round(c.gross_amount * 0.10 / 1.10, 2) as vat
    from credit c
    left join rates x on x.from_currency = c.currency and x.fx_date = c.paid_at::date and c.currency <> 'USD'
    left join raw.refunds r on r.order_id = c.order_id and r.status = 'succeeded'
),
left_over as (
    select *, gross_amount - amount as gross_left, round(vat * (gross_amount - amount) / gross_amount, 2) as vat_left,
        round(rate * (gross_amount - vat), 2) as commission,
        round(rate * (gross_amount - amount - round(vat * (gross_amount - amount) / gross_amount, 2)), 2) as commission_left
    from money
),
events as materialized (
    select kol_id, channel, campaign_id, order_id, source_customer_id, paid_at, completed_date as day, 1 as orders,
        round(gross_amount * fx, 2) as gross, 0::numeric as refunds,
        round(gross_amount * fx, 2) - round(vat * fx, 2) as net, round(commission * fx, 2) as commission
    from left_over
    union all
    select kol_id, channel, campaign_id, order_id, source_customer_id, paid_at, refund_date, 0, 0,
        round(gross_amount * fx, 2) - round(gross_left * fx, 2),
        (round(gross_left * fx, 2) - round(vat_left * fx, 2)) - (round(gross_amount * fx, 2) - round(vat * fx, 2)),
        round(commission_left * fx, 2) - round(commission * fx, 2)
    from left_over
    where amount is not null
),
firsts as materialized (
    select distinct on (source_customer_id) source_customer_id, kol_id, channel, campaign_id, day, paid_at
    from events where orders = 1 order by source_customer_id, paid_at, order_id
),
clicks as materialized (
    select c.clicked_at::date as day, t.kol_id,
        case when t.token_id is not null then 'kol' when c.utm_medium = 'cpc' then 'google_ads' else 'organic' end as channel,
        coalesce(case when t.token_id is not null then t.campaign_id else c.utm_campaign end, '(none)') as campaign_id,
        c.visitor_id, case
            when c.user_agent in (select user_agent from bots) or c.is_prefetch then 'bot'
            when c.token is not null and t.token_id is null
                or c.clicked_at < t.issued_at or c.clicked_at >= t.expires_at then 'refused'
            else 'valid'
        end as verdict, count(*) as n
    from raw.clicks c left join raw.tracking_tokens t on t.token = c.token
    group by 1, 2, 3, 4, 5, 6
),
windows as (
    select f.source_customer_id, f.kol_id, f.day as first_day, (e.day - f.day) / 30 as w, sum(e.orders) as orders, sum(e.net) as net,
        bool_or(e.orders = 1 and e.paid_at > f.paid_at and e.day <= f.day + 30) as again
    from firsts f join events e using (source_customer_id) where f.kol_id is not null group by 1, 2, 3, 4
),
customers as (
    select kol_id, source_customer_id, max(passed) as passed, sum(orders) as orders, sum(net) as net,
        sum(orders) filter (where w < passed) as in_passed,
        count(*) filter (where orders > 0 and w + 1 < passed) as followed,
        count(*) filter (where orders > 0 and w + 1 < passed and next_w is distinct from w + 1) as churned,
        bool_or(first_day + 30 <= as_of) as mature, bool_or(again) as again
    from (
        select x.*, (as_of - first_day + 1) / 30 as passed, as_of,
            min(w) filter (where orders > 0) over (
                partition by source_customer_id order by w rows between 1 following and unbounded following
            ) as next_w
        from windows x, as_of
    ) as y group by 1, 2
),
brought as (
    select kol_id, sum(orders) as orders, sum(net) as net, sum(passed) as passed, sum(in_passed) as in_passed, sum(followed) as followed,
        sum(churned) as churned, count(*) filter (where mature) as mature, count(*) filter (where mature and again) as again
    from customers group by 1
),
costs as (
    select c.kol_id, sum(case when d::date < c.ends_on then trunc(fixed_fee / n, 2) else fixed_fee - (n - 1) * trunc(fixed_fee / n, 2) end) as fixed_fees,
        sum(case when d::date < c.ends_on then trunc(platform_fee / n, 2) else platform_fee - (n - 1) * trunc(platform_fee / n, 2) end) as platform_fees,
        sum(case when d::date = c.starts_on then goods_cost else 0 end) as goods
    from (select *, ends_on - starts_on + 1 as n from raw.kol_contracts) c, as_of,
        generate_series(c.starts_on::timestamp, least(c.ends_on, as_of)::timestamp, '1 day') d
    group by 1
),
kol_sums as (
    select k.kol_id, coalesce(sum(e.orders), 0) as orders, coalesce(sum(e.gross), 0) as gross, coalesce(sum(e.refunds), 0) as refunds,
        coalesce(sum(e.net), 0) as net, coalesce(sum(e.commission), 0) as commission
    from raw.kols k left join events e using (kol_id) group by 1
),
kol_roi as (
    select s.kol_id, s.orders, s.gross, s.refunds, s.gross - s.refunds as revenue, s.net as net_revenue, i as investment,
        round((s.gross - s.refunds - i) * 100 / nullif(i, 0), 4) as roi_pct, round((s.net - i) * 100 / nullif(i, 0), 4) as roi_net_pct,
        round((s.net * 0.4 - i) * 100 / nullif(i, 0), 4) as roi_contribution_pct,
        n.clicks, round(s.orders * 100.0 / nullif(n.clicks, 0), 4) as cr_pct,
        f.n as new_customers, round(i / nullif(f.n, 0), 4) as cpa,
        round(b.net / nullif(b.orders, 0) * b.in_passed / nullif(b.passed, 0) * 0.4 * b.followed / nullif(b.churned, 0), 4) as ltv,
        round(b.again * 100.0 / nullif(b.mature, 0), 4) as retention_30d_pct
    from kol_sums s
    join costs c using (kol_id)
    cross join lateral (select c.fixed_fees + c.platform_fees + c.goods + s.commission as i) x
    left join (select kol_id, sum(n) filter (where verdict = 'valid') as clicks from clicks group by 1) n using (kol_id)
    left join (select kol_id, count(*) as n from firsts group by 1) f using (kol_id)
    left join brought b using (kol_id)
),
daily as (
    select day, channel, campaign_id, sum(clicks) as clicks, sum(bot_clicks) as bot_clicks, sum(refused_clicks) as refused_clicks, sum(sessions) as sessions,
        sum(orders) as orders, sum(gross) as gross, sum(refunds) as refunds, sum(net) as net_revenue, sum(new_customers) as new_customers
    from (
        select day, channel, campaign_id, 0 as clicks, 0 as bot_clicks, 0 as refused_clicks, 0 as sessions, orders, gross, refunds, net, 0 as new_customers from events
        union all
        select day, channel, campaign_id, sum(n) filter (where verdict = 'valid'), sum(n) filter (where verdict = 'bot'),
            sum(n) filter (where verdict = 'refused'), count(*) filter (where verdict = 'valid' and visitor_id is not null), 0, 0, 0, 0, 0
        from clicks group by 1, 2, 3
        union all
        select day, channel, campaign_id, 0, 0, 0, 0, 0, 0, 0, 0, 1 from firsts
    ) as facts
    group by 1, 2, 3
)
select 'kol_roi' as mart, to_jsonb(kol_roi) as row from kol_roi
union all
select 'daily_aggregates', to_jsonb(daily) from daily
