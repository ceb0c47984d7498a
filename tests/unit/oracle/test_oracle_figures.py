"""The oracle's KOL and channel figures against examples worked by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle import made
from tests.oracle.marts import Marts, compute
from tests.oracle.rows import Row, instant, local_day, local_hour


def marts(as_of: str, tenant: Row | None = None, **feeds: Any) -> Marts:
    rows = {"tenants": [tenant or made.tenant()], "kols": [made.kol("ana")], **feeds}
    return compute(rows, {made.TENANT: date.fromisoformat(as_of)})


def one(table: list[Row], **where: Any) -> Row:
    (row,) = [row for row in table if all(row[name] == value for name, value in where.items())]
    return row


def ana(as_of: str, **feeds: Any) -> Marts:
    """A refunded order, a second click, a bot and a refused click, and a contract with fees."""
    rows: dict[str, Any] = {
        "kol_contracts": [
            made.contract("c1", "ana", fixed_fee="310.00", platform_fee="31.00", goods_cost="50.00")
        ],
        "tracking_tokens": [made.token("t1", "ana")],
        "clicks": [
            made.click("k1", "2026-03-02T03:00:00Z", "t1", visitor_id="v1"),
            made.click("k2", "2026-03-02T03:10:00Z", "t1", visitor_id="v1"),
            made.click("k3", "2026-03-02T03:10:00Z", "t1", user_agent="bingbot"),
            made.click("k4", "2026-04-02T03:10:00Z", "t1"),
        ],
        "orders": [made.order("o1", "2026-03-02T05:00:00Z", token="st1.k1.t1", source_customer_id="7")],
        "refunds": [made.refund("r1", "o1", "2026-03-05T05:00:00Z", "55.00")],
    }
    return marts(as_of, **{**rows, **feeds})


def test_kol_roi_by_hand() -> None:
    row = one(ana("2026-03-10").tables["kol_roi"], kol_id="ana")
    expected = {
        "orders": 1, "gross": 110, "refunds": 55, "revenue": 55, "net_revenue": 50, "commission": 5,
        "fixed_fees": 100, "platform_fees": 10, "goods": 50, "investment": 165, "clicks": 2, "bot_clicks": 1,
        "refused_clicks": 0, "new_customers": 1, "roi_pct": Decimal("-66.6667"),
        "roi_net_pct": Decimal("-69.6970"),
        "roi_contribution_pct": Decimal("-87.8788"), "cr_pct": 50, "cpa": 165, "source_orders": 0,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_days_and_months_add_up_and_a_refund_stands_on_its_own_day() -> None:
    tables = ana("2026-04-05").tables
    days = tables["kol_roi_daily"]
    assert one(days, date=date(2026, 3, 5))["refunds"] == 55
    assert one(days, date=date(2026, 3, 2))["refunds"] == 0
    assert one(days, date=date(2026, 3, 1))["investment"] == 61
    march, april = tables["kol_roi_monthly"]
    assert (march["month"], march["investment"], april["refused_clicks"]) == (date(2026, 3, 1), 396, 1)
    total = one(tables["kol_roi"], kol_id="ana")
    for measure in (
        "orders",
        "revenue",
        "net_revenue",
        "investment",
        "clicks",
        "new_customers",
        "refused_clicks",
    ):
        assert total[measure] == sum(row[measure] for row in days) == march[measure] + april[measure]


@pytest.mark.parametrize(("as_of", "fees"), [("2026-03-30", "96.60"), ("2026-03-31", "100.00")])
def test_the_last_day_of_a_contract_takes_the_rest(as_of: str, fees: str) -> None:
    row = one(
        marts(as_of, kol_contracts=[made.contract("c", "ana", fixed_fee="100.00")]).tables["kol_roi"],
        kol_id="ana",
    )
    assert row["fixed_fees"] == Decimal(fees)
    assert row["roi_pct"] == -100
    assert (row["cpa"], row["cr_pct"]) == (None, None)


def test_a_kol_without_anything_has_nulls_for_ratios() -> None:
    row = one(marts("2026-03-30").tables["kol_roi"], kol_id="ana")
    assert row["investment"] == 0
    assert [row[name] for name in ("roi_pct", "roi_net_pct", "cr_pct", "cpa", "ltv", "retention_30d")] == [
        None
    ] * 6


def test_lifetime_value_by_hand() -> None:
    tenant = made.tenant(churn_window_days=30, attribution_window_hours=1, time_zone="UTC")
    days = {"a": ["01-01", "01-20", "02-15"], "b": ["03-10", "04-09"], "c": ["04-15"]}
    orders = [
        made.order(
            f"{customer}{n}", f"2026-{day}T10:00:00Z", source_customer_id=customer,
            coupon_code=None if n else "ANA10",
        )
        for customer, its_days in days.items()
        for n, day in enumerate(its_days)
    ]  # fmt: skip
    orders.append(made.order("d0", "2026-01-05T10:00:00Z", source_customer_id="d"))
    orders.append(made.order("d1", "2026-01-06T10:00:00Z", source_customer_id="d", coupon_code="ANA10"))
    contract = made.contract("c", "ana", coupon_code="ANA10", starts_on="2026-01-01", ends_on="2026-12-31")
    tables = marts("2026-04-30", tenant, orders=orders, kol_contracts=[contract]).tables
    row = one(tables["kol_roi"], kol_id="ana")
    assert (row["orders"], row["new_customers"]) == (4, 3)
    assert (row["aov"], row["frequency"], row["churn"]) == (100, Decimal("0.8"), Decimal("0.5"))
    assert (row["ltv"], row["retention_30d"]) == (64, 100)
    # January's cohort is customer a alone: 4 windows with 3 orders, one of two active windows churned
    january = one(tables["kol_roi_monthly"], month=date(2026, 1, 1))
    assert (january["frequency"], january["churn"], january["ltv"]) == (Decimal("0.75"), Decimal("0.5"), 60)
    assert one(tables["kol_roi_monthly"], month=date(2026, 4, 1))["retention_30d"] is None
    # one day earlier the fourth window has not passed, and customer a's last pair of windows stands
    earlier = one(
        marts("2026-04-29", tenant, orders=orders, kol_contracts=[contract]).tables["kol_roi"], kol_id="ana"
    )
    assert (earlier["frequency"], earlier["churn"]) == (1, Decimal("0.5"))


@pytest.mark.parametrize(
    ("again", "share"),
    [("2026-03-01T10:00:00Z", 0), ("2026-03-01T10:00:01Z", 100), ("2026-03-31T23:59:59Z", 100),
     ("2026-04-01T00:00:00Z", 0)],
)  # fmt: skip
def test_retention_borders(again: str, share: int) -> None:
    orders = [
        made.order("o1", "2026-03-01T10:00:00Z", source_customer_id="7", coupon_code="ANA10"),
        made.order("o2", again, source_customer_id="7"),
    ]
    contracts = [made.contract("c", "ana", coupon_code="ANA10")]
    for as_of, expected in (("2026-04-05", share), ("2026-03-31", share), ("2026-03-30", None)):
        tables = marts(as_of, made.tenant(time_zone="UTC"), orders=orders, kol_contracts=contracts).tables
        assert one(tables["kol_roi"], kol_id="ana")["retention_30d"] == expected


def test_a_missing_rate_holds_the_tenant_alone() -> None:
    other = made.tenant("other")
    feeds = {
        "tenants": [made.tenant(), other],
        "fx_rates": [made.rate("2026-03-01", "0.00004")],
        "orders": [
            made.order("o1", "2026-03-08T05:00:00Z", "250000", currency="VND"),
            {**made.order("o2", "2026-03-09T05:00:00Z"), "tenant_id": "other"},
        ],
    }
    days = {made.TENANT: date(2026, 3, 31), "other": date(2026, 3, 31)}
    result = compute(feeds, days)
    assert not result.held
    assert one(result.tables["tracked_orders"], order_id="o1")["reporting_gross"] == 10
    feeds["orders"][0]["paid_at"] = "2026-03-08T17:00:00Z"  # the ninth in Saigon: the rate is 8 days old
    result = compute(feeds, days)
    assert [(currency, day) for currency, day, _ in result.held[made.TENANT]] == [("VND", date(2026, 3, 9))]
    assert {row["tenant_id"] for row in result.tables["tracked_orders"]} == {"other"}


def test_channels_by_hand() -> None:
    day = date(2026, 3, 2)
    tables = ana(
        "2026-03-10",
        clicks=[
            made.click("k1", "2026-03-02T03:00:00Z", "t1", visitor_id="v1"),
            made.click("k2", "2026-03-02T03:10:00Z", "t1", visitor_id="v1"),
            made.click("g1", "2026-03-02T03:00:00Z", utm_medium="cpc", utm_source="google", utm_campaign="c1",
                       visitor_id="v2"),
            made.click("e1", "2026-03-02T03:00:00Z", utm_medium="email", utm_campaign="news"),
            made.click("x1", "2026-03-02T03:00:00Z", token="st1.foreign"),
        ],
        orders=[
            made.order("o1", "2026-03-02T05:00:00Z", token="st1.k1.t1", source_customer_id="7"),
            made.order("o2", "2026-03-02T05:00:00Z", click_id="g1", source_customer_id="8"),
            made.order("o3", "2026-03-02T05:00:00Z", source_kol_ref="@ana"),
            made.order("o4", "2026-03-02T05:00:00Z"),
        ],
        refunds=[
            made.refund("r1", "o1", "2026-03-05T05:00:00Z", "55.00"),
            made.refund("r2", None, "2026-03-02T05:00:00Z", "11.00"),
            made.refund("r3", "never seen", "2026-03-02T05:00:00Z", "11.00"),
            made.refund("r4", None, "2026-03-02T05:00:00Z", "11.00", status="failed"),
        ],
        pos_sales=[
            made.sale("s1", "2026-03-02T05:00:00Z"),
            made.sale("s2", "2026-03-03T05:00:00Z", "22.00", sale_type="return", original_sale_id="s1"),
            made.sale("s3", "2026-03-02T06:00:00Z", status="voided"),
            made.sale("s4", "2026-03-02T07:00:00Z", sale_type="return", original_sale_id="s3"),
            made.sale("s5", "2026-03-02T07:00:00Z", "1.10", sale_type="return"),
        ],
        ad_spend=[
            made.spend("2026-03-02", "12.345"),
            made.spend("2026-03-02", "0.005", ad_id="2", account_time_zone="UTC"),
        ],
    ).tables  # fmt: skip
    daily = tables["daily_aggregates"]
    kol = one(daily, date=day, channel="kol")
    assert (kol["campaign"], kol["clicks"], kol["sessions"], kol["orders"]) == ("spring", 2, 1, 1)
    google = one(daily, date=day, channel="google_ads")
    expected = {
        "campaign": "c1", "clicks": 1, "sessions": 1, "orders": 1, "revenue": 110, "new_customers": 1,
        "spend": Decimal("12.36"), "ad_clicks": 20, "impressions": 2000, "ctr": Decimal("0.01"),
        "cpc": Decimal("0.618"),
        "cpm": Decimal("6.18"), "cpa": Decimal("12.36"), "roas": Decimal("8.8997"), "is_foreign_day": True,
    }  # fmt: skip
    assert {name: google[name] for name in expected} == expected
    assert one(daily, channel="email")["campaign"] == "news"
    organic = one(daily, date=day, channel="organic")
    assert (organic["refused_clicks"], organic["clicks"], organic["orders"]) == (1, 0, 1)
    assert one(daily, channel="marketplace")["net_revenue"] == 100
    assert one(daily, channel="unlinked")["refunds"] == Decimal("23.10")
    assert one(daily, channel="unlinked")["net_revenue"] == -21
    assert (
        one(daily, date=day, channel="in_store")["revenue"],
        one(daily, date=day, channel="in_store")["orders"],
    ) == (110, 1)
    assert one(daily, date=date(2026, 3, 3), channel="in_store")["refunds"] == 22
    row = one(tables["kol_roi"], kol_id="ana")
    assert (row["orders"], row["source_orders"], row["source_revenue"]) == (1, 1, 110)
    hourly = tables["hourly_aggregates"]
    assert one(hourly, channel="kol", hour_at=datetime(2026, 3, 2, 3, tzinfo=UTC))["clicks"] == 2
    for measure in ("orders", "revenue", "net_revenue", "clicks", "refused_clicks", "new_customers"):
        assert sum(row[measure] for row in hourly) == sum(row[measure] for row in daily)


def test_a_session_is_a_visitor_per_kol_and_day_in_the_hour_of_its_first_valid_click() -> None:
    tables = marts(
        "2026-03-10",
        kols=[made.kol("ana"), made.kol("bo")],
        tracking_tokens=[made.token("t1", "ana"), made.token("t2", "bo")],
        clicks=[
            made.click("k1", "2026-03-02T03:59:00Z", "t1", visitor_id="v", is_prefetch=True),
            made.click("k2", "2026-03-02T04:10:00Z", "t1", visitor_id="v"),
            made.click("k3", "2026-03-02T05:10:00Z", "t1", visitor_id="v"),
            made.click("k4", "2026-03-02T05:10:00Z", "t2", visitor_id="v"),
            made.click("k5", "2026-03-02T17:10:00Z", "t1", visitor_id="v"),
            made.click("k6", "2026-03-02T17:10:00Z", "t1"),
        ],
    ).tables
    days = [(row["date"].day, row["sessions"], row["clicks"]) for row in tables["daily_aggregates"]]
    assert days == [(2, 2, 3), (3, 1, 2)]
    hours = {row["hour_at"].hour: (row["sessions"], row["clicks"]) for row in tables["hourly_aggregates"]}
    assert hours == {3: (0, 0), 4: (1, 1), 5: (1, 2), 17: (1, 2)}


def test_orders_that_a_click_did_not_earn_its_kol_are_organic() -> None:
    feeds: dict[str, Any] = {
        "tracking_tokens": [made.token("t1", "ana")],
        "clicks": [
            made.click("k1", "2026-03-01T03:00:00Z", "t1", utm_campaign="x"),
            made.click("k2", "2026-03-01T03:00:00Z", utm_medium="social", utm_campaign="x"),
        ],
        "orders": [
            made.order("o1", "2026-03-06T05:00:00Z", click_id="k1"),
            made.order("o2", "2026-03-06T05:00:00Z", click_id="k2"),
        ],
    }
    rows = marts("2026-03-10", **feeds).tables["tracked_orders"]
    assert [(row["channel"], row["campaign"]) for row in rows] == [("organic", "(none)"), ("organic", "x")]


def test_a_refund_in_another_currency_is_unlinked() -> None:
    tables = marts(
        "2026-03-10",
        orders=[made.order("o1", "2026-03-06T05:00:00Z")],
        refunds=[made.refund("r1", "o1", "2026-03-07T05:00:00Z", "250000", currency="VND")],
        fx_rates=[made.rate("2026-03-06", "0.00004")],
    ).tables
    assert one(tables["tracked_orders"], order_id="o1")["revenue"] == 110
    assert one(tables["daily_aggregates"], channel="unlinked")["refunds"] == 10


@pytest.mark.parametrize(
    ("moment", "zone", "hour", "day"),
    [
        ("2026-03-08T06:59:59Z", "America/New_York", "2026-03-08T06:00:00Z", "2026-03-08"),
        ("2026-03-08T07:10:00Z", "America/New_York", "2026-03-08T07:00:00Z", "2026-03-08"),
        ("2026-11-01T05:30:00Z", "America/New_York", "2026-11-01T05:00:00Z", "2026-11-01"),
        ("2026-11-01T06:30:00Z", "America/New_York", "2026-11-01T06:00:00Z", "2026-11-01"),
        ("2026-03-01T13:45:00Z", "Australia/Adelaide", "2026-03-01T13:30:00Z", "2026-03-02"),
        ("2026-03-01T13:15:00Z", "Australia/Adelaide", "2026-03-01T12:30:00Z", "2026-03-01"),
    ],
)
def test_hours_and_days_are_the_tenants(moment: str, zone: str, hour: str, day: str) -> None:
    assert local_hour(instant(moment), zone) == instant(hour)
    assert local_day(instant(moment), zone) == date.fromisoformat(day)
