"""Load a landed file into a feed: validate in DuckDB, write in one transaction under the feed's lock."""

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from include.feeds.landing import LandedFile, fetch, manifests
from include.feeds.mapping import Mapping as SqlMapping
from include.feeds.mapping import MappingError, describe, find_mapping, set_variables
from include.feeds.merge import (
    Merged,
    Target,
    bump_identical,
    choose_target,
    copy_columns,
    finish_target,
    merge_incoming,
    note_slices,
    order_columns,
    set_defaults,
    slice_text,
    standing_tables,
)
from include.feeds.records import Records, open_records
from include.feeds.validation import Validation, build, storable_json
from include.settings import Settings, get_settings
from include.warehouse.contracts import Contract, load_contracts
from include.warehouse.postgres import Warehouse

Step = Callable[[str], None]

STEPS = (
    "landing written",
    "landing renamed",
    "manifest written",
    "parsed",
    "validated",
    "locked",
    "probed",
    "copied",
    "merged",
    "indexed",
    "quarantined",
    "recorded",
    "committed",
)
"""Names of the boundaries that landing and loading pass, in their order; tests kill the process at each."""


KEEP_ROWS = 300_000
"""Up to so many records the rows of a file are kept while it is loaded; beyond, they are computed again."""

_SPECIAL = "select _row from special_rows"

_NO_REFUSED = """
create or replace temp table refused (
    _row bigint, reasons struct("column" varchar, "value" varchar, reason varchar)[], given varchar
)
"""


@dataclass(frozen=True)
class LoadResult:
    """What one load did; ``skipped`` when this file stood already by the same mapping and contract."""

    feed: str
    path: str
    load_id: int | None
    skipped: bool
    records_read: int = 0
    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_unchanged: int = 0
    rows_conflicting: int = 0
    rows_tied: int = 0
    rows_superseded: int = 0
    rows_tombstoned: int = 0


@dataclass(frozen=True)
class Staged:
    """A file's rows of one feed, typed and judged in DuckDB, before anything is written.

    The DuckDB session has ``keyed`` (``_row``, ``_h``, ``_cursor`` of all rows; ``_h`` is null where a row is
    refused) and, when there are any, ``refused`` (the typed columns, ``_row``, ``reasons``, ``given``).
    """

    records: Records
    contract: Contract
    validation: Validation
    rows: int
    refused: int
    is_kept: bool

    def judged(self, condition: str = "true") -> str:
        """Return a select of the typed and judged rows whose ``_row`` meets a condition."""
        if self.is_kept:
            return f"select * from judged where {condition}"
        return self.validation.judged(condition)

    def clean(self, condition: str = "true", *, known_good: bool = False) -> str:
        """Return a select of the rows that may load: typed, with the hashes ``_h`` of the key and ``_rh``.

        Args:
            condition: over ``_row``.
            known_good: True when the condition leaves refused rows out already.
        """
        good = "true" if known_good else "not _bad"
        return f"""
            select {", ".join(self.contract.names)}, _row, _extra, _deleted,
                {self.validation.key_hash} as _h, {self.validation.row_hash} as _rh
            from ({self.judged(condition)}) where {good}
        """

    @property
    def duck(self) -> duckdb.DuckDBPyConnection:
        """The session that holds the rows."""
        return self.records.duck


def stage(records: Records, contract: Contract, mapping: SqlMapping) -> Staged:
    """Run a mapping over an open file and judge its rows against the contract; writes nothing.

    Args:
        records: the open file, its variables set.
        contract: the feed's contract.
        mapping: the select to run.

    Raises:
        MappingError: when the mapping cannot be used.
    """
    duck = records.duck
    validation = build(
        contract, mapping.sql, describe(duck, mapping, contract), may_hold_nul=records.may_hold_nul
    )
    # Planning the mapping costs more than running it over a small file, so that it is run once; the rows of a
    # large file would not fit beside its records, so that they are computed again where they are needed.
    kind = "table" if records.count <= KEEP_ROWS else "view"
    try:
        duck.execute(f"create or replace temp {kind} judged as {validation.judged()}")
    except duckdb.Error as error:
        raise MappingError(
            f"mapping {mapping.name} to {contract.feed} over {records.name}: {error}"
        ) from error
    cursor = contract.cursor or "null::varchar"
    duck.execute(
        f"""
        create or replace temp table keyed as
        select _row, case when not _bad then {validation.key_hash} end as _h,
            case when not _bad then {cursor} end as _cursor
        from judged
        """
    )
    [(rows, good, numbered)] = duck.execute("select count(*), count(_h), count(_row) from keyed").fetchall()
    if numbered < rows:
        raise MappingError(
            f"mapping {mapping.name} to {contract.feed}: _row is null in {rows - numbered} rows"
        )
    staged = Staged(records, contract, validation, rows, rows - good, kind == "table")
    duck.execute("create or replace temp table bad_rows as select distinct _row from keyed where _h is null")
    if good < rows:
        duck.execute(
            f"""
            create or replace temp table refused as
            select *, {validation.reasons} as reasons, {validation.given} as given
            from ({staged.judged("_row in (select _row from bad_rows)")}) where _bad
            """
        )
    return staged


@contextmanager
def open_landed(landed: LandedFile, settings: Settings | None = None) -> Iterator[Records]:
    """Open a landed file for staging: its records, with the variables that its mappings may use.

    Raises:
        LandingError: when the file is gone or damaged.
        FileError: when it cannot be read as what its manifest says.
    """
    settings = settings or get_settings()
    spill = settings.home / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=spill) as folder:
        path = fetch(landed, Path(folder) / "file", settings)
        name = f"{landed.tenant_id}/{landed.source}: {landed.name}"
        with open_records(
            path, landed.format, name=name, options=landed.options, settings=settings
        ) as records:
            set_variables(
                records.duck,
                tenant_id=landed.tenant_id,
                source=landed.source,
                time_zone=landed.time_zone,
                interval_start=landed.interval_start,
                interval_end=landed.interval_end,
            )
            yield records


def register_file(warehouse: Warehouse, landed: LandedFile) -> int:
    """Mirror a manifest into ``ops.landed_files``; returns the file's id there."""
    columns = (
        "tenant_id, source, path, name, interval_start, interval_end, sequence, landing_seq, sha256, bytes, "
        "delivery_id, landed_at"
    )
    values = [getattr(landed, column.strip()) for column in columns.split(",")]
    found = warehouse.value("select file_id from ops.landed_files where path = %s", [landed.path])
    if found is None:
        marks = ", ".join(["%s"] * len(values))
        warehouse.execute(
            f"insert into ops.landed_files ({columns}) values ({marks}) on conflict (path) do nothing", values
        )
        found = warehouse.value("select file_id from ops.landed_files where path = %s", [landed.path])
    return int(found)


def load_file(
    warehouse: Warehouse,
    landed: LandedFile,
    feed: str,
    mapping: SqlMapping | None = None,
    *,
    settings: Settings | None = None,
    contracts: Mapping[str, Contract] | None = None,
    records: Records | None = None,
    step: Step | None = None,
) -> LoadResult:
    """Load one landed file into one feed, exactly once.

    Args:
        warehouse: a connection as the loader.
        landed: the file.
        feed: the feed to fill.
        mapping: the select to use; found by the manifest when left out.
        settings: memory, folders.
        contracts: the contracts; the project's when left out.
        records: the file, when the caller has it open already (several feeds of one file).
        step: called with the name of each boundary passed (``STEPS``).

    Returns:
        The control totals. ``skipped`` when the same file was loaded by the same mapping and contract.

    Raises:
        FileError: when the file cannot be read at all.
        MappingError: when the mapping cannot be used.
        LandingError: when the landed file is gone or damaged.
    """
    settings = settings or get_settings()
    contract = (load_contracts() if contracts is None else contracts)[feed]
    mapping = mapping or find_mapping(contract, landed.feeds[feed], landed.registration, settings)
    step = step or (lambda _: None)
    file_id = register_file(warehouse, landed)
    if found := _done_before(warehouse, file_id, feed, mapping, contract):
        return LoadResult(feed, landed.path, found, skipped=True)
    with ExitStack() as stack:
        started = datetime.now(UTC)
        records = records or stack.enter_context(open_landed(landed, settings))
        step("parsed")
        staged = stage(records, contract, mapping)
        step("validated")
        with warehouse.transaction():
            warehouse.lock(f"sokol:feed:{feed}")
            if found := _done_before(warehouse, file_id, feed, mapping, contract):
                return LoadResult(feed, landed.path, found, skipped=True)
            load_id = int(warehouse.value("select nextval('ops.load_id_seq')"))
            step("locked")
            result = _Load(
                warehouse,
                staged,
                landed=landed,
                mapping=mapping,
                load_id=load_id,
                file_id=file_id,
                started=started,
                step=step,
            ).run()
        step("committed")
    return result


def load_landed(
    warehouse: Warehouse,
    landed: LandedFile,
    *,
    settings: Settings | None = None,
    contracts: Mapping[str, Contract] | None = None,
    step: Step | None = None,
) -> list[LoadResult]:
    """Load a landed file into all feeds that its manifest names, reading it once.

    Raises:
        As ``load_file``.
    """
    settings = settings or get_settings()
    known = load_contracts() if contracts is None else contracts
    file_id = register_file(warehouse, landed)
    results: list[LoadResult] = []
    open_feeds: list[tuple[str, SqlMapping]] = []
    for feed in landed.feeds:
        mapping = find_mapping(known[feed], landed.feeds[feed], landed.registration, settings)
        if found := _done_before(warehouse, file_id, feed, mapping, known[feed]):
            results.append(LoadResult(feed, landed.path, found, skipped=True))
        else:
            open_feeds.append((feed, mapping))
    if not open_feeds:
        return results
    with open_landed(landed, settings) as records:
        for feed, mapping in open_feeds:
            options: dict[str, Any] = {
                "settings": settings,
                "contracts": known,
                "records": records,
                "step": step,
            }
            results.append(load_file(warehouse, landed, feed, mapping, **options))
    return results


def load_pending(
    warehouse: Warehouse,
    *,
    settings: Settings | None = None,
    contracts: Mapping[str, Contract] | None = None,
    tenant_id: str | None = None,
    source: str | None = None,
    feeds: Sequence[str] | None = None,
    step: Step | None = None,
) -> list[LoadResult]:
    """Load whatever is landed and not loaded by the present mappings and contracts.

    Args:
        warehouse: a connection as the loader.
        settings: where the landing zone and the mappings are.
        contracts: the contracts; the project's when left out.
        tenant_id: only this tenant's files.
        source: only this source's files.
        feeds: only these feeds.
        step: called with the name of each boundary passed.

    Returns:
        A result per file and feed that was loaded now; what stood already is not listed.
    """
    settings = settings or get_settings()
    folder = f"{tenant_id}/{source}" if tenant_id and source else (tenant_id or "")
    results: list[LoadResult] = []
    known = load_contracts() if contracts is None else contracts
    by_sequence = sorted(manifests(settings, folder), key=lambda m: (m.landing_seq, m.path))
    for landed in in_order(by_sequence, known):
        if source and landed.source != source:
            continue
        wanted = {feed: name for feed, name in landed.feeds.items() if feeds is None or feed in feeds}
        if not wanted:
            continue
        only = landed if wanted == dict(landed.feeds) else _with_feeds(landed, wanted)
        done = load_landed(warehouse, only, settings=settings, contracts=known, step=step)
        results += [result for result in done if not result.skipped]
    return results


def in_order(files: Iterable[LandedFile], contracts: Mapping[str, Contract]) -> list[LandedFile]:
    """Put the files of books first, as they were landed: what stood first must stand again.

    Args:
        files: landed files in the order in which the others are to be loaded.
        contracts: the contracts.
    """
    books = {feed for feed, contract in contracts.items() if contract.kind == "book"}
    return sorted(files, key=lambda m: (0, m.landed_at, m.path) if books & m.feeds.keys() else (1,))


def _with_feeds(landed: LandedFile, feeds: Mapping[str, str]) -> LandedFile:
    return LandedFile(**{**landed.__dict__, "feeds": feeds})


def _done_before(
    warehouse: Warehouse, file_id: int, feed: str, mapping: SqlMapping, contract: Contract
) -> int | None:
    found = warehouse.value(
        """
        select load_id from ops.loads
        where file_id = %s and feed = %s and mapping_version = %s and contract_version = %s
        """,
        [file_id, feed, mapping.version, contract.digest],
    )
    return None if found is None else int(found)


class _Load:
    """One load's transaction, from the lock to the row in ``ops.loads``."""

    def __init__(
        self,
        warehouse: Warehouse,
        staged: Staged,
        *,
        landed: LandedFile,
        mapping: SqlMapping,
        load_id: int,
        file_id: int,
        started: datetime,
        step: Step,
    ) -> None:
        self.warehouse = warehouse
        self.staged = staged
        self.duck = staged.duck
        self.contract = staged.contract
        self.landed = landed
        self.mapping = mapping
        self.load_id = load_id
        self.file_id = file_id
        self.started = started
        self.step = step
        self.specials = ""

    def run(self) -> LoadResult:
        """Do the load and return its control totals."""
        warehouse, contract, staged = self.warehouse, self.contract, self.staged
        self._find_met_keys()
        self.step("probed")
        self._set_aside_special_rows()
        [(plain, special)] = self.duck.execute(
            f"select count(*) filter (not set_aside), count(*) filter (set_aside) "
            f"from (select _row in ({_SPECIAL}) as set_aside from keyed)"
        ).fetchall()
        self._keep_special_rows(special)
        target = choose_target(warehouse, contract, plain)
        streamed = self._append_plain_rows(target) if plain else 0
        if streamed != plain:
            raise RuntimeError(
                f"{self.landed.name} to {contract.feed}: the mapping {self.mapping.name} gave {plain} rows, "
                f"then {streamed}; a mapping must give the same rows each time (no random(), no now())"
            )
        self.step("copied")
        outcome = self._merge_special_rows(target)
        self.step("merged")
        finish_target(warehouse, contract, target, streamed + outcome.inserted)
        self.step("indexed")
        quarantined = staged.refused + staged.records.broken
        self._quarantine()
        self.step("quarantined")
        result = self._record(streamed, quarantined, outcome)
        self.step("recorded")
        return result

    def _find_met_keys(self) -> None:
        """Make ``met``: the key hashes of this file that stand in the warehouse already."""
        self.duck.execute("create or replace temp table met (_h bigint)")
        if self.contract.kind == "slice":
            return
        tables = standing_tables(self.warehouse, self.contract)
        if not tables:
            return
        self.warehouse.execute("create temp table _probe (h bigint) on commit drop")
        self._send("select distinct _h from keyed where _h is not null order by 1", "_probe", ["h"])
        self.warehouse.execute("analyze _probe")
        # Both sides come in the order of the hash: looking up or merging, whichever is less, beats hashing.
        self.warehouse.execute("set local work_mem = '128MB'; set local enable_hashjoin = off")
        for table in tables:
            found = f"select h from _probe p where exists (select from {table} r where r._key_hash = p.h)"
            self._receive(found, "met")
        self.warehouse.execute("set local enable_hashjoin = on")

    def _set_aside_special_rows(self) -> None:
        """Make ``special_rows``: records whose rows cannot simply be appended.

        These are rows that are refused, whose key comes twice in the file or stands already; of a slice, all.
        A record is set aside with all rows that the mapping makes of it, so that records need no other name.
        """
        if self.contract.kind == "slice":
            self.duck.execute("create or replace temp table special_rows as select distinct _row from keyed")
            return
        self.duck.execute(
            """
            create or replace temp table special_rows as
            with doubled as (select _h from keyed where _h is not null group by _h having count(*) > 1)
            select distinct _row from keyed
            where _h is null or _h in (select _h from doubled) or _h in (select _h from met)
            """
        )

    def _keep_special_rows(self, count: int) -> None:
        """Compute the rows that were set aside once, unless they are too many to keep."""
        self.specials = f"({self.staged.clean(f'_row in ({_SPECIAL})')})"
        if count <= KEEP_ROWS:
            self.duck.execute(f"create or replace temp table specials as from {self.specials}")
            self.specials = "specials"

    def _append_plain_rows(self, target: Target) -> int:
        source = self.staged.clean(f"_row not in ({_SPECIAL})", known_good=True)
        columns = self._columns()
        left_out = {"_extra"} if not self.staged.validation.has_extra else set()
        if self.contract.kind == "entity" and not self.staged.validation.has_deleted:
            left_out.add("_deleted")
        if target.is_fresh:
            # What is the same in every row of a table of this load's own is no use in its stream.
            fixed = {c: columns[c] for c in ("_load_id", "_file_id", "_landing_seq")}
            fixed["tenant_id"] = _text(self.landed.tenant_id)
            left_out |= set(fixed)
            set_defaults(self.warehouse, target, fixed)
        sent = {name: value for name, value in columns.items() if name not in left_out}
        select = f"select {', '.join(sent.values())} from ({source})"
        count = self._send(select, target.table, list(sent), freeze=target.is_fresh)
        if target.is_fresh:
            set_defaults(self.warehouse, target, dict.fromkeys(fixed))
        return count

    def _columns(self) -> dict[str, str]:
        """Return what the warehouse's columns are filled with."""
        columns = {name: name for name in self.contract.names} | {
            "_load_id": str(self.load_id),
            "_file_id": str(self.file_id),
            "_row": "_row",
            "_landing_seq": str(self.landed.landing_seq),
            "_key_hash": "_h",
            "_row_hash": "_rh",
            "_extra": "_extra",
        }
        return columns if self.contract.keeps_first else columns | {"_deleted": "_deleted"}

    def _merge_special_rows(self, target: Target) -> "_Outcome":
        """Decide the rows that were set aside, first among themselves, then against the standing ones."""
        duck, contract = self.duck, self.contract
        currency = contract.currency or (contract.currency_codes[0] if contract.currency_codes else None)
        amounts = "".join(f", {c}" for c in contract.totals)
        duck.execute(
            f"""
            create or replace temp table suspects as
            select _row, _h, _rh, {currency or "''"} as _currency{amounts}
            from {self.specials}
            """
        )
        for table in ("stands", "lost"):
            duck.execute(f"create or replace temp table {table} (_rh varchar)")
        [(suspects,)] = duck.execute("select count(*) from suspects").fetchall()
        if not suspects and contract.kind != "slice":
            return _Outcome(0, 0, 0, 0, 0, 0, 0)
        duck.execute("create or replace temp table same (_h bigint, _rh varchar)")
        if contract.kind != "slice":
            self._drop_what_stands()
        order = ", ".join(f"{part} desc" for part in order_columns(contract)).replace("{0}.", "")
        if contract.keeps_first:
            order = f"{contract.event_time}, _rh"
        else:
            order = f"{order}, _rh desc" if order else "_rh desc"
        # Of each content one row; then of each key the winner, by the order that decides there too.
        duck.execute(
            f"""
            create or replace temp table contenders as
            with chosen as (
                select _rh, min(_row) as _row from suspects
                where _rh not in (select _rh from same) group by _rh
            ),
            rows as (
                select c.* from {self.specials} c join chosen using (_rh, _row)
                qualify row_number() over (partition by _rh) = 1
            )
            select *,
                row_number() over (partition by _h, {", ".join(contract.key)} order by {order}) as _place
            from rows
            """
        )
        [(contenders, losers)] = duck.execute(
            "select count(*), count(*) filter (_place > 1) from contenders"
        ).fetchall()
        merged = Merged(0, 0, 0, 0, 0, (), ())
        if contenders or contract.kind == "slice":
            merged = self._compare(target)
        if contract.keeps_first and losers:
            self._note_conflicts()
        ties = self._ties_in_file() if losers else 0
        conflicting = losers + merged.lost if contract.keeps_first else 0
        superseded = losers + merged.lost if not contract.keeps_first else 0
        if merged.loaded:
            duck.execute("insert into stands select unnest(?)", [list(merged.loaded)])
        if contract.keeps_first:
            duck.execute("insert into lost select _rh from contenders where _place > 1")
            if merged.lost_hashes:
                duck.execute("insert into lost select unnest(?)", [list(merged.lost_hashes)])
        loaded = merged.inserted + merged.replaced
        return _Outcome(
            inserted=merged.inserted,
            loaded=loaded,
            unchanged=suspects - loaded - conflicting,
            conflicting=conflicting,
            superseded=superseded,
            tied=merged.tied + ties,
            tombstoned=merged.tombstoned,
        )

    def _drop_what_stands(self) -> None:
        """Make ``same``: contents of this file that stand in the warehouse to the letter."""
        [(met,)] = self.duck.execute("select count(*) from met").fetchall()
        if not met:
            return
        self.warehouse.execute("create temp table _narrow (h bigint, rh uuid) on commit drop")
        narrow = "select distinct _h, _rh from suspects where _h in (select _h from met) order by 1"
        self._send(narrow, "_narrow", ["h", "rh"])
        self.warehouse.execute("analyze _narrow")
        bump_identical(self.warehouse, self.contract, self.landed.landing_seq)
        self._receive("select h, replace(rh::text, '-', '') from _same", "same")

    def _compare(self, target: Target) -> Merged:
        columns = copy_columns(self.contract)
        typed = ", ".join(columns)
        self.warehouse.execute(
            f"""
            create temp table _incoming on commit drop as
            select {typed}, true as _may_force from raw.{self.contract.feed} with no data
            """
        )
        force = f"{str(self.landed.kind == 'data').lower()} and _h not in (select _h from same)"
        source = f"select {', '.join(self._columns().values())}, {force} from contenders where _place = 1"
        self._send(source, "_incoming", [*columns, "_may_force"])
        if self.contract.kind == "slice":
            self._send_slices()
        return merge_incoming(
            self.warehouse,
            self.contract,
            target,
            load_id=self.load_id,
            file_id=self.file_id,
            landing_seq=self.landed.landing_seq,
        )

    def _send_slices(self) -> None:
        """Tell the warehouse which slices this pull covers, and note it as their newest where it is."""
        contract, columns, clean = self.contract, self.contract.slice, self.staged.clean()
        self.warehouse.execute("create temp table _slices (tenant_id text, slice text) on commit drop")
        typed = ", ".join(f"{c} {contract.column(c).data_type}" for c in columns)
        self.warehouse.execute(f"create temp table _slice_columns ({typed}) on commit drop")
        if self.landed.kind == "release":
            return  # corrected rows join their pull and replace nothing
        covered = f"select distinct {', '.join(columns)} from ({clean})"
        if self.landed.lookback_days is not None and contract.column(columns[-1]).data_type == "date":
            first, last = self._covered_days()
            lead = columns[:-1] or columns
            covered = f"""
                select {", ".join(lead)}, day::date as {columns[-1]}
                from (select distinct {", ".join(lead)} from ({clean})),
                    unnest(generate_series(timestamp '{first}', timestamp '{last}', interval 1 day)) as t(day)
                union {covered}
            """
        self._send(
            f"select tenant_id, {slice_text(contract, '')} from ({covered})",
            "_slices",
            ["tenant_id", "slice"],
        )
        self._send(covered, "_slice_columns", list(columns))
        self.warehouse.execute("analyze _slice_columns")
        note_slices(self.warehouse, contract, self.landed.landing_seq)

    def _covered_days(self) -> tuple[str, str]:
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(self.landed.time_zone)
        first = self.landed.interval_start.astimezone(zone).date() - timedelta(
            days=self.landed.lookback_days or 0
        )
        last = (self.landed.interval_end - timedelta(microseconds=1)).astimezone(zone).date()
        return first.isoformat(), last.isoformat()

    def _note_conflicts(self) -> None:
        """Write the rows of this file that lost to another row of this file."""
        key = ", ".join(f"'{c}', l.{c}" for c in self.contract.key)
        row, kept = (
            "json_object(" + ", ".join(f"'{c}', {a}.{c}" for c in self.contract.names) + ")"
            for a in ("l", "k")
        )
        same_key = " and ".join(f"l.{c} = k.{c}" for c in ("_h", *self.contract.key))
        names = ["load_id", "feed", "tenant_id", "key", "kept", "row", "row_hash", "reason"]
        self.warehouse.execute("create temp table _lost (like ops.conflicts) on commit drop")
        reason = f"another row of this key has the smaller ({self.contract.event_time}, content)"
        self._send(
            f"""
            select {self.load_id}, '{self.contract.feed}', l.tenant_id, json_object({key}), {kept}, {row},
                l._rh, '{reason}'
            from contenders l join contenders k on {same_key} and k._place = 1
            where l._place > 1
            """,
            "_lost",
            names,
        )
        listed = ", ".join(f'"{name}"' for name in names)
        self.warehouse.execute(
            f"insert into ops.conflicts ({listed}) select {listed} from _lost on conflict do nothing"
        )

    def _ties_in_file(self) -> int:
        """Count the losers of this file that only their content separates from the winner."""
        parts = order_columns(self.contract)
        if self.contract.keeps_first:
            parts = ["{0}." + str(self.contract.event_time)]
        equal = " and ".join(
            [f"l.{c} = k.{c}" for c in ("_h", *self.contract.key)]
            + [f"{part.format('l')} = {part.format('k')}" for part in parts]
        )
        [(ties,)] = self.duck.execute(
            f"""
            select count(*) from contenders l join contenders k on {equal} and k._place = 1
            where l._place > 1
            """
        ).fetchall()
        return int(ties)

    def _quarantine(self) -> None:
        """Write refused rows and broken records, and close what an earlier load of this file refused."""
        warehouse = self.warehouse
        warehouse.execute(
            """
            update ops.quarantine
            set released_load_id = %s, released_at = now(), released_by = 'loader',
                release_reason = 'the file was loaded again by another mapping or contract'
            where feed = %s and file_id = %s and released_load_id is null
            """,
            [self.load_id, self.contract.feed, self.file_id],
        )
        if self.landed.kind == "release":
            self._note_releases()
        if self.staged.refused or self.staged.records.broken:
            self._send_refused()
        warehouse.execute(
            """
            update ops.quarantine q
            set released_load_id = r.load_id, released_at = now(), released_by = r.released_by,
                release_reason = r.reason, correction = r.correction
            from ops.releases r join ops.landed_files f on f.path = r.path
            where q.feed = %s and r.feed = q.feed and q.file_id = f.file_id and q.row = r.row
                and q.released_load_id is null and (r.load_id = %s or q.load_id = %s)
            """,
            [self.contract.feed, self.load_id, self.load_id],
        )

    def _note_releases(self) -> None:
        """Remember which quarantined rows this file corrects, unless the corrected row is refused too."""
        self._send(
            f"""
            select record -> '$._release' ->> 'path', '{self.contract.feed}',
                (record -> '$._release' ->> 'row')::bigint, {self.load_id},
                record -> '$._release' ->> 'by', record -> '$._release' ->> 'reason',
                (record -> '$._release' -> 'correction')::varchar
            from source where _row in (select _row from keyed where _h is not null)
            """,
            "ops.releases",
            ["path", "feed", "row", "load_id", "released_by", "reason", "correction"],
        )

    def _send_refused(self) -> None:
        duck, landed = self.duck, self.landed
        if not self.staged.refused:
            duck.execute(_NO_REFUSED)
        names = "load_id, feed, tenant_id, source, file_id, row, column_name, value, reason, content, mapped"
        texts = ", ".join(_text(value) for value in (self.contract.feed, landed.tenant_id, landed.source))
        fixed = f"{self.load_id}, {texts}, {self.file_id}"
        content = _content_sql(self.staged.records)
        self._send(
            f"""
            with originals as (
                select _row, {content} as content from source where _row in (select _row from refused)
            )
            select {fixed}, r._row, reasons[1].column, reasons[1].value,
                array_to_string(list_transform(reasons, lambda x: x.reason), '; '), o.content, r.given
            from refused r left join originals o on o._row = r._row
            union all
            select {fixed}, _row, column_name, null, 'line ' || line || ': ' || reason,
                to_json(replace(coalesce(content, ''), chr(0), '␀'))::varchar, null
            from broken
            """,
            "ops.quarantine",
            names.split(", "),
        )

    def _record(self, streamed: int, quarantined: int, outcome: "_Outcome") -> LoadResult:
        staged, landed, contract = self.staged, self.landed, self.contract
        result = LoadResult(
            feed=contract.feed,
            path=landed.path,
            load_id=self.load_id,
            skipped=False,
            records_read=staged.records.count,
            rows_read=staged.rows + staged.records.broken,
            rows_loaded=streamed + outcome.loaded,
            rows_quarantined=quarantined,
            rows_unchanged=outcome.unchanged,
            rows_conflicting=outcome.conflicting,
            rows_tied=outcome.tied,
            rows_superseded=outcome.superseded,
            rows_tombstoned=outcome.tombstoned,
        )
        counts = [name for name in result.__dict__ if name.startswith(("records_", "rows_"))]
        values: dict[str, Any] = {name: getattr(result, name) for name in counts} | {
            "load_id": self.load_id,
            "feed": contract.feed,
            "tenant_id": landed.tenant_id,
            "source": landed.source,
            "file_id": self.file_id,
            "mapping": self.mapping.name,
            "mapping_version": self.mapping.version,
            "contract_version": contract.digest,
            "interval_start": landed.interval_start,
            "interval_end": landed.interval_end,
            "totals": json.dumps(self._totals()),
            "cursor_max": self._cursor_max(),
            "started_at": self.started,
        }
        marks = ", ".join(f"%({name})s" for name in values)
        self.warehouse.execute(f"insert into ops.loads ({', '.join(values)}) values ({marks})", values)
        return result

    def _cursor_max(self) -> str | None:
        column = self.landed.cursor
        if column is not None and column in self.staged.records.columns:
            quoted = '"' + column.replace('"', '""') + '"'
            [(found,)] = self.duck.execute(f"select max({quoted})::varchar from source").fetchall()
        else:
            [(found,)] = self.duck.execute("select max(_cursor)::varchar from keyed").fetchall()
        return None if found is None else str(found)

    def _totals(self) -> dict[str, dict[str, dict[str, str]]]:
        """Sum the contract's money columns by outcome and currency."""
        if not self.contract.totals:
            return {}
        currency = self.contract.currency or (self.contract.currency_codes or ("''",))[0]
        sums: dict[str, dict[str, dict[str, str]]] = {}
        for column in self.contract.totals:
            parts = [
                f"""
                select {currency} as c, {column} as a, 'loaded' as o
                from ({self.staged.judged(f"_row not in ({_SPECIAL})")})
                """,
                f"""
                select _currency, {column},
                    case
                        when _rh in (select _rh from stands) and nth = 1 then 'loaded'
                        when _rh in (select _rh from lost) and nth = 1 then 'conflicting'
                        else 'unchanged'
                    end
                from (select *, row_number() over (partition by _rh order by _row) as nth from suspects)
                """,
            ]
            if self.staged.refused:
                parts.append(f"select {currency}, {column}, 'quarantined' from refused")
            rows = self.duck.execute(
                f"""
                select o, coalesce(c, '?'), sum(a)::varchar from ({" union all ".join(parts)})
                where a is not null group by all order by all
                """
            ).fetchall()
            for outcome, code, amount in rows:
                sums.setdefault(outcome, {}).setdefault(code, {})[column] = amount
        return sums

    def _send(self, select: str, table: str, columns: Sequence[str], *, freeze: bool = False) -> int:
        return self.warehouse.bulk_load(table, columns, csv_stream(self.duck, select), freeze=freeze)

    def _receive(self, statement: str, table: str) -> None:
        """Append the rows of a warehouse query to a DuckDB table."""
        with tempfile.NamedTemporaryFile(suffix=".csv") as out:
            for chunk in self.warehouse.copy_out(statement):
                out.write(chunk)
            out.flush()
            if out.tell():
                self.duck.execute(
                    f"insert into {table} from read_csv(?, header = false, all_varchar = true)", [out.name]
                )


@dataclass(frozen=True)
class _Outcome:
    inserted: int
    loaded: int
    unchanged: int
    conflicting: int
    superseded: int
    tied: int
    tombstoned: int


def csv_stream(duck: duckdb.DuckDBPyConnection, select: str) -> Iterator[bytes]:
    """Yield a DuckDB select as chunks of CSV text for COPY, computed while they are consumed.

    Raises:
        duckdb.Error: what the select raised, after the last chunk.
    """
    read_end, write_end = os.pipe()
    failure: list[BaseException] = []

    def produce() -> None:
        try:
            duck.execute(
                f"""
                copy ({select}) to '/proc/self/fd/{write_end}'
                (format csv, header false, use_tmp_file false)
                """
            )
        except BaseException as error:  # raised again in the consumer
            failure.append(error)
        finally:
            os.close(write_end)

    worker = threading.Thread(target=produce, name="csv-stream", daemon=True)
    worker.start()
    try:
        while chunk := os.read(read_end, 1 << 20):
            yield chunk
    finally:
        os.close(read_end)
        worker.join()
    if failure:
        raise failure[0]


def _content_sql(records: Records) -> str:
    if records.columns == ("record",):
        text = "replace(record::varchar, '\\u0000', '␀')"
        storable = f"json_valid({text}) and {storable_json(text)}"
        return f"case when {storable} then {text} else to_json({text})::varchar end"
    fields = ", ".join(
        f'"{column}" := replace("{column}"::varchar, chr(0), \'␀\')'
        for column in (name.replace('"', '""') for name in records.columns)
    )
    return f"to_json(struct_pack({fields}))::varchar"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
