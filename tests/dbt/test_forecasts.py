"""Forecasts in the marts: to the cent, whatever is landed again, merged or restated; the same made anew."""

from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from include.settings import Settings
from include.transform import build
from tests.dbt import readings, scenario
from tests.dbt.readings import fingerprints, rows, same_made_anew
from tests.oracle import made
from tests.oracle.forecasts import forecast, months, segment, whole_series

FIRST, SECOND = "2026-03-05", "2026-04-09"
MARTS = (
    "customer_forecasts", "customer_lifetime_value", "clv_segments", "clv_series", "customer_360", "kol_roi",
)  # fmt: skip
LANDED = ("clv_forecasts", "clv_segments", "clv_series")


@pytest.fixture(scope="module")
def shops(warehouse_settings: Settings) -> Settings:
    """Give shops that were built before anything was forecast; shop:7 came by ana, shop:8 by binh."""
    settings = scenario.in_own_database(warehouse_settings, "dbt_forecasts")
    feeds = {feed: rows for feed, rows in scenario.feeds().items() if feed not in LANDED}
    scenario.load(settings, feeds)
    build(settings)
    return settings


told = partial(readings.told, start=scenario.END, end=scenario.LATER)
"""Land what is told after the last day of business, and build with all tests."""


def newest(settings: Settings) -> dict[str, tuple[Any, ...]]:
    """Return day, orders and revenue up to it, forecast and lifetime value of each present forecast."""
    found = rows(
        settings,
        "select customer_id, as_of_date::text, orders_to_date, net_revenue_to_date, net_value_12m,"
        " lifetime_value from marts.customer_lifetime_value where tenant_id = 'acme' and is_newest",
    )
    return {customer: tuple(values) for customer, *values in found}


def shown(settings: Settings) -> dict[str, tuple[Any, ...]]:
    """Return what customer_360 shows of customers who have a forecast."""
    found = rows(
        settings,
        "select customer_id, clv_as_of_date::text, net_revenue, net_value_12m, lifetime_value, clv_segment"
        " from marts.customer_360 where tenant_id = 'acme' and clv_as_of_date is not null",
    )
    return {customer: tuple(values) for customer, *values in found}


def kols(settings: Settings) -> dict[str, tuple[Any, ...]]:
    found = rows(
        settings,
        "select kol_id, predicted_customers, predicted_ltv from marts.kol_roi where tenant_id = 'acme'",
    )
    return {kol: tuple(values) for kol, *values in found}


def test_nothing_is_made_up_before_a_forecast(shops: Settings) -> None:
    assert newest(shops) == shown(shops) == {}
    assert kols(shops) == {"ana": (0, None), "binh": (0, None)}


def test_a_forecast_stands_beside_what_came_before_it(shops: Settings) -> None:
    told(
        shops,
        clv_forecasts=[
            forecast("shop:7", FIRST, "100.00", segment="high"),
            forecast("till:p1", FIRST, "-12.34", segment="low", months=months(-1.5)),
        ],
        clv_segments=[segment("high", FIRST, "100.00"), segment("low", FIRST, None)],
    )
    # o1 of 110.00 on 2 March, its first 55.00 given back on the 5th: 50.00 net of 10 % VAT is left that day.
    # s1 of 110.00 on 4 March, 10.00 given back on the 5th: 100.00 is left, 9.09 of it VAT.
    assert newest(shops) == {
        "shop:7": (FIRST, 1, Decimal("50.00"), Decimal("100.00"), Decimal("150.00")),
        "till:p1": (FIRST, 1, Decimal("90.91"), Decimal("-12.34"), Decimal("78.57")),
    }
    # On 6 March the rest went back, on the 10th o3 of 20.00 came, 18.18 without VAT.
    assert shown(shops) == {
        "shop:7": (FIRST, Decimal("18.18"), Decimal("100.00"), Decimal("118.18"), "high"),
        "till:p1": (FIRST, Decimal("90.91"), Decimal("-12.34"), Decimal("78.57"), "low"),
    }
    assert kols(shops) == {"ana": (1, Decimal("118.18")), "binh": (0, None)}
    same_made_anew(shops, MARTS)


def test_a_later_day_is_the_newest_and_the_former_stays(shops: Settings) -> None:
    told(
        shops,
        clv_forecasts=[
            forecast("shop:7", SECOND, "30.00"),
            forecast("shop:8", SECOND, "60.50", segment="high"),
            forecast("till:p1", SECOND, "9.50", segment="low"),
        ],
        clv_segments=[segment("high", SECOND, "60.50"), segment("medium", SECOND, "30.00")],
        clv_series=whole_series(
            SECOND,
            [("2026-Q1", "medium", "30.00"), ("2026-Q1", "high", "60.50"), ("2026-Q1", "low", "9.50")],
        ),
    )
    assert newest(shops) == {
        "shop:7": (SECOND, 2, Decimal("18.18"), Decimal("30.00"), Decimal("48.18")),
        "shop:8": (SECOND, 1, Decimal("60.60"), Decimal("60.50"), Decimal("121.10")),
        "till:p1": (SECOND, 1, Decimal("90.91"), Decimal("9.50"), Decimal("100.41")),
    }
    assert kols(shops) == {"ana": (1, Decimal("48.18")), "binh": (1, Decimal("121.10"))}
    assert rows(
        shops,
        "select as_of_date::text, segment, customers, net_value_from, net_value_12m, net_value_share_pct"
        " from marts.clv_segments where tenant_id = 'acme' order by 1, 2",
    ) == [
        (FIRST, "high", 1, Decimal("100.00"), Decimal("100.00"), Decimal("114.0771")),
        (FIRST, "low", 1, None, Decimal("-12.34"), Decimal("-14.0771")),
        (SECOND, "high", 1, Decimal("60.50"), Decimal("60.50"), Decimal("60.5")),
        (SECOND, "low", 1, None, Decimal("9.50"), Decimal("9.5")),
        (SECOND, "medium", 1, Decimal("30.00"), Decimal("30.00"), Decimal("30")),
    ]
    same_made_anew(shops, MARTS)


def test_a_day_landed_again_replaces_itself(shops: Settings) -> None:
    told(
        shops,
        clv_forecasts=[
            forecast("shop:7", SECOND, "31.00", forecast_at="2026-04-10T20:00:00Z"),
            forecast("shop:8", SECOND, "60.50", segment="high"),
        ],
    )
    assert {customer: values[3] for customer, values in newest(shops).items()} == {
        "shop:7": Decimal("31.00"),
        "shop:8": Decimal("60.50"),
    }
    assert set(shown(shops)) == {"shop:7", "shop:8"}
    assert rows(
        shops,
        "select segment, customers, net_value_12m from marts.clv_segments where as_of_date = '2026-04-09'"
        " and tenant_id = 'acme' order by 1",
    ) == [("high", 1, Decimal("60.50")), ("medium", 1, Decimal("31.00"))]
    same_made_anew(shops, MARTS)


def test_a_day_landed_again_replaces_its_series(shops: Settings) -> None:
    years = (
        "select series_type, series_key, reporting_currency, count(*), max(customers), sum(net_value),"
        " min(starts_on)::text, max(ends_on)::text"
        " from marts.clv_series where tenant_id = 'acme' and as_of_date = '2026-04-09'"
        " group by 1, 2, 3 order by 1, 2"
    )
    span = ("2026-04-10", "2027-04-09")
    # The forecasts of the day have been landed again, its series not yet.
    assert rows(shops, years) == [
        ("cohort", "2026-Q1", "USD", 12, 3, Decimal("100.00"), *span),
        ("segment", "high", "USD", 12, 1, Decimal("60.50"), *span),
        ("segment", "low", "USD", 12, 1, Decimal("9.50"), *span),
        ("segment", "medium", "USD", 12, 1, Decimal("30.00"), *span),
        ("tenant", "acme", "USD", 12, 3, Decimal("100.00"), *span),
    ]
    # All before is proven, and the series come alone.
    build(shops)
    again = [("2026-Q1", "medium", "31.00"), ("2025-Q4", "high", "60.50")]
    told(shops, clv_series=whole_series(SECOND, again, forecast_at="2026-04-10T20:00:00Z"))
    assert rows(shops, years) == [
        ("cohort", "2025-Q4", "USD", 12, 1, Decimal("60.50"), *span),
        ("cohort", "2026-Q1", "USD", 12, 1, Decimal("31.00"), *span),
        ("segment", "high", "USD", 12, 1, Decimal("60.50"), *span),
        ("segment", "medium", "USD", 12, 1, Decimal("31.00"), *span),
        ("tenant", "acme", "USD", 12, 2, Decimal("91.50"), *span),
    ]
    same_made_anew(shops, MARTS)


def test_a_merged_customer_keeps_former_days_and_counts_once(shops: Settings) -> None:
    before = fingerprints(shops, MARTS)
    told(shops, customer_map=[made.mapped("8", "shop:7", "2026-05-01T00:00:00Z")])
    assert newest(shops) == {"shop:7": (SECOND, 3, Decimal("78.78"), Decimal("31.00"), Decimal("109.78"))}
    assert shown(shops) == {
        "shop:7": (SECOND, Decimal("78.78"), Decimal("31.00"), Decimal("109.78"), "medium")
    }
    assert kols(shops) == {"ana": (1, Decimal("109.78")), "binh": (0, None)}
    assert rows(
        shops,
        "select orders_to_date, net_revenue_to_date, net_value_12m, is_newest"
        " from marts.customer_lifetime_value where customer_id = 'shop:8'",
    ) == [(0, 0, Decimal("60.50"), False)]
    same_made_anew(shops, MARTS)
    told(shops, customer_map=[made.mapped("8", "shop:8", "2026-05-02T00:00:00Z")])
    assert fingerprints(shops, MARTS) == before


def test_a_late_refund_restates_what_came_before_a_day(shops: Settings) -> None:
    late = made.refund("late", "o3", "2026-04-09T05:00:00Z", "11.00", updated_at="2026-05-03T00:00:00Z")
    told(shops, refunds=[late])
    # 9.00 is left of o3, 0.82 of it VAT
    assert newest(shops)["shop:7"][1:3] == (2, Decimal("8.18"))
    assert rows(
        shops,
        "select net_revenue_to_date from marts.customer_lifetime_value"
        " where customer_id = 'shop:7' and as_of_date = '2026-03-05'",
    ) == [(Decimal("50.00"),)]
    same_made_anew(shops, MARTS)


def test_a_build_without_news_writes_no_forecast(shops: Settings) -> None:
    written = "select count(*) from marts.{} where _build_id = (select max(build_id) from ops.builds)"
    build(shops)
    for mart in ("customer_forecasts", "clv_segments", "clv_series"):
        assert rows(shops, written.format(mart)) == [(0,)]


def test_a_forecast_in_a_former_currency_is_no_present_one(shops: Settings) -> None:
    days = [date(2026, 3, 1) + timedelta(days=5 * number) for number in range(10)]
    rates = [made.rate(str(day), "25000", "USD", to_currency="VND") for day in days]
    told(shops, tenants=[made.tenant(reporting_currency="VND")], fx_rates=rates)
    assert newest(shops) == shown(shops) == {}
    assert kols(shops) == {"ana": (0, None), "binh": (0, None)}
    # 8.18 USD in whole dong: the order's 9.00 and its VAT of 0.82 each at the day's rate
    assert rows(
        shops,
        "select f.net_revenue_to_date, v.net_revenue_to_date, v.lifetime_value, v.net_value_12m"
        " from marts.customer_lifetime_value v join marts.customer_forecasts f"
        " using (tenant_id, customer_id, as_of_date)"
        " where v.customer_id = 'shop:7' and v.as_of_date = '2026-04-09'",
    ) == [(Decimal("204500"), None, None, Decimal("31.00"))]
    same_made_anew(shops, MARTS)
