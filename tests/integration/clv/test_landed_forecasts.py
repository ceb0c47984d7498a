"""Forecasts are landed like any feed: a day landed again replaces itself; what is malformed is refused."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from include.feeds.load import LoadResult
from include.feeds.replay import replay
from include.settings import Settings
from include.warehouse import connect, fingerprint, prepare
from tests.oracle import made
from tests.oracle.forecasts import forecast, months, segment, series
from tests.oracle.loading import load_rows
from tests.oracle.rows import Row

DAY = "2026-01-31"
ZONES = {made.TENANT: "Asia/Ho_Chi_Minh"}


def land(settings: Settings, feeds: Mapping[str, Sequence[Row]]) -> list[LoadResult]:
    return load_rows(settings, feeds, date(2026, 1, 31), date(2026, 2, 1), zones=ZONES)


@pytest.fixture(scope="module")
def landed(warehouse_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give a database of this module's own with a day that was forecast, and forecast again without bo."""
    home = tmp_path_factory.mktemp("forecasts")
    settings = warehouse_settings.model_copy(
        update={"warehouse_database": "forecasts", "home": home, "landing_url": str(home / "landing")}
    )
    prepare(settings)
    at = f"{DAY}T22:00:00Z"
    land(settings, {"clv_forecasts": [forecast("shop:an", DAY), forecast("shop:bo", DAY)]})
    told = months(net_value=[-2.5, *[1e-05] * 10, 12])
    land(
        settings,
        {
            "clv_forecasts": [forecast("shop:an", DAY, "9.5", months=told, forecast_at=at)],
            "clv_series": [series(DAY, 1, "2026-02-01", "2026-02-28")],
            "clv_segments": [segment("low", DAY, None)],
        },
    )
    return settings


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with connect("transformer", settings) as warehouse:
        return warehouse.rows(query)


def test_a_day_landed_again_replaces_itself(landed: Settings) -> None:
    assert rows(landed, "select customer_id, net_value_12m from clv.forecasts") == [
        ("shop:an", Decimal("9.5"))
    ]
    assert rows(landed, "select customer_id, _deleted from raw.clv_forecasts order by 1") == [
        ("shop:an", False), ("shop:bo", True),
    ]  # fmt: skip
    assert rows(landed, "select customers, net_value from clv.series_forecasts") == [(3, 300)]
    assert rows(landed, "select segment, net_value_from from clv.segments") == [("low", None)]


def test_months_stand_one_to_a_row_and_touch(landed: Settings) -> None:
    found = rows(landed, "select month_no, starts_on, ends_on, net_value from clv.forecast_months order by 1")
    assert len(found) == 12
    assert found[0] == (1, date(2026, 2, 1), date(2026, 2, 28), Decimal("-2.5"))
    assert found[1] == (2, date(2026, 3, 1), date(2026, 3, 31), Decimal("0.00001"))
    assert found[11] == (12, date(2027, 1, 1), date(2027, 1, 31), 12)


def test_a_replay_gives_the_same_forecasts(landed: Settings) -> None:
    def standing(settings: Settings) -> Any:
        with connect("admin", settings) as warehouse:
            found = fingerprint(warehouse, "raw", also=["_deleted"])
        return {name: told for name, told in found.items() if name.startswith("clv_")}

    before = standing(landed)
    assert [told.rows for told in before.values()] == [2, 1, 1]
    other = landed.model_copy(update={"warehouse_database": "forecasts_replayed"})
    prepare(other)
    with connect("loader", other) as loader:
        replay(loader, settings=other, order="random", seed=7)
    assert standing(other) == before


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"months": {**months(), "low": [1] * 11}}, "months does not hold 12 numbers of low"),
        ({"months": {**months(), "high": [1] * 13}}, "months does not hold 12 numbers of high"),
        ({"months": {**months(), "orders": 12}}, "months does not hold 12 numbers of orders"),
        ({"months": {**months(), "net_value": [None] * 12}}, "months does not hold 12 numbers of net_value"),
        ({"months": {"orders": [1] * 12}}, "months does not hold 12 numbers of net_value"),
        ({"months": "[1, 2"}, "is not JSON"),
        ({"alive_probability": "1.000001"}, "alive_probability is outside 0 to 1"),
        ({"net_value_12m_low": "501"}, "net_value_12m_low is above net_value_12m_high"),
        ({"orders_12m": "-0.1"}, "orders_12m is negative"),
        ({"segment": "top"}, "is none of high, medium, low"),
        ({"method": "naive"}, "is none of blend, series_and_btyd, rfm"),
        ({"reporting_currency": "XXQ"}, "is no currency code"),
    ],
)
def test_a_malformed_forecast_is_refused(landed: Settings, broken: Row, reason: str) -> None:
    [result] = land(landed, {"clv_forecasts": [forecast("shop:an", "2026-02-28", **broken)]})
    assert (result.rows_loaded, result.rows_quarantined) == (0, 1)
    with connect("admin", landed) as warehouse:
        found = warehouse.rows("select reason from ops.quarantine where load_id = %s", [result.load_id])
    assert any(reason in text for (text,) in found), found


@pytest.mark.parametrize(
    ("feed", "row", "reason"),
    [
        ("clv_series", series(DAY, 13, "2026-02-01", "2026-02-28"), "month_no is outside 1 to 12"),
        ("clv_series", series(DAY, 1, DAY, "2026-02-28"), "starts_on is not after as_of_date"),
        ("clv_series", series(DAY, 1, "2026-02-01", "2026-01-31"), "ends_on is before starts_on"),
        ("clv_series", series(DAY, 1, "2026-02-01", "2026-02-28", net_value_low="401"), "is above"),
        ("clv_segments", segment("high", DAY, "1", customers=-1), "customers is negative"),
    ],
)
def test_a_malformed_sum_is_refused(landed: Settings, feed: str, row: Row, reason: str) -> None:
    [result] = land(landed, {feed: [row]})
    assert (result.rows_loaded, result.rows_quarantined) == (0, 1)
    with connect("admin", landed) as warehouse:
        found = warehouse.rows("select reason from ops.quarantine where load_id = %s", [result.load_id])
    assert any(reason in text for (text,) in found), found


def test_a_tenant_has_one_champion(landed: Settings) -> None:
    run = (
        "insert into clv.model_runs (tenant_id, model_version, as_of_date, customers, orders, history_months,"
        " method, status, reason, figures, weights) values ('acme', %s, '2026-01-31', 1, 1, 24, 'blend', %s,"
        " 'first', '{}', '{}')"
    )
    with connect("loader", landed) as warehouse:
        warehouse.execute(run, ["m1", "champion"])
        warehouse.execute(run, ["m2", "refused"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            warehouse.execute(run, ["m3", "champion"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            warehouse.execute(run, ["m1", "retired"])
        with pytest.raises(psycopg.errors.CheckViolation):
            warehouse.execute(run, ["m4", "pinned"])
    with connect("reader", landed) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.rows("select * from clv.forecasts")
