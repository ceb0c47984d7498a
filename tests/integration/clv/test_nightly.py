"""From a shop's events to kept forecasts: they add up, come again the same, and bad models do not stay."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from benchmarks.scratch import scratch_warehouse
from include.clv import drift
from include.clv import warehouse as store
from include.clv.blend import Blend
from include.clv.nightly import forecast
from include.clv.train import train
from include.settings import Settings
from include.warehouse import connect
from tests.integration.clv.shop import LAST, buy, open_shop, purchases

DAYS = 700


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Give a warehouse with a trained and forecast shop."""
    with scratch_warehouse() as made:
        open_shop(made, "acme")
        buy(made, "acme", purchases("acme", 1_500, DAYS))
        trained = train(made)
        assert [one.status for one in trained] == ["champion"], trained
        told = forecast(made)
        assert told[0].customers > 1_400, told
        yield made


def rows(settings: Settings, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with connect("loader", settings) as warehouse:
        return warehouse.rows(query, list(values))


def test_forecasts_add_up_to_the_cent(shop: Settings) -> None:
    (by_customer,) = rows(shop, "select sum(net_value_12m), count(*) from clv.forecasts")
    (by_month,) = rows(shop, "select sum(net_value) from clv.forecast_months")
    assert by_customer[0] == by_month[0] > 0
    kinds = rows(
        shop, "select series_type, sum(net_value) from clv.series_forecasts group by series_type order by 1"
    )
    assert kinds == [(kind, by_customer[0]) for kind in ("cohort", "segment", "tenant")]
    assert rows(shop, "select sum(net_value_12m), sum(customers) from clv.segments") == [by_customer]
    months = rows(
        shop,
        "select months.month_no, sum(months.net_value) - max(series.net_value), "
        " max(months.starts_on - series.starts_on)"
        " from clv.forecast_months as months inner join clv.series_forecasts as series"
        " on series.series_type = 'tenant' and months.month_no = series.month_no group by 1",
    )
    assert sorted(months) == [(month, Decimal(0), 0) for month in range(1, 13)]


def test_what_is_said_of_a_customer_is_plausible(shop: Settings) -> None:
    found = rows(
        shop,
        "select alive_probability, orders_12m, net_value_12m, net_value_12m_low, net_value_12m_high, segment"
        " from clv.forecasts order by net_value_12m desc",
    )
    alive, orders, value, low, high = (np.array([float(row[k]) for row in found]) for k in range(5))
    assert ((alive >= 0) & (alive <= 1)).all()
    assert (orders >= 0).all()
    assert (low <= high).all()
    assert ((low[:100] <= value[:100]) & (value[:100] <= high[:100])).mean() > 0.9
    names = [row[5] for row in found]
    assert names == sorted(names, key=["high", "medium", "low"].index), "segments follow the forecast"
    assert 0.15 < names.count("high") / len(names) < 0.25


def test_the_same_day_again_is_the_same_and_in_parts_too(shop: Settings) -> None:
    told = "select customer_id, net_value_12m, net_value_12m_high, segment from clv.forecasts order by 1"
    before = rows(shop, told)
    forecast(shop.model_copy(update={"clv_shard_customers": 500}))
    after = rows(shop, told)
    assert [row[0] for row in before] == [row[0] for row in after]
    assert max(abs(a[1] - b[1]) for a, b in zip(before, after, strict=True)) <= Decimal("0.0002")
    assert [row[3] for row in before] == [row[3] for row in after]


def test_later_events_change_no_forecast(shop: Settings) -> None:
    told = "select customer_id, net_value_12m from clv.forecasts where tenant_id = 'acme' order by 1"
    before = rows(shop, told)
    with connect("transformer", shop) as warehouse:
        warehouse.execute(
            "insert into intermediate.int_orders__events"
            " select tenant_id, customer_id, event_date + 1200, event_type, channel, reporting_net_amount * 9"
            " from intermediate.int_orders__events where tenant_id = 'acme'"
        )
        forecast(shop)
        after = rows(shop, told)
        warehouse.execute(
            "delete from intermediate.int_orders__events where tenant_id = 'acme' and event_date > %s", [LAST]
        )
    changed = [(a, b) for a, b in zip(before, after, strict=True) if abs(a[1] - b[1]) > Decimal("0.0002")]
    assert not changed


def test_a_category_is_known_from_the_first_day_or_not_at_all(shop: Settings) -> None:
    with connect("transformer", shop) as transformer:
        (early, first), (late, other) = transformer.rows(
            "select customer_id, min(event_date) from intermediate.int_orders__events"
            " where tenant_id = 'acme' and event_type = 'completion' group by customer_id order by 1 limit 2"
        )
        transformer.execute("insert into intermediate.int_products__catalogue values ('acme', 'p', 'tea')")
        transformer.execute(
            "insert into intermediate.int_products__purchases values"
            " ('acme', %s, 'p', %s), ('acme', %s, 'p', %s)",
            [early, first, late, other + timedelta(days=1)],
        )
        (tenant,) = store.tenants(transformer)
        history = store.read(transformer, tenant)
        transformer.execute("delete from intermediate.int_products__purchases")
    told = dict(zip(history.customers, history.categories, strict=True))
    assert (told[early], told[late]) == ("tea", "")


def test_a_worse_challenger_is_refused_and_a_champion_can_be_rolled_back(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = train(shop)
    assert first.status == "champion", first
    with connect("loader", shop) as loader:
        assert [run.status for run in store.runs(loader, "acme")][:2] == ["champion", "retired"]
        with monkeypatch.context() as patch:
            patch.setattr("include.clv.model.Blend.fit", lambda trials, ahead: Blend({"btyd": 1.0}, 0.7, 0.3))
            (bad,) = train(shop)
        assert bad.status == "refused", bad
        former = store.runs(loader, "acme")[2].model_version
        assert store.rollback(loader, "acme", "finance asked") == former
        standing = store.champion(loader, "acme")
        assert standing
        assert standing[0] == former
        statuses = [run.status for run in store.runs(loader, "acme")]
        assert statuses == ["refused", "rolled_back", "champion"]
        with pytest.raises(store.RollbackError, match="no former model"):
            store.rollback(loader, "acme", "again")
    forecast(shop)
    assert rows(shop, "select distinct model_version from clv.forecasts") == [(former,)]


def test_a_month_that_departs_far_is_told(shop: Settings) -> None:
    day = date(2026, 5, 30)
    open_shop(shop, "acme", as_of=day)
    forecast(shop)
    open_shop(shop, "acme")
    with connect("transformer", shop) as transformer, connect("loader", shop) as loader:
        tenant = store.tenants(transformer)[0]
        assert drift.check(loader, transformer, tenant) in {"fine", "drift"}
        assert drift.check(loader, transformer, tenant) is None, "once is enough"
        loader.execute("delete from clv.drift_checks")
        transformer.execute(
            "insert into intermediate.int_orders__events"
            " select tenant_id, customer_id, date '2026-06-15', 'completion', channel, 500"
            " from intermediate.int_orders__events where event_date <= %s limit 2000", [day]
        )  # fmt: skip
        assert drift.check(loader, transformer, tenant) == "drift", "nobody is there to fall back to"
        transformer.execute(
            "delete from intermediate.int_orders__events"
            " where event_date = '2026-06-15' and reporting_net_amount = 500"
        )


def test_thin_data_says_so(shop: Settings) -> None:
    open_shop(shop, "few")
    buy(shop, "few", purchases("few", 25, 120))
    open_shop(shop, "new")
    buy(shop, "new", purchases("new", 5, 20))
    trained = {one.tenant_id: one for one in train(shop, tenants=["few", "new"])}
    assert trained["few"].status == "champion"
    assert trained["new"].status == "not trained"
    assert "20 days" in trained["new"].reason or "days" in trained["new"].reason
    told = {one.tenant_id: one.said for one in forecast(shop, tenants=["few", "new"])}
    assert "rfm" in told["few"]
    assert "no model yet" in told["new"]
    assert rows(shop, "select distinct method from clv.forecasts where tenant_id = 'few'") == [("rfm",)]
