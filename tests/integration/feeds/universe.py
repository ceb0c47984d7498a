"""A small universe of feeds, one of each kind, and what must stand in it, computed without the loader."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.feeds.landing import LandedFile, land
from include.settings import Settings
from include.warehouse import Warehouse, connect
from include.warehouse.contracts import Contract, parse_contract

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
STATES = ("pending", "paid", "cancelled")


def _table(name: str, meta: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
    needed = {"tenant_id", "id", "happened_at", "version", "status", "account", "day", "entered_by", "reason"}
    return {
        "name": name,
        "config": {"meta": meta},
        "columns": [
            {"name": c, "data_type": t, "config": {"meta": {"required": c in needed}}}
            for c, t in columns.items()
        ],
    }


CONTRACTS: dict[str, Contract] = {
    table["name"]: parse_contract(table, "universe.py")
    for table in (
        _table(
            "touches",
            {
                "kind": "event",
                "key": ["tenant_id", "id"],
                "event_time": "happened_at",
                "cursor": "happened_at",
            },
            {"tenant_id": "text", "id": "text", "note": "text", "happened_at": "timestamptz"},
        ),
        _table(
            "bills",
            {
                "kind": "entity",
                "key": ["tenant_id", "id"],
                "version": "version",
                "state": {"column": "status", "order": list(STATES)},
                "money": {"currency": "currency", "amounts": ["amount"]},
                "totals": ["amount"],
                "currency_codes": ["currency"],
                "rules": [{"check": "amount >= 0", "error": "amount is negative"}],
            },
            {
                "tenant_id": "text",
                "id": "text",
                "status": "text",
                "currency": "text",
                "amount": "numeric(20,4)",
                "version": "timestamptz",
            },
        ),
        _table(
            "settings",
            {"kind": "entity", "key": ["tenant_id", "id"]},
            {"tenant_id": "text", "id": "text", "note": "text"},
        ),
        _table(
            "spend",
            {
                "kind": "slice",
                "key": ["tenant_id", "account", "day", "id"],
                "slice": ["tenant_id", "account", "day"],
            },
            {"tenant_id": "text", "account": "text", "day": "date", "id": "text", "amount": "numeric(20,6)"},
        ),
        _table(
            "entries",
            {
                "kind": "book",
                "key": ["tenant_id", "id"],
                "event_time": "happened_at",
                "is_decision": True,
                "money": {"currency": "currency", "amounts": ["amount"]},
                "totals": ["amount"],
                "currency_codes": ["currency"],
                "indexes": [["tenant_id", "entry_type"]],
            },
            {
                "tenant_id": "text",
                "id": "text",
                "entry_type": "text",
                "currency": "text",
                "amount": "numeric(20,4)",
                "entered_by": "text",
                "reason": "text",
                "happened_at": "timestamptz",
            },
        ),
    )
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """One file: the feed that it fills, the day that it is for, and its rows."""

    feed: str
    day: int
    name: str
    rows: tuple[Row, ...]

    @property
    def landing_seq(self) -> int:
        """Landing sequence by the rule: end of the interval in epoch seconds, times 1000, plus 1."""
        return int((FIRST_DAY + timedelta(days=self.day + 1)).timestamp()) * 1000 + 1

    def land(self, settings: Settings, step: Callable[[str], None] | None = None) -> LandedFile:
        """Put the file into the landing zone."""
        text = "".join(json.dumps(row) + "\n" for row in self.rows)
        return land(
            text.encode(),
            tenant_id="acme",
            source="test",
            name=self.name,
            interval_start=FIRST_DAY + timedelta(days=self.day),
            interval_end=FIRST_DAY + timedelta(days=self.day + 1),
            feeds={self.feed: "contract"},
            file_format="jsonl",
            settings=settings,
            step=step,
        )


def entry(id_: str, day: int, amount: str) -> Row:
    """Make a row of ``entries``, of a day of January."""
    told = {"id": id_, "entry_type": "accrual", "currency": "USD", "amount": amount, "entered_by": "sokol"}
    return {**told, "reason": "posted", "happened_at": f"2026-01-0{day}T10:00:00Z"}


def content(feed: str, row: Row) -> tuple[Any, ...]:
    """Return a row's content, comparable with what the warehouse gives."""
    return tuple(row.get(column) for column in CONTRACTS[feed].names if column != "tenant_id")


def _key(feed: str, row: Row) -> tuple[Any, ...]:
    return tuple(row[column] for column in CONTRACTS[feed].key if column != "tenant_id")


def candidates(feed: str, files: Iterable[Given]) -> dict[tuple[Any, ...], set[tuple[Any, ...]]]:
    """Compute what may stand per key: one content, or several where only the row hash decides.

    A content of ``spend`` has True at its end when its row is deleted. Of ``entries`` the first file counts.
    """
    arrived: dict[tuple[Any, ...], list[tuple[Any, tuple[Any, ...]]]] = {}
    newest: dict[tuple[Any, ...], int] = {}
    for place, given in enumerate(files):
        for row in given.rows:
            rank: Any
            if feed == "touches":
                rank = _reversed(row["happened_at"])
            elif feed == "bills":
                rank = (row["version"], STATES.index(row["status"]), given.landing_seq)
            elif feed == "entries":
                rank = (-place, _reversed(row["happened_at"]))
            else:
                rank = given.landing_seq
            arrived.setdefault(_key(feed, row), []).append((rank, content(feed, row)))
            if feed == "spend":
                slice_ = (row["account"], row["day"])
                newest[slice_] = max(newest.get(slice_, 0), given.landing_seq)
    standing = {}
    for key, seen in arrived.items():
        best = max(rank for rank, _ in seen)
        contents = {c for rank, c in seen if rank == best}
        if feed == "spend":
            contents = {(*c, best < newest[key[:2]]) for c in contents}
        standing[key] = contents
    return standing


def _reversed(at: str) -> float:
    return -datetime.fromisoformat(at).timestamp()


def conflicts(files: Iterable[Given]) -> int:
    """Count the contents of ``touches`` and ``entries`` beside the standing one of their key."""
    found: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
    for given in files:
        for row in given.rows if CONTRACTS[given.feed].keeps_first else ():
            key = (given.feed, *_key(given.feed, row))
            found.setdefault(key, set()).add(content(given.feed, row))
    return sum(len(contents) - 1 for contents in found.values())


def standing(warehouse: Warehouse, feed: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Read what stands per key from the warehouse."""
    contract = CONTRACTS[feed]
    texts = []
    for column in contract.columns:
        if column.data_type == "timestamptz":
            texts.append(f"to_char({column.name} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
        elif column.data_type.startswith("numeric"):
            texts.append(f"trim_scale({column.name})::text")
        else:
            texts.append(f"{column.name}::text")
    deleted = ["_deleted"] if feed == "spend" else []
    rows = warehouse.rows(f"select {', '.join([*texts, *deleted])} from raw.{feed}")
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in rows:
        named = dict(zip([*contract.names, *deleted], row, strict=True))
        key = _key(feed, named)
        assert key not in found, f"{feed} has the key {key} twice"
        found[key] = (*content(feed, named), *(named[c] for c in deleted))
    return found


def bookkeeping(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Read what else must not depend on order: marks, landing sequences of winners, slices, conflicts."""
    found: list[tuple[Any, ...]] = []
    for feed in ("bills", "settings", "spend"):
        columns = "_key_hash, _row_hash::text, _landing_seq, _deleted"
        found += [(feed, *row) for row in warehouse.rows(f"select {columns} from raw.{feed} order by 1, 2")]
    # Of an entry that was landed twice the one that was loaded first stands, and nothing is written to it.
    found += warehouse.rows("select _key_hash, _row_hash::text from raw.entries order by 1, 2")
    found += warehouse.rows("select feed, slice, landing_seq from ops.slices order by 1, 2")
    found += warehouse.rows("select key::text, row_hash::text from ops.conflicts order by 1, 2")
    return found


def empty(settings: Settings) -> None:
    """Give the universe an empty database, since its book cannot be emptied: a copy of the prepared one."""
    name = settings.warehouse_database
    with connect("admin", settings, database="postgres") as server:
        server.execute(f"drop database if exists {name} with (force)")
        server.execute(f"create database {name} template {name}_prepared")


def every_row_is_accounted_for(warehouse: Warehouse) -> None:
    """Fail unless rows and loads explain each other: no row without its load, no load without its rows."""
    for feed in CONTRACTS:
        orphans = warehouse.value(
            f"select count(*) from raw.{feed} where _load_id not in (select load_id from ops.loads)"
        )
        assert orphans == 0, f"{orphans} rows of {feed} have no load"
        wrong = warehouse.rows(
            f"""
            select l.load_id, l.rows_loaded,
                (select count(*) from raw.{feed} r where r._load_id = l.load_id) as here,
                (select count(*) from ops.restatements x
                 where x.feed = l.feed and x.old_load_id = l.load_id) as gone,
                l.rows_tombstoned
            from ops.loads l where l.feed = '{feed}'
            """
        )
        for load_id, loaded, here, gone, tombstoned in wrong:
            said = f"load {load_id} of {feed}: {loaded} loaded, {here} stand and {gone} were restated"
            assert here + gone == loaded + tombstoned, said
    unaudited = warehouse.value(
        """
        select count(*) from raw.entries e full join ops.financial_audit a on a.key ->> 'id' = e.id
        where e.id is null or a.audit_id is null or a.decided_at <> e.happened_at
        """
    )
    assert unaudited == 0, f"{unaudited} entries and lines of the audit do not belong together"
    for table in ("quarantine", "conflicts", "restatements"):
        orphans = warehouse.value(
            f"select count(*) from ops.{table} where load_id not in (select load_id from ops.loads)"
        )
        assert orphans == 0, f"{orphans} rows of ops.{table} have no load"
