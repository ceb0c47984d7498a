"""Who a simulated world's records are, and how many new persons that makes for each KOL."""

from collections import Counter
from collections.abc import Iterable, Mapping

import duckdb
import pyarrow as pa

from include.demo.truth import newest
from include.demo.world import World
from tests.oracle.orders import Order

KolKey = tuple[str, str | None]


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


def new_persons(orders: Iterable[Order], persons: Mapping[tuple[str, str], str]) -> Counter[KolKey]:
    """Count, per KOL, the persons whose first completed order tells who ordered and was credited to the KOL.

    Args:
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
