"""What the loader wrote is what the oracle reads: rows survive the way through landing zone and raw."""

from datetime import date
from decimal import Decimal

from include.settings import Settings
from include.warehouse import connect
from tests.oracle import made
from tests.oracle.loading import load_rows
from tests.oracle.marts import compute
from tests.oracle.rows import clean_rows
from tests.oracle.warehouse import as_of_days, feeds_from_warehouse

TENANT = "oracle_feeds"


def own(row: dict[str, object]) -> dict[str, object]:
    return {**row, "tenant_id": TENANT}


def test_rows_come_back_typed_and_current(warehouse_settings: Settings) -> None:
    feeds = {
        "tenants": [own(made.tenant(time_zone="America/New_York"))],
        "kols": [own(made.kol("ana"))],
        "kol_contracts": [own(made.contract("c1", "ana", coupon_code="ANA10"))],
        "clicks": [own(made.click("k1", "2026-03-02T03:00:00Z"))],
        "orders": [own(made.order("o1", "2026-03-02T05:00:00Z", "110.00", coupon_code="ana10"))],
        "ad_spend": [own(made.spend("2026-03-01", "1.234567"))],
    }
    results = load_rows(warehouse_settings, feeds, date(2026, 3, 1), date(2026, 3, 3))
    assert {result.feed for result in results} == set(feeds)
    later = {
        "orders": [own(made.order("o1", "2026-03-02T05:00:00Z", "99.00", updated_at="2026-03-04T00:00:00Z"))]
    }
    load_rows(
        warehouse_settings, later, date(2026, 3, 3), date(2026, 3, 4), zones={TENANT: "America/New_York"}
    )

    with connect("transformer", warehouse_settings) as warehouse:
        raw = feeds_from_warehouse(warehouse)
        days = as_of_days(warehouse)
    tables = {
        feed: [row for row in clean_rows(feed, table) if row["tenant_id"] == TENANT]
        for feed, table in raw.items()
        if feed != "clicks"
    }
    expected = {feed: clean_rows(feed, rows) for feed, rows in feeds.items() if feed != "clicks"}
    expected["orders"] = clean_rows("orders", later["orders"])
    for feed, rows in expected.items():
        assert tables[feed] == rows
    assert tables["ad_spend"][0]["spend"] == Decimal("1.234567")
    assert days[TENANT] == date(2026, 3, 3)

    tables["clicks"] = [row for row in raw["clicks"].to_pylist() if row["tenant_id"] == TENANT]
    marts = compute(tables, days)
    assert marts.tables["tracked_orders"][0]["gross"] == 99
    assert sum(row["clicks"] for row in marts.tables["daily_aggregates"]) == 1
