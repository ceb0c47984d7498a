"""The recorded truth against the marts' definitions, computed a second time from what the systems show."""

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.demo.world import World, simulate
from tests.oracle.marts import compute
from tests.oracle.persons import current_feeds, new_persons, persons_of

MEASURES = (
    "orders",
    "gross",
    "refunds",
    "revenue",
    "net_revenue",
    "fixed_fees",
    "platform_fees",
    "commission",
    "goods",
    "investment",
    "clicks",
    "new_customers",
    "roi_pct",
    "roi_net_pct",
    "roi_contribution_pct",
    "cr_pct",
    "cpa",
)


@pytest.fixture(scope="module")
def small_world() -> World:
    """Give a world of about 1,000 persons and 40 days."""
    return simulate(12, scale=0.04, days=40, clicks_per_order=4)


def wrong_cells(world: World, feeds: dict[str, pa.Table]) -> Counter[str]:
    """Count the figures of KOLs in which the truth and the definitions, computed from ``feeds``, differ."""
    marts = compute(feeds, {tenant.tenant_id: world.last_day for tenant in world.tenants})
    assert not marts.held
    said = {(row["tenant_id"], row["kol_id"]): row for row in marts.tables["kol_roi"]}
    wrong: Counter[str] = Counter()
    for row in world.truth_kols().to_pylist():
        other: dict[str, Any] = said[row["tenant_id"], row["kol_id"]]
        wrong.update(measure for measure in MEASURES if row[measure] != other[measure])
    return wrong


def test_new_persons_are_what_a_perfect_matcher_counts(small_world: World) -> None:
    feeds = current_feeds(small_world)
    marts = compute(feeds, {tenant.tenant_id: small_world.last_day for tenant in small_world.tenants})
    persons = persons_of(small_world)
    truth = small_world.truth_kols().to_pylist()
    said = Counter({(row["tenant_id"], row["kol_id"]): row["new_persons"] for row in truth})
    assert said.total() > 100
    assert new_persons(marts.orders, persons) == +said
    entered = {
        (row["tenant_id"], row["person_id"])
        for row in small_world.truth["persons"].to_pylist()
        if row["entered_on"] < small_world.first_day
    }
    firsts = small_world.truth["first_purchases"].to_pylist()
    assert any((row["tenant_id"], row["person_id"]) in entered and row["kol_id"] for row in firsts)
    # Without matching, and with guests left out, the count is another.
    assert new_persons(marts.orders, {key: key[1] for key in persons}) != +said
    accounts = {key: person for key, person in persons.items() if ":order:" not in key[1]}
    assert new_persons(marts.orders, accounts) != +said


def test_the_truth_is_what_the_definitions_say(small_world: World) -> None:
    assert wrong_cells(small_world, current_feeds(small_world)) == Counter()


def test_one_lost_order_or_refund_is_noticed(small_world: World) -> None:
    feeds = current_feeds(small_world)
    orders = small_world.truth["orders"]
    by_token = pc.and_(pc.equal(orders["matched_by"], "token"), pc.is_valid(orders["completed_on"]))
    lost = orders.filter(by_token).slice(0, 1).to_pylist()[0]
    shown = feeds["orders"]
    is_lost = pc.and_(
        pc.equal(shown["order_id"], lost["order_id"]), pc.equal(shown["tenant_id"], lost["tenant_id"])
    )
    feeds |= {"orders": shown.filter(pc.invert(is_lost)), "refunds": feeds["refunds"].slice(0, 0)}
    wrong = wrong_cells(small_world, feeds)
    assert wrong["orders"] == 1
    assert wrong["refunds"] > 1
