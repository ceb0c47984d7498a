"""A plain shop's history in any size, written by DuckDB and loaded through the landing zone.

One tenant (UTC, reporting in USD) whose orders are in USD and EUR; 50 KOLs with a token a day each; every row
is a function of its number, so a day can be written alone and the same call gives the same rows.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from include.feeds.landing import land
from include.feeds.load import load_file
from include.feeds.mapping import Mapping
from include.settings import Settings
from include.warehouse import connect

TENANT = "bench"
FIRST_DAY = date(2025, 1, 1)
KOLS = 50
AS_IT_IS = Mapping("as it is", "select * from source")

_ONCE = {
    "tenants": """
        select 'Bench' as name, 'US' as country_code, 'UTC' as time_zone, 'USD' as reporting_currency,
            0.10 as vat_rate, 0.40 as gross_margin, 72 as attribution_window_hours, 30 as churn_window_days
    """,
    "kols": f"""
        select 'k' || k as kol_id, 'KOL ' || k as name, 'tiktok' as platform, 'micro' as tier,
            null as attribution_window_hours, timestamptz '2025-01-01 00:00:00+00' as updated_at
        from range({KOLS}) as r(k)
    """,
    "kol_contracts": f"""
        select 'c' || k as contract_id, 'k' || k as kol_id, 'spring' as campaign_id,
            'Spring' as campaign_name,
            date '2025-01-01' as starts_on, date '2027-12-31' as ends_on, 'USD' as currency,
            9000 + k as fixed_fee, 100 as platform_fee, 50 as goods_cost, 0.08 as commission_rate,
            'KOL' || k as coupon_code,
            timestamptz '2025-01-01 00:00:00+00' as updated_at
        from range({KOLS}) as r(k)
    """,
}

_DAILY = {
    "tracking_tokens": """
        select 't' || k || '-' || d as token_id, 'st1.b.' || k || '-' || d as token, 'k' || k as kol_id,
            'spring' as campaign_id, 'https://shop.example/' as link_url, 'b' as key_id,
            day(d) as issued_at, day(d + 2) as expires_at, day(d) as updated_at
        from range($first, $last) as days(d), range($kols) as r(k)
    """,
    "fx_rates": """
        select 'EUR' as from_currency, 'USD' as to_currency, cast(day(d) as date) as rate_date,
            cast(1.05 + (d % 37) * 0.001 as decimal(12, 6)) as rate, day(d) as updated_at
        from range($first, $last) as days(d)
    """,
    "clicks": """
        select 'c' || md5('click ' || n) as click_id,
            case when n % 5 < 3 then 'st1.b.' || n % $kols || '-' || d end as token,
            'v' || n % 997 || '-' || n // 3 % 5003 as visitor_id,
            case when n % 5 = 3 then 'google' end as utm_source,
            case when n % 5 = 3 then 'cpc' end as utm_medium,
            case when n % 5 = 3 then 'brand' end as utm_campaign,
            'https://shop.example/p' || n % 300 as landing_url,
            case n % 40 when 0 then 'Googlebot/2.1' else 'Mozilla/5.0 (iPhone)' end as user_agent,
            n % 90 = 0 as is_prefetch,
            day(d) + to_microseconds((n % $clicks) * 86400000000 // $clicks) as clicked_at
        from (select n, n // $clicks as d from range($first * $clicks, $last * $clicks) as r(n))
    """,
    "orders": """
        select 'shop' as source, 'o' || m as order_id,
            'u' || hash(m) % ($orders * 40) as source_customer_id,
            case when m % 10 < 4 and n % 5 < 3 then 'st1.b.' || n % $kols || '-' || d end as token,
            case when m % 10 < 6 then 'c' || md5('click ' || n) end as click_id,
            'v' || n % 997 || '-' || n // 3 % 5003 as visitor_id,
            case when m % 50 = 7 then 'KOL' || m % $kols end as coupon_code,
            case when m % 25 = 24 then 'pending' else 'paid' end as status, 'card' as payment_method,
            case when m % 4 = 0 then 'EUR' else 'USD' end as currency,
            cast((1000 + m % 9000) / 100 as decimal(12, 2)) as gross_amount,
            m % 500 = 3 as is_test, ordered_at,
            case when m % 25 <> 24 then ordered_at + interval 1 minute end as paid_at,
            ordered_at as updated_at
        from (
            select m, d, d * $clicks + (m % $orders) * $clicks // $orders as n,
                day(d) + to_microseconds((m % $orders) * 86000000000 // $orders + 300000000)
                    as ordered_at
            from (select m, m // $orders as d from range($first * $orders, $last * $orders) as r(m))
        )
    """,
    "refunds": """
        select 'shop' as source, 'r' || m as refund_id, 'o' || m as order_id, 'succeeded' as status,
            case when m % 4 = 0 then 'EUR' else 'USD' end as currency, 5 as amount,
            day(d) + interval 20 hour as refunded_at, day(d) + interval 20 hour as updated_at
        from (select m, m // $orders as d from range($first * $orders, $last * $orders) as r(m))
        where m % 33 = 0 and m % 25 <> 24 and m % 500 <> 3
    """,
}

_PAID = """
    select 'pay' || m as payment_id, 'o' || m as order_id, d,
        'po' || (10000 + d) * 100 + m // 4 % 100 || case when m % 4 = 0 then 'e' else 'u' end as payout_id,
        case when m % 4 = 0 then 'EUR' else 'USD' end as currency,
        cast((1000 + m % 9000) / 100 as decimal(12, 2)) - case when m % 401 = 0 then 1 else 0 end as amount,
        cast(floor((1000 + m % 9000) * 0.018) / 100 as decimal(12, 2)) as fee_amount,
        day(d) + to_microseconds((m % $orders) * 86000000000 // $orders + 360000000) as occurred_at
    from (select m, m // $orders as d from range($from * $orders, $last * $orders) as r(m))
    where m % 25 <> 24 and m % 997 <> 5
"""
_SETTLED = {
    "payments": f"""
        select 'bank' as source, payment_id, order_id, 'charge' as payment_type, 'succeeded' as status,
            currency, amount, fee_amount, payout_id, occurred_at, occurred_at as updated_at
        from ({_PAID.replace("$from", "$first")})
        union all
        select 'bank', 'back' || m, 'o' || m, 'refund', 'succeeded',
            case when m % 4 = 0 then 'EUR' else 'USD' end, 5, 0, 'back' || (10000 + d),
            day(d) + interval 20 hour, day(d) + interval 20 hour
        from (select m, m // $orders as d from range($first * $orders, $last * $orders) as r(m))
        where m % 33 = 0 and m % 25 <> 24 and m % 500 <> 3
    """,
    "bank_lines": f"""
        select 'main-' || currency as account_id, line_id, currency, amount,
            'PAYOUT' as description, 'BANK' as counterparty,
            case when hash(payout_id) % 2 = 0 then payout_id end as reference,
            booked_on, cast(booked_on as timestamptz) as booked_at
        from (
            select payout_id || currency as line_id, payout_id, currency, sum(amount - fee_amount) as amount,
                cast(day(any_value(d) + 2) as date)
                    + [0, 0, 0, 0, 0, 0, 2, 1][isodow(cast(day(any_value(d) + 2) as date)) + 1] as booked_on
            from (
                select d, payout_id, currency, amount, fee_amount
                from ({_PAID.replace("$from", "greatest($first - 6, 0)")})
                union all
                select d, 'back' || (10000 + d), case when m % 4 = 0 then 'EUR' else 'USD' end, -5, 0
                from (
                    select m, m // $orders as d
                    from range(greatest($first - 6, 0) * $orders, $last * $orders) as r(m)
                )
                where m % 33 = 0 and m % 25 <> 24 and m % 500 <> 3
            )
            group by all
        )
        where booked_on >= cast(day($first) as date) and booked_on < cast(day($last) as date)
            and hash(payout_id) % 200 <> 3
    """,
}
"""How the money arrives: 200 payouts a day, half of them named by the bank, a few missing."""


@dataclass(frozen=True)
class Shop:
    """The shop's size: what one day brings; payments and bank lines only where it ``settles``."""

    orders_per_day: int
    clicks_per_day: int
    settles: bool = False

    def load(self, settings: Settings, first: int, last: int) -> None:
        """Write the days [first, last) since ``FIRST_DAY``, land them as one interval and load them."""
        folder = settings.home / "bench"
        folder.mkdir(exist_ok=True)
        queries = (_ONCE if first == 0 else {}) | _DAILY | (_SETTLED if self.settles else {})
        with connect("loader", settings) as warehouse:
            for feed, query in queries.items():
                path = folder / f"{feed}.parquet"
                self._write(query, first, last, path)
                landed = land(
                    path,
                    tenant_id=TENANT,
                    source="shop",
                    name=path.name,
                    interval_start=_midnight(first),
                    interval_end=_midnight(last),
                    feeds={feed: "contract"},
                    file_format="parquet",
                    settings=settings,
                )
                result = load_file(warehouse, landed, feed, AS_IT_IS, settings=settings)
                if result.rows_quarantined:
                    raise RuntimeError(
                        f"{feed}: {result.rows_quarantined} rows of the benchmark were refused"
                    )

    def _write(self, query: str, first: int, last: int, path: Path) -> None:
        duck = duckdb.connect(config={"threads": 2, "memory_limit": "2GB"})
        duck.execute("set enable_progress_bar = false; set timezone = 'UTC'")
        first_day = f"timestamptz '{FIRST_DAY} 00:00:00+00'"
        duck.execute(f"create macro day(d) as {first_day} + to_days(cast(d as integer))")
        values = {
            "first": first,
            "last": last,
            "kols": KOLS,
            "orders": self.orders_per_day,
            "clicks": self.clicks_per_day,
        }
        for name, value in values.items():
            query = query.replace(f"${name}", str(value))
        duck.execute(f"copy ({query}) to '{path}' (format parquet)")
        duck.close()


def _midnight(day: int) -> datetime:
    return datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC) + timedelta(days=day)
