"""The checks of what was loaded since the last passed gate, made from the feeds' contracts."""

import re
from collections.abc import Iterator, Mapping, Sequence
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
LOADS = "loads"
"""Name of the suite of the loads themselves."""
USUAL_LOADS = 7
"""A load's size is judged once so many earlier loads of its kind are known."""

_PLACE = ("_load_id", "_row")
_LOAD = "feed, load_id, tenant_id, source"


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


def raw_suite(contract: Contract, loads: Loads) -> Suite:
    """Make the suite of one feed's new rows against its contract.

    The loader has held each row to the contract already. The gate asks again, of the table and in another
    engine, so that what got in by any other way, or through a fault of the loader, stops before the marts.
    """
    checks = [*_row_checks(contract), *_time_checks(contract), _key_is_unique(contract, loads)]
    return Suite(contract.feed, _batch(contract, loads), (*contract.key, *_PLACE), tuple(checks))


def loads_suite(
    contracts: Mapping[str, Contract], loads: Mapping[str, Loads], limits: Mapping[str, Limits]
) -> Suite:
    """Make the suite of all new loads: their control totals, what they refused, and how they came.

    Args:
        contracts: the contracts by feed.
        loads: the new loads of each feed that has some.
        limits: what is allowed, of each of these feeds.
    """
    new = ", ".join(
        f"('{feed}', {span.after}, {span.upto}, {limits[feed].refused_share}, {limits[feed].minutes_to_load})"
        for feed, span in loads.items()
    )
    batch = (
        "select l.feed, l.load_id, l.tenant_id, l.source, l.interval_start, l.interval_end, l.rows_read, "
        "l.rows_loaded, l.rows_quarantined, l.rows_unchanged, l.rows_conflicting, l.rows_tombstoned, "
        "l.finished_at, f.landed_at, n.refused_share, n.minutes_to_load "
        f"from (values {new}) as n (feed, first, last, refused_share, minutes_to_load) "
        "join ops.loads l on l.feed = n.feed and l.load_id > n.first and l.load_id <= n.last "
        "join ops.landed_files f on f.file_id = l.file_id"
    )
    feeds = [(contracts[feed], span) for feed, span in loads.items()]
    checks = [*_totals_checks(feeds), *_refused_checks(), *_arrival_checks()]
    return Suite(LOADS, batch, ("feed", "load_id"), tuple(checks))


def _batch(contract: Contract, loads: Loads) -> str:
    """Select the new rows, in the columns that some check reads, and the latest instant they may speak of."""
    read = {*contract.key, *contract.amounts, *contract.currency_codes, *contract.time_zones}
    read |= {column.name for column in contract.columns if column.required or column.values}
    read |= {name for rule in contract.rules for name in _columns_of(rule.check, contract)}
    read |= {column.name for column in contract.columns if column.data_type == "timestamptz"}
    read |= {name for name in (contract.cursor, contract.currency) if name}
    columns = ", ".join(f"r.{name}" for name in contract.names if name in read)
    standing = "" if contract.keeps_first else " and not r._deleted"
    return (
        f"select {columns}, r._load_id, r._row, r._key_hash, "
        "greatest(l.interval_end, f.landed_at) + interval '2 days' as _latest "
        f"from raw.{contract.feed} r join ops.loads l on l.load_id = r._load_id "
        "join ops.landed_files f on f.file_id = l.file_id "
        f"where {loads.hold('r._load_id')}{standing}"
    )


def _row_checks(contract: Contract) -> Iterator[Check]:
    again = (
        "the loader refuses such a row, so it came past the loader or the contract changed since: correct it "
        f"at the source and load that interval again, or replay {contract.feed} by the present contract"
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
    for rule in contract.rules:
        shown = ", ".join(dict.fromkeys([*contract.key, *_columns_of(rule.check, contract), *_PLACE]))
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
        shown = ", ".join([*contract.key, *_PLACE, contract.currency])
        for name in contract.amounts:
            yield NoRows(
                says=f"{name} has no part of a minor unit",
                next_step=again,
                query=f"select {shown}, {name} from {{batch}} "
                f"where {name} <> round({name}, case {units} else 2 end)",
            )


def _time_checks(contract: Contract) -> Iterator[Check]:
    wrong = "look at unit, zone and column of this time in the mapping, correct it and load the file again"
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


def _key_is_unique(contract: Contract, loads: Loads) -> Check:
    key = ", ".join(contract.key)
    # Where all rows are new there is none to leave out.
    new = "_key_hash in (select _key_hash from {batch})" if loads.after else "exists (select 1 from {batch})"
    return NoRows(
        says="one current row per key",
        next_step=f"these rows count twice: rebuild raw.{contract.feed} from the landing zone (replay)",
        query=f"select {key}, count(*) as rows, min(_load_id) as first_load, max(_load_id) as last_load "
        f"from raw.{contract.feed} where _key_hash in (select _key_hash from raw.{contract.feed} "
        f"where {new} group by _key_hash having count(*) > 1) "
        f"group by {key} having count(*) > 1",
    )


def _totals_checks(feeds: Sequence[tuple[Contract, Loads]]) -> Iterator[Check]:
    """Ask whether control totals are true: of their own sum, and of what the tables hold."""
    lost = "rows are lost or doubled: rebuild that feed from the landing zone (replay) and report the load"
    yield NoRows(
        says="rows read = loaded + quarantined + unchanged + conflicting",
        next_step=lost,
        query=f"select {_LOAD}, rows_read, rows_loaded, rows_quarantined, rows_unchanged, rows_conflicting "
        "from {batch} where rows_read is distinct from "
        "rows_loaded + rows_quarantined + rows_unchanged + rows_conflicting",
    )
    yield NoRows(
        says="quarantine holds every refused row",
        next_step=lost,
        query=f"select {_LOAD}, rows_quarantined, found.rows as rows_in_quarantine from {{batch}} b "
        "cross join lateral "
        "(select count(*) as rows from ops.quarantine q where q.load_id = b.load_id) as found "
        "where rows_quarantined <> found.rows",
    )
    written = " union all ".join(_written(contract, span) for contract, span in feeds)
    yield NoRows(
        says="raw holds every loaded row",
        next_step=lost,
        query=f"select {_LOAD}, rows_loaded + rows_tombstoned as rows_written, "
        "coalesce(rows, 0) as rows_found from {batch} left join (select load_id, sum(n) as rows "
        f"from ({written}) as parts group by load_id) as found using (load_id) "
        "where rows_loaded + rows_tombstoned <> coalesce(rows, 0)",
    )
    moneyed = [_money(contract, span, name) for contract, span in feeds for name in contract.totals]
    if moneyed:
        yield NoRows(
            says="raw holds the loaded money",
            next_step=lost,
            query=_money_differs(" union all ".join(moneyed)),
        )


def _written(contract: Contract, loads: Loads) -> str:
    """Count the row versions that each load wrote: what stands in raw, and what later loads put aside."""
    feed = contract.feed
    return (
        f"select r._load_id as load_id, count(*) as n from raw.{feed} r where {loads.hold('r._load_id')} "
        "group by r._load_id union all "
        f"select s.old_load_id, count(*) from ops.restatements s where s.feed = '{feed}' "
        f"and s.load_id > {loads.after} and {loads.hold('s.old_load_id')} group by s.old_load_id"
    )


def _money(contract: Contract, loads: Loads, amount: str) -> str:
    """Sum an amount by load and currency, over what stands in raw and what later loads put aside."""
    feed = contract.feed
    currency = contract.currency or contract.currency_codes[0]
    return (
        f"select '{amount}' as measure, r._load_id as load_id, r.{currency} as currency, "
        f"sum(r.{amount}) as amount from raw.{feed} r where {loads.hold('r._load_id')} group by 2, 3 "
        "union all "
        f"select '{amount}', s.old_load_id, s.old_row ->> '{currency}', "
        f"sum((s.old_row ->> '{amount}')::numeric) from ops.restatements s where s.feed = '{feed}' "
        f"and s.load_id > {loads.after} and {loads.hold('s.old_load_id')} group by 2, 3"
    )


def _money_differs(found: str) -> str:
    # A row that a later pull no longer had is written again as a tombstone, and belongs to no load's money.
    return (
        "with told as (select b.load_id, c.key as currency, m.key as measure, m.value::numeric as amount "
        "from {batch} b join ops.loads l on l.load_id = b.load_id "
        "cross join lateral jsonb_each(l.totals -> 'loaded') c cross join lateral jsonb_each_text(c.value) m "
        "where b.rows_tombstoned = 0), "
        "found as (select load_id, currency, measure, sum(amount) as amount "
        f"from ({found}) as parts group by 1, 2, 3) "
        f"select {_LOAD}, measure, currency, told.amount as told, found.amount as found "
        "from told full join found using (load_id, currency, measure) join {batch} b using (load_id) "
        "where b.rows_tombstoned = 0 and coalesce(told.amount, 0) <> coalesce(found.amount, 0)"
    )


def _refused_checks() -> Iterator[Check]:
    """Ask how much of each new load still waits in quarantine; rows released since do not count."""
    refused = (
        f"select {_LOAD}, rows_read, q.refused, q.first_reason from {{batch}} b cross join lateral ("
        "select count(*) as refused, min(reason) as first_reason from ops.quarantine q "
        "where q.load_id = b.load_id and q.released_load_id is null) as q "
        "where q.refused > b.refused_share * b.rows_read"
    )
    look = (
        "see `python -m include.feeds quarantine`; correct the mapping and load again, or release the rows; "
        "to go on without them: `python -m include.quality accept raw --feed … --reason …`"
    )
    yield NoRows(
        says="few rows of a load are refused",
        next_step=look,
        query=f"{refused} and q.refused >= {MANY_REFUSED}",
    )
    yield NoRows(
        says="few rows of a small load are refused",
        next_step=look,
        severity="warning",
        query=f"{refused} and q.refused < {MANY_REFUSED}",
    )


def _arrival_checks() -> Iterator[Check]:
    """Ask whether loads come in time, without gaps and in their usual size; the answers are warnings."""
    yield NoRows(
        says="loaded soon after landing",
        next_step="see why the load waited: `airflow dags list-runs`, or another load's lock",
        severity="warning",
        query=f"select {_LOAD}, landed_at, finished_at from {{batch}} "
        "where finished_at - landed_at > minutes_to_load * interval '1 minute'",
    )
    yield NoRows(
        says="no stretch of time is missing before a load",
        next_step="backfill the missing intervals of that source",
        severity="warning",
        query=f"select {_LOAD}, covered.upto as covered_to, interval_start as goes_on_at "
        "from {batch} b cross join lateral (select max(e.interval_end) as upto from ops.loads e "
        "where e.feed = b.feed and e.tenant_id = b.tenant_id and e.source = b.source "
        "and e.interval_start < b.interval_start) as covered "
        "where interval_start - covered.upto > 3 * (interval_end - interval_start)",
    )
    yield NoRows(
        says="a load has about as many rows as those before it",
        next_step="ask the source whether the file is whole; a real peak or pause needs nothing",
        severity="warning",
        query=f"select {_LOAD}, rows_read, usual.rows as usual_rows from {{batch}} b cross join lateral ("
        "select count(*) as loads, percentile_cont(0.5) within group (order by e.rows_read) as rows from ("
        "select rows_read from ops.loads e where e.feed = b.feed and e.tenant_id = b.tenant_id "
        "and e.source = b.source and e.load_id < b.load_id "
        "and e.interval_end - e.interval_start between (b.interval_end - b.interval_start) * 0.9 "
        "and (b.interval_end - b.interval_start) * 1.1 order by e.load_id desc limit 28) as e) as usual "
        f"where usual.loads >= {USUAL_LOADS} and abs(b.rows_read - usual.rows) > 50 "
        "and (b.rows_read > 5 * usual.rows or b.rows_read * 5 < usual.rows)",
    )


def _columns_of(expression: str, contract: Contract) -> list[str]:
    """Return the contract's columns that a rule names, in the rule's order."""
    words = re.findall(r"[a-z_][a-z0-9_]*", expression)
    return list(dict.fromkeys(word for word in words if word in contract.names))
