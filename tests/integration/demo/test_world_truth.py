"""The recorded truth against the marts' definitions, computed a second time from what the systems show."""

from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.demo.truth import newest
from include.demo.world import World, simulate
from tests.oracle.marts import compute
from tests.oracle.orders import Order

KolKey = tuple[str, str | None]

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


def current_feeds(world: World) -> dict[str, pa.Table]:
    """What a warehouse holds once all is landed: the newest version of each record, each click once."""
    feeds = {}
    for name, versions in world.feeds.items():
        table = newest(versions, name)
        if name == "clicks":
            duck = duckdb.connect()
            duck.register("deliveries", versions)
            table = duck.sql(
                "select * from deliveries qualify row_number() over"
                " (partition by tenant_id, click_id order by clicked_at) = 1"
            ).to_arrow_table()
        feeds[name] = table.drop_columns(["_available_at", "_system"])
    return feeds


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


def new_persons(world: World, orders: list[Order], persons: dict[tuple[str, str], str]) -> Counter[KolKey]:
    """Count, per KOL, the persons whose first completed order tells who ordered and was credited to the KOL.

    Args:
        world: whose record of an order or sale names what is meant by ``persons``.
        orders: every order and sale, as the definitions read them from the feeds.
        persons: tenant and name of a record -> person; an order whose record is not in it is nobody's.
    """
    first: dict[tuple[str, str], Order] = {}
    done = [order for order in orders if order.completed_at is not None]
    for order in sorted(done, key=lambda one: (one.completed_at, one.source, one.order_id)):
        kind = "sale" if order.is_in_store else "order"
        record = order.customer_key or f"{order.source}:{kind}:{order.order_id}"
        person = persons.get((order.tenant_id, record))
        if person is not None:
            first.setdefault((order.tenant_id, person), order)
    assert {tenant.tenant_id for tenant in world.tenants} == {tenant for tenant, _ in first}
    return Counter(
        (order.tenant_id, order.credit.kol_id) for order in first.values() if order.credit.is_credited
    )


def persons_of(world: World) -> dict[tuple[str, str], str]:
    """Give the person of each record by tenant and name, as the truth lists them."""
    persons = {}
    for row in world.truth["record_persons"].to_pylist():
        middle = "" if row["record_type"] == "customer" else f"{row['record_type']}:"
        persons[row["tenant_id"], f"{row['record_source']}:{middle}{row['record_id']}"] = row["person_id"]
    return persons


def test_new_persons_are_what_a_perfect_matcher_counts(small_world: World) -> None:
    feeds = current_feeds(small_world)
    marts = compute(feeds, {tenant.tenant_id: small_world.last_day for tenant in small_world.tenants})
    persons = persons_of(small_world)
    truth = small_world.truth_kols().to_pylist()
    said = Counter({(row["tenant_id"], row["kol_id"]): row["new_persons"] for row in truth})
    assert said.total() > 100
    assert new_persons(small_world, marts.orders, persons) == +said
    entered = {
        (row["tenant_id"], row["person_id"])
        for row in small_world.truth["persons"].to_pylist()
        if row["entered_on"] < small_world.first_day
    }
    firsts = small_world.truth["first_purchases"].to_pylist()
    assert any((row["tenant_id"], row["person_id"]) in entered and row["kol_id"] for row in firsts)
    # Without matching, and with guests left out, the count is another.
    assert new_persons(small_world, marts.orders, {key: key[1] for key in persons}) != +said
    accounts = {key: person for key, person in persons.items() if ":order:" not in key[1]}
    assert new_persons(small_world, marts.orders, accounts) != +said


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
