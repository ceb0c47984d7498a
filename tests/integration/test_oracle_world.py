"""Two independent witnesses agree: the oracle's figures and the truth that the simulation wrote down."""

from collections import defaultdict
from decimal import Decimal

import pytest

from benchmarks.truth import MEASURES, SHAPE
from include.demo.world import World, simulate
from tests.oracle.compare import Shape, compare
from tests.oracle.marts import Marts, compute
from tests.oracle.warehouse import same
from tests.oracle.world import current_feeds

SEED = 11
DAY_MEASURES = ("orders", "gross", "refunds", "revenue", "net_revenue")


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(SEED, scale=0.03, days=120)


@pytest.fixture(scope="module")
def marts(world: World) -> Marts:
    return compute(current_feeds(world), {tenant.tenant_id: world.last_day for tenant in world.tenants})


def test_no_tenant_is_held(marts: Marts) -> None:
    assert not marts.held


def test_kol_figures_equal_the_truth(world: World, marts: Marts) -> None:
    truth = world.truth_kols().to_pylist()
    assert len(truth) > 50
    assert not compare(truth, marts.tables["kol_roi"], SHAPE)


def test_days_equal_the_truth(world: World, marts: Marts) -> None:
    days: dict[tuple[str, object], dict[str, Decimal]] = defaultdict(
        lambda: dict.fromkeys(DAY_MEASURES, Decimal(0))
    )
    for row in marts.tables["daily_aggregates"]:
        for measure in DAY_MEASURES:
            days[row["tenant_id"], row["date"]][measure] += row[measure]
    found = [{"tenant_id": tenant, "date": day, **cell} for (tenant, day), cell in days.items()]
    shape = Shape("days", same("tenant_id", "date"), same(*DAY_MEASURES), sparse=True)
    assert not compare(world.truth_days().to_pylist(), found, shape)


@pytest.mark.parametrize("measure", MEASURES)
def test_one_cent_more_is_seen(world: World, marts: Marts, measure: str) -> None:
    rows = [dict(row) for row in marts.tables["kol_roi"]]
    rows[0][measure] = (rows[0][measure] or Decimal(0)) + Decimal("0.01")
    found = compare(world.truth_kols().to_pylist(), rows, SHAPE)
    assert [difference.column for difference in found] == [measure]
