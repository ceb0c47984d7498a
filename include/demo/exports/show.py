"""What each system of a world shows of its records at the end of an interval, as relations in DuckDB."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from include.demo.exports.systems import FILES, SHAPES, files_of
from include.warehouse.contracts import Contract, load_contracts

Interval = tuple[date, date]
"""First day and day after the last, in the tenant's zone."""

PARENTS = {"order_items": "orders", "pos_sale_lines": "pos_sales"}
"""Feeds whose rows are written inside the records of another."""
_LINES = {"order_items": "order_lines", "pos_sale_lines": "pos_lines"}
_SPARE_DAYS = 2
"""Days that a pull reaches further back than its look-back says, so that no zone's border cuts a day off."""


class Tenant(Protocol):
    """What an export needs to know of an organisation."""

    @property
    def tenant_id(self) -> str:
        """Its id."""

    @property
    def zone(self) -> str:
        """Its IANA time zone."""


class World(Protocol):
    """What an export needs to know of a world."""

    @property
    def tenants(self) -> Sequence[Tenant]:
        """Its organisations."""

    def feed(self, name: str) -> pa.Table:
        """Every version of every record by availability: contract columns, ``_available_at``, ``_system``."""


class Shop:
    """All versions of a world's records, and what one system of one tenant shows of them in one interval.

    After ``show`` there is a relation per feed: of entities the newest version that became available in the
    interval, of events every delivery, of slices the newest pull of the look-back days and of what changed
    before them. Orders and sales come with all their lines (``order_lines``, ``pos_lines``), also those of
    which only a line changed.
    """

    def __init__(self, duck: duckdb.DuckDBPyConnection, world: World) -> None:
        """Take the world's feeds in, in its own order."""
        self._duck = duck
        self._contracts = load_contracts()
        self._feeds = sorted({feed for file in FILES for feed in file.feeds})
        duck.execute((SHAPES / "macros.sql").read_text(encoding="utf-8"))
        for feed in self._feeds:
            table = world.feed(feed)
            duck.register("arrived", table)
            source = "source" if "source" in table.column_names else "_system"
            duck.execute(f"create table all_{feed} as select *, {source} as _source from arrived")
            duck.unregister("arrived")

    def systems(self, tenant_id: str) -> list[tuple[str, str]]:
        """Systems of a tenant, each with the value of its rows' ``source``.

        Raises:
            ValueError: a system shows a feed that none of its files carries, or calls itself by two names.
        """
        found: dict[str, set[str]] = {}
        for feed in self._feeds:
            rows = self._duck.execute(
                f"select distinct _system, _source from all_{feed} where tenant_id = ?", [tenant_id]
            ).fetchall()
            for system, source in rows:
                if not any(feed in file.feeds for file in files_of(system)):
                    raise ValueError(
                        f"{tenant_id}: system {system} shows rows of {feed}, which no file of it carries; "
                        f"add the file to include/demo/exports/systems.py"
                    )
                found.setdefault(system, set()).add(source)
        for system, sources in found.items():
            if len(sources) > 1:
                raise ValueError(f"{tenant_id}: system {system} calls itself {', '.join(sorted(sources))}")
        return [(system, next(iter(sources))) for system, sources in sorted(found.items())]

    def show(self, tenant: Tenant, system: str, interval: Interval) -> None:
        """Make the relations of one system of one tenant for one interval; times are written in its zone."""
        self._duck.execute(f"set TimeZone = '{tenant.zone}'")
        zone = ZoneInfo(tenant.zone)
        start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in interval)
        own = f"tenant_id = {_literal(tenant.tenant_id)} and _system = {_literal(system)}"
        known = f"{own} and _available_at < timestamptz '{end}'"
        fresh = f"{known} and _available_at >= timestamptz '{start}'"
        carried = {feed for file in files_of(system) for feed in file.feeds}
        for feed in sorted(carried, key=lambda name: name in PARENTS):
            contract = self._contracts[feed]
            if feed in PARENTS:
                self._show_lines(contract, self._contracts[PARENTS[feed]], known, fresh)
            elif contract.kind == "event":
                # A view: there are millions of them, and they are read once.
                self._make("view", feed, f"select * from all_{feed} where {fresh}")
            elif contract.kind == "slice":
                lookback = files_of(system)[0].lookback_days or 0
                self._make("table", feed, _pull(contract, interval[0], lookback, known, fresh))
            else:
                self._make("table", feed, f"select * from all_{feed} where {fresh} {_newest(contract)}")

    def _show_lines(self, lines: Contract, parents: Contract, known: str, fresh: str) -> None:
        """Add the records of which only a line changed, and give every record all its lines."""
        key = ", ".join(parents.key)
        self._duck.execute(
            f"""
            insert into {parents.feed}
            select * from all_{parents.feed}
            where {known}
                and ({key}) in (select ({key}) from all_{lines.feed} where {fresh})
                and ({key}) not in (select ({key}) from {parents.feed})
            {_newest(parents)}
            """
        )
        self._make(
            "table",
            _LINES[lines.feed],
            f"""
            select * from all_{lines.feed}
            where {known} and ({key}) in (select ({key}) from {parents.feed}) {_newest(lines)}
            """,
        )

    def _make(self, kind: str, name: str, select: str) -> None:
        self._duck.execute(f"create or replace temp {kind} {name} as {select}")


def _newest(contract: Contract) -> str:
    """Keep the newest version per key; of one instant the later state is the newer."""
    states = ", ".join(_literal(state) for state in contract.state_order)
    rank = f"list_position([{states}], {contract.state_column}) desc, " if states else ""
    key = ", ".join(contract.key)
    age = f"{contract.version} desc, {rank}_available_at desc"
    return f"qualify row_number() over (partition by {key} order by {age}) = 1"


def _pull(contract: Contract, start: date, lookback_days: int, known: str, fresh: str) -> str:
    """Select the newest pull of each slice: of the look-back days, and of what changed before them."""
    slices = ", ".join(contract.slice)
    return f"""
        select * from all_{contract.feed}
        where {known}
            and (
                {contract.cursor} >= date '{start}' - {lookback_days + _SPARE_DAYS}
                or ({slices}) in (select ({slices}) from all_{contract.feed} where {fresh})
            )
        qualify rank() over (partition by {slices} order by _available_at desc) = 1
    """


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
