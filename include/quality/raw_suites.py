"""The checks of rows that were loaded since the last passed gate, made from the feeds' contracts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import available_timezones

from include.feeds.currencies import MINOR_UNITS
from include.quality.checks import Among, Between, Check, NoRows, NotAfter, Present, Suite
from include.warehouse import Contract

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)
"""An instant outside these years is a unit or a column mistaken."""
MANY_REFUSED = 10
"""From this many refused rows on, their share stops the line; below it is a warning."""
USUAL_LOADS = 7
"""A load's size is judged once so many earlier loads of its kind are known."""


@dataclass(frozen=True)
class Loads:
    """The loads of one feed that a gate judges.

    Args:
        after: the last load that passed; 0 before the first.
        upto: the newest committed load when the gate began.
    """

    after: int
    upto: int

    def hold(self, column: str) -> str:
        """Return the condition that a column names one of these loads."""
        return f"{column} > {self.after} and {column} <= {self.upto}"


@dataclass(frozen=True)
class Limits:
    """What the settings allow.

    Args:
        refused_share: share of a load's rows that may be in quarantine, 0 to 1.
        minutes_to_load: minutes from landing to raw after which a load is late.
    """

    refused_share: float
    minutes_to_load: int


def raw_suite(contract: Contract, loads: Loads, limits: Limits) -> Suite:
    """Make the suite of one feed: its new rows against the contract, its new loads against themselves.

    The loader has held each row to the contract already. The gate asks again, of the table and in another
    engine, so that what got in by any other way, or through a fault of the loader, stops before the marts.
    """
    checks = [
        *_row_checks(contract),
        _key_is_unique(contract),
        *_load_checks(contract, loads),
        *_refused_checks(contract, loads, limits),
        *_arrival_checks(contract, loads, limits),
    ]
    return Suite(contract.feed, _batch(contract, loads), contract.key, tuple(checks))


def _batch(contract: Contract, loads: Loads) -> str:
    """Select the new rows, in the columns that some check reads, with the latest instant a row may speak of."""
    read = {*contract.key, *contract.amounts, *contract.currency_codes, *contract.time_zones}
    read |= {column.name for column in contract.columns if column.required or column.values}
    read |= {name for rule in contract.rules for name in _columns_of(rule.check, contract)}
    read |= {column.name for column in contract.columns if column.data_type == "timestamptz"}
    read |= {name for name in (contract.cursor, contract.currency) if name}
    columns = ", ".join(f"r.{name}" for name in contract.names if name in read)
    standing = "" if contract.kind == "event" else " and not r._deleted"
    return (
        f"select {columns}, r._load_id, r._row, r._key_hash, "
        "greatest(l.interval_end, f.landed_at) + interval '2 days' as _latest "
        f"from raw.{contract.feed} r join ops.loads l on l.load_id = r._load_id "
        "join ops.landed_files f on f.file_id = l.file_id "
        f"where {loads.hold('r._load_id')}{standing}"
    )


def _row_checks(contract: Contract) -> Iterator[Check]:
    again = (
        f"the loader refuses such a row, so this one came past it or the contract was changed after: correct it at the "
        f"source and load that interval again, or replay {contract.feed} by the present contract"
    )
    for column in contract.columns:
        if column.required:
            yield Present(says=f"{column.name} is there", next_step=again, column=column.name)
        if column.values:
            yield Among(
                says=f"{column.name} is an allowed value",
                next_step=again,
                column=column.name,
                values=column.values,
            )
    for name in contract.currency_codes:
        known = tuple(MINOR_UNITS)
        yield Among(says=f"{name} is an ISO 4217 code", next_step=again, column=name, values=known)
    for name in contract.time_zones:
        zones = tuple(sorted(available_timezones()))
        yield Among(says=f"{name} is an IANA zone", next_step=again, column=name, values=zones)
    key = ", ".join(contract.key)
    for rule in contract.rules:
        shown = ", ".join(dict.fromkeys([*contract.key, *_columns_of(rule.check, contract)]))
        yield NoRows(
            says=f"no row where {rule.error}",
            next_step=again,
            query=f"select {shown} from {{batch}} where not ({rule.check})",
        )
    if contract.currency:
        units = " ".join(
            f"when {contract.currency} = '{code}' then {unit}"
            for code, unit in MINOR_UNITS.items()
            if unit != 2
        )
        for name in contract.amounts:
            yield NoRows(
                says=f"{name} has no part of a minor unit",
                next_step=again,
                query=f"select {key}, {contract.currency}, {name} from {{batch}} "
                f"where {name} <> round({name}, case {units} else 2 end)",
            )
    yield from _time_checks(contract)


def _time_checks(contract: Contract) -> Iterator[Check]:
    wrong = "look at the unit, the zone and the column of this time in the mapping, correct it and load the file again"
    for column in contract.columns:
        if column.data_type == "timestamptz":
            yield Between(
                says=f"{column.name} lies in the years {EARLIEST.year} to {LAST.year - 1}",
                next_step=wrong,
                column=column.name,
                least=EARLIEST,
                most=LAST,
            )
    told = (contract.event_time, contract.version, contract.cursor)
    for name in dict.fromkeys(name for name in told if name):
        yield NotAfter(
            says=f"{name} is no later than two days after its file",
            next_step=wrong,
            column=name,
            limit="_latest",
        )


def _key_is_unique(contract: Contract) -> Check:
    key = ", ".join(contract.key)
    return NoRows(
        says="one current row per key",
        next_step=f"two rows of one key count twice: rebuild raw.{contract.feed} from the landing zone (replay) and report it",
        query=f"select {key}, count(*) as rows, min(_load_id) as first_load, max(_load_id) as last_load "
        f"from raw.{contract.feed} where _key_hash in (select _key_hash from {{batch}}) "
        f"group by {key} having count(*) > 1",
    )


def _load_checks(contract: Contract, loads: Loads) -> Iterator[Check]:
    """Ask whether each new load's control totals are true: of its own sums, and of what the tables hold."""
    feed = contract.feed
    new = f"l.feed = '{feed}' and {loads.hold('l.load_id')}"
    lost = f"rows are lost or doubled: rebuild raw.{feed} from the landing zone (replay) and report the load"
    yield NoRows(
        says="rows read = loaded + quarantined + unchanged + conflicting",
        next_step=lost,
        query="select l.load_id, l.tenant_id, l.source, l.rows_read, l.rows_loaded, l.rows_quarantined, "
        f"l.rows_unchanged, l.rows_conflicting from ops.loads l where {new} "
        "and l.rows_read is distinct from l.rows_loaded + l.rows_quarantined + l.rows_unchanged + l.rows_conflicting",
    )
    yield NoRows(
        says="quarantine holds every refused row",
        next_step=lost,
        query="select l.load_id, l.tenant_id, l.source, l.rows_quarantined, "
        "count(q.load_id) as rows_in_quarantine "
        f"from ops.loads l left join ops.quarantine q on q.load_id = l.load_id where {new} "
        "group by l.load_id having l.rows_quarantined <> count(q.load_id)",
    )
    # A version that a load wrote stands in raw, or was put aside by the one that replaced it.
    written = (
        f"select r._load_id as load_id, count(*) as n from raw.{feed} r where {loads.hold('r._load_id')} "
        "group by r._load_id union all "
        f"select s.old_load_id, count(*) from ops.restatements s where s.feed = '{feed}' "
        f"and s.load_id > {loads.after} and {loads.hold('s.old_load_id')} group by s.old_load_id"
    )
    yield NoRows(
        says="raw holds every loaded row",
        next_step=lost,
        query="select l.load_id, l.tenant_id, l.source, l.rows_loaded + l.rows_tombstoned as rows_written, "
        "coalesce(sum(w.n), 0) as rows_found "
        f"from ops.loads l left join ({written}) w on w.load_id = l.load_id where {new} "
        "group by l.load_id having l.rows_loaded + l.rows_tombstoned <> coalesce(sum(w.n), 0)",
    )
    for amount in contract.totals:
        yield NoRows(
            says=f"raw holds the loaded {amount}",
            next_step=lost,
            query=_money_differs(contract, loads, amount),
        )


def _money_differs(contract: Contract, loads: Loads, amount: str) -> str:
    """Select the loads whose sum of an amount, by currency, is not what raw and the restatements hold of it."""
    feed = contract.feed
    currency = contract.currency or contract.currency_codes[0]
    # A row that a later pull no longer had is written again as a tombstone, and belongs to no load's money.
    return (
        f"with told as (select l.load_id, c.key as currency, (c.value ->> '{amount}')::numeric as amount "
        "from ops.loads l, jsonb_each(l.totals -> 'loaded') c "
        f"where l.feed = '{feed}' and {loads.hold('l.load_id')} and l.rows_tombstoned = 0), "
        f"found as (select load_id, currency, sum(amount) as amount from ("
        f"select r._load_id as load_id, r.{currency} as currency, sum(r.{amount}) as amount from raw.{feed} r "
        f"where {loads.hold('r._load_id')} group by 1, 2 union all "
        f"select s.old_load_id, s.old_row ->> '{currency}', sum((s.old_row ->> '{amount}')::numeric) "
        f"from ops.restatements s where s.feed = '{feed}' and s.load_id > {loads.after} "
        f"and {loads.hold('s.old_load_id')} group by 1, 2) as parts "
        "where load_id in (select load_id from ops.loads where rows_tombstoned = 0) group by 1, 2) "
        "select load_id, currency, told.amount as told, found.amount as found "
        "from told full join found using (load_id, currency) "
        "where coalesce(told.amount, 0) <> coalesce(found.amount, 0)"
    )


def _refused_checks(contract: Contract, loads: Loads, limits: Limits) -> Iterator[Check]:
    """Ask how much of each new load still waits in quarantine; rows released since do not count."""
    feed = contract.feed
    refused = (
        "select l.load_id, l.tenant_id, l.source, l.rows_read, count(*) as refused, min(q.reason) as first_reason "
        f"from ops.loads l join ops.quarantine q on q.load_id = l.load_id and q.released_load_id is null "
        f"where l.feed = '{feed}' and {loads.hold('l.load_id')} "
        f"group by l.load_id having count(*) > {limits.refused_share} * l.rows_read"
    )
    look = (
        f"see `python -m include.feeds quarantine --feed {feed}`; correct the mapping and load again, or release the "
        f"rows; to go on without them: `python -m include.quality accept --feed {feed} --reason …`"
    )
    share = f"{limits.refused_share:.1%}"
    yield NoRows(
        says=f"at most {share} of a load is refused",
        next_step=look,
        query=f"{refused} and count(*) >= {MANY_REFUSED}",
    )
    yield NoRows(
        says=f"at most {share} of a small load is refused",
        next_step=look,
        severity="warning",
        query=f"{refused} and count(*) < {MANY_REFUSED}",
    )


def _arrival_checks(contract: Contract, loads: Loads, limits: Limits) -> Iterator[Check]:
    """Ask whether loads come in time, without gaps and in their usual size; the answers are warnings."""
    new = f"l.feed = '{contract.feed}' and {loads.hold('l.load_id')}"
    yield NoRows(
        says=f"loaded within {limits.minutes_to_load} minutes of landing",
        next_step="see why the load waited: `airflow dags list-runs`, or the loader's lock",
        severity="warning",
        query="select l.load_id, l.tenant_id, l.source, f.landed_at, l.finished_at "
        f"from ops.loads l join ops.landed_files f on f.file_id = l.file_id where {new} "
        f"and l.finished_at - f.landed_at > interval '{limits.minutes_to_load} minutes'",
    )
    yield NoRows(
        says="no stretch of time is missing before a load",
        next_step="backfill the missing intervals of that source",
        severity="warning",
        query="select l.load_id, l.tenant_id, l.source, before.interval_end as covered_to, l.interval_start as goes_on_at "
        "from ops.loads l cross join lateral ("
        "select max(e.interval_end) as interval_end from ops.loads e "
        "where e.feed = l.feed and e.tenant_id = l.tenant_id and e.source = l.source and e.load_id <> l.load_id "
        f"and e.interval_start < l.interval_start and e.load_id <= {loads.upto}) as before "
        f"where {new} and l.interval_start - before.interval_end > 3 * (l.interval_end - l.interval_start)",
    )
    yield NoRows(
        says="a load has about as many rows as those before it",
        next_step="ask the source whether the file is whole; a real peak or pause needs nothing",
        severity="warning",
        query="select l.load_id, l.tenant_id, l.source, l.rows_read, usual.rows as usual_rows "
        "from ops.loads l cross join lateral ("
        "select count(*) as loads, percentile_cont(0.5) within group (order by e.rows_read) as rows from ("
        "select rows_read from ops.loads e where e.feed = l.feed and e.tenant_id = l.tenant_id "
        "and e.source = l.source and e.load_id < l.load_id "
        "and e.interval_end - e.interval_start between (l.interval_end - l.interval_start) * 0.9 "
        "and (l.interval_end - l.interval_start) * 1.1 order by e.load_id desc limit 28) as e) as usual "
        f"where {new} and usual.loads >= {USUAL_LOADS} and abs(l.rows_read - usual.rows) > 50 "
        "and (l.rows_read > 5 * usual.rows or l.rows_read * 5 < usual.rows)",
    )


def _columns_of(expression: str, contract: Contract) -> list[str]:
    """Return the contract's columns that a rule names, in the rule's order."""
    words = re.findall(r"[a-z_][a-z0-9_]*", expression)
    return list(dict.fromkeys(word for word in words if word in contract.names))
