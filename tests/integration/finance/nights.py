"""A tenant of the simulated shops night by night, in tables of the shape that reconciliation reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from include.demo.world import Tenant, World
from include.finance.reconciliation import facts
from include.finance.reconciliation.nightly import Night, reconcile_tenant
from include.finance.reconciliation.reconcile import reconcile
from include.finance.reconciliation.rules import Rules
from include.settings import Settings
from include.warehouse import Warehouse, connect
from include.warehouse.contracts import load_contracts

FEEDS = ("orders", "payments", "remittances", "refunds", "pos_sales", "bank_lines")
SHAPES = """
create table if not exists marts.tracked_orders (
    tenant_id text, source text, order_id text, is_completed boolean, completed_at timestamptz,
    _build_id bigint,
    primary key (tenant_id, source, order_id)
);
create table if not exists ops.pins (feed text primary key, load_id bigint not null);
create table if not exists ops.watermarks (
    model text not null, upstream text not null, position bigint not null, primary key (model, upstream)
);
"""
COMPLETED = "not is_test and paid_at is not null and (cancelled_at is null or cancelled_at >= paid_at)"
STATES = {
    "orders": ("order_states", "source, order_id", "paid_amount, state, matched_by"),
    "receipts": ("receipt_states", "side, source, receipt_id", "order_source, order_id, state, matched_by"),
    "refunds": ("refund_states", "source, refund_id", "state"),
    "payouts": (
        "payout_states",
        "kind, source, payout_id, currency",
        "amount, due_on, state, matched_by, account_id, line_id",
    ),
    "lines": ("line_states", "account_id, line_id", "sender, state, matched_by, kind, source, payout_id"),
    "unsettled": ("unsettled_states", "source, payment_id", "payout_id, amount, state"),
}
"""Tables of ``finance``: key, and what is said of it."""

Said = dict[tuple[str, ...], tuple[Any, ...]]


@dataclass
class Nights:
    """One tenant, whose systems tell a little more every night."""

    settings: Settings
    world: World
    tenant: Tenant
    load_id: int = 0

    @property
    def tenant_id(self) -> str:
        """Id of the tenant."""
        return self.tenant.tenant_id

    def open(self) -> None:
        """Make the tables that a build would make."""
        with connect("admin", self.settings) as warehouse:
            warehouse.execute(SHAPES)
            for feed in FEEDS:
                columns = ", ".join(f"{c.name} {c.data_type}" for c in load_contracts()[feed].columns)
                table = f"staging.stg_{feed}"
                warehouse.execute(f"create table if not exists {table} ({columns}, _load_id bigint)")
            user = self.settings.transformer_user
            for schema in ("staging", "marts", "ops"):
                warehouse.execute(f"grant select on all tables in schema {schema} to {user}")

    def tell(self, since: date, until: date, *, leave_out: frozenset[str] = frozenset()) -> None:
        """Show what became known in some days: new rows, newer versions, and what these replace."""
        self.load_id += 1
        zone = ZoneInfo(self.tenant.zone)
        start = datetime.combine(since, time(), zone)
        end = datetime.combine(until + timedelta(days=1), time(), zone)
        with connect("admin", self.settings) as warehouse, warehouse.transaction():
            for feed in FEEDS:
                if feed not in leave_out:
                    self.put(warehouse, feed, self.world.interval(feed, self.tenant_id, start, end))
            self._build(warehouse)

    def withdraw(self, source: str, order_id: str) -> None:
        """Take an order out, as its source would: a tombstone is left, and the marts know it no longer."""
        self.load_id += 1
        names = ", ".join(load_contracts()["orders"].names)
        own = "tenant_id = %s and source = %s and order_id = %s"
        key = [self.tenant_id, source, order_id]
        with connect("admin", self.settings) as warehouse, warehouse.transaction():
            warehouse.execute(
                f"insert into raw.orders ({names}, _load_id, _file_id, _row, _landing_seq, _key_hash,"
                f" _row_hash, _deleted) select {names}, {self.load_id}, 0, 0, 0, 0, gen_random_uuid(), true"
                f" from staging.stg_orders where {own}",
                key,
            )
            for table in ("staging.stg_orders", "marts.tracked_orders"):
                assert warehouse.execute(f"delete from {table} where {own}", key) == 1
            self._build(warehouse)

    def _build(self, warehouse: Warehouse) -> None:
        for upstream in ("builds", "orders"):
            warehouse.execute(
                "insert into ops.watermarks values ('tracked_orders', %s, %s)"
                " on conflict (model, upstream) do update set position = excluded.position",
                [upstream, self.load_id],
            )

    def put(self, warehouse: Warehouse, feed: str, shown: pa.Table) -> None:
        """Put rows into a feed; of a standing key the new version replaces the old, which is logged."""
        contract = load_contracts()[feed]
        names, table = list(contract.names), f"staging.stg_{feed}"
        warehouse.execute(f"create temp table shown on commit drop as select * from {table} with no data")
        rows = shown.select(names)
        numbers = pa.repeat(pa.scalar(self.load_id, pa.int64()), rows.num_rows)
        warehouse.bulk_load("shown", [*names, "_load_id"], rows.append_column("_load_id", numbers))
        equal = " and ".join(f"old.{name} = new.{name}" for name in contract.key)
        if contract.version:
            older = f"new.{contract.version} < old.{contract.version}"
            warehouse.execute(f"delete from shown as new using {table} as old where {equal} and {older}")
        warehouse.execute(
            f"""
            insert into ops.restatements (feed, tenant_id, key_hash, old_load_id, load_id, old_row, new_row)
            select '{feed}', old.tenant_id, 0, old._load_id, {self.load_id}, to_jsonb(old), to_jsonb(new)
            from shown as new join {table} as old on {equal};
            delete from {table} as old using shown as new where {equal};
            insert into {table} select * from shown;
            insert into ops.pins values ('{feed}', {self.load_id})
            on conflict (feed) do update set load_id = excluded.load_id;
            """
        )
        if feed == "orders":
            warehouse.execute(
                f"""
                insert into marts.tracked_orders
                select tenant_id, source, order_id, {COMPLETED}, paid_at, {self.load_id} from shown
                on conflict (tenant_id, source, order_id) do update
                set is_completed = excluded.is_completed, completed_at = excluded.completed_at,
                    _build_id = excluded._build_id
                """
            )
        warehouse.execute("drop table shown")

    def run(self, day: date, *, rules: Rules | None = None) -> Night:
        """Reconcile as of a day."""
        return reconcile_tenant(self.settings, self.tenant_id, zone=self.tenant.zone, as_of=day, rules=rules)

    def found(self) -> dict[str, Said]:
        """Return all states as the nights have left them."""
        found: dict[str, Said] = {}
        with connect("transformer", self.settings) as warehouse:
            for name, (table, key, said) in STATES.items():
                rows = warehouse.rows(
                    f"select {key}, {said} from finance.{table} where tenant_id = %s", [self.tenant_id]
                )
                width = len(key.split(","))
                found[name] = {row[:width]: row[width:] for row in rows}
        return found

    def true(self, day: date, *, rules: Rules | None = None) -> dict[str, Said]:
        """Return all states as one look at everything finds them."""
        with connect("transformer", self.settings) as warehouse:
            known = facts.all_facts(warehouse, self.tenant_id)
        result = reconcile(known, rules or Rules(), as_of=day, zone=self.tenant.zone)
        tables: Mapping[str, pa.Table] = vars(result)
        found: dict[str, Said] = {}
        for name, (_, key, said) in STATES.items():
            columns = f"{key}, {said}".split(", ")
            width = len(key.split(","))
            values = zip(*(tables[name][column].to_pylist() for column in columns), strict=True)
            found[name] = {row[:width]: row[width:] for row in values}
        return found
