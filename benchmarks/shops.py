"""The simulated shops as a trial of matching: their records, who they are, what that means for the KOLs."""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from benchmarks.person_files import Trial
from include.demo.world import World, simulate
from include.identity.records import RECORDS_SQL
from tests.oracle.marts import compute
from tests.oracle.persons import current_feeds, new_persons, persons_of

CLICKS_PER_ORDER = 4
"""Clicks are no evidence of who somebody is beyond their orders; few are enough."""


@dataclass(frozen=True)
class Shops:
    """One simulated world and its records."""

    world: World
    feeds: Mapping[str, pa.Table]
    trial: Trial

    def new_customers_error(self, customers: pa.Array) -> float:
        """Return by how much the KOLs' new customers, as matched, miss the truth by person, as a share of it.

        Args:
            customers: the customer of each record, in the order of the trial's records.
        """
        horizon = {tenant.tenant_id: self.world.last_day for tenant in self.world.tenants}
        orders = compute(dict(self.feeds), horizon).orders
        names = [name.split("/", 1) for name in self.trial.records["record_id"].to_pylist()]
        matched = {
            (tenant, record): customer
            for (tenant, record), customer in zip(names, customers.to_pylist(), strict=True)
        }
        said, true = new_persons(orders, matched), new_persons(orders, persons_of(self.world))
        return sum(abs(said[kol] - true[kol]) for kol in said | true) / true.total()


def shops(seed: int, scale: float = 1.0, days: int = 120) -> Shops:
    """Simulate the shops of one seed; scale 1 is about 37,000 records of 20,000 persons who bought."""
    world = simulate(seed, scale=scale, days=days, clicks_per_order=CLICKS_PER_ORDER)
    feeds = current_feeds(world)
    duck = duckdb.connect()
    for feed in ("customers", "orders", "pos_sales", "tenants"):
        duck.register(feed, feeds[feed])
    duck.register("record_persons", world.truth["record_persons"])
    records = RECORDS_SQL.format(customers="customers", orders="orders", sales="pos_sales")
    table = duck.sql(f"""
        select
            read.tenant_id || '/' || read.record_name as record_id,
            read.* exclude (record_name, record_key, created_at, country),
            coalesce(read.country, tenants.country_code) as country,
            persons.tenant_id || '/' || persons.person_id as person
        from ({records}) as read
        inner join tenants using (tenant_id)
        inner join record_persons as persons
            on read.tenant_id = persons.tenant_id and read.record_source = persons.record_source
            and read.record_type = persons.record_type and read.record_key = persons.record_id
        order by hash(read.record_name)
    """).to_arrow_table()
    truth = table["person"].combine_chunks()
    return Shops(world, feeds, Trial(f"shops {seed}", table.drop_columns("person"), truth))
