"""The two borders where people meet data: raw after load, marts before they are announced."""

import getpass
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from include.quality.checks import Outcome, Suite
from include.quality.expectations import SHOWN_ROWS, run_suites
from include.quality.mart_suites import Scope, mart_suites
from include.quality.profile import profile_loads
from include.quality.raw_suites import LOADS, Limits, Loads, loads_suite, raw_suite
from include.quality.tables import prepare_tables
from include.settings import Settings, get_settings
from include.warehouse import Contract, Warehouse, connect, load_contracts

Gate = Literal["raw", "marts"]

BUILD = "build"
"""Subject of the mark of the marts' gate."""
SHOWN_FAILURES = 10
_KEPT = {
    "raw": "the build does not start and the marts stay as they are",
    "marts": "the marts are built and not announced",
}
_CURRENT_SIZES = (
    "select c.relname::text, c.reltuples::bigint from pg_class c "
    "join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'marts' and c.relkind = 'r'"
)


@dataclass(frozen=True)
class GateReport:
    """What a gate saw.

    Args:
        gate: which one.
        run_id: number of this run in ``ops.gate_runs``; None when there was nothing new to look at.
        outcomes: one per check.
        seconds: how long it took.
        build_id: the build that was judged, for the marts.
        loads: the loads that were judged by feed, for raw.
        site: folder of the pages of this run; None when none were written.
    """

    gate: Gate
    run_id: int | None
    outcomes: tuple[Outcome, ...]
    seconds: float
    build_id: int | None
    loads: Mapping[str, Loads]
    site: Path | None

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The checks that stop the line."""
        return tuple(outcome for outcome in self.outcomes if outcome.stops)

    @property
    def warnings(self) -> tuple[Outcome, ...]:
        """The checks that failed and do not stop the line."""
        return tuple(outcome for outcome in self.outcomes if not outcome.passed and not outcome.stops)

    @property
    def passed(self) -> bool:
        """Whether the line goes on."""
        return not self.failures


class GateFailed(RuntimeError):  # noqa: N818 - a gate that fails is what it is called everywhere
    """A gate stopped the line; the text names the checks, the first rows at fault and the next steps."""

    def __init__(self, report: GateReport) -> None:
        super().__init__(failure_text(report))
        self.report = report


def gate_raw(settings: Settings | None = None, *, everything: bool = False) -> GateReport:
    """Judge what was loaded since the gate last let pass, feed by feed, and profile it.

    The work grows with the new rows. Feeds that pass are not looked at again, whatever becomes of the others.

    Args:
        settings: where the warehouse is and what is allowed; the process's own when left out.
        everything: look at all rows that stand, not only at the new ones.

    Returns:
        What was seen; without outcomes when nothing was loaded since.

    Raises:
        GateFailed: a critical check failed. The build must not run.
    """
    settings = settings or get_settings()
    started, clock = datetime.now(UTC), time.monotonic()
    contracts = load_contracts()
    with connect("transformer", settings) as warehouse:
        prepare_tables(warehouse)
        loads = _new_loads(warehouse, contracts, everything)
        suites = [raw_suite(contracts[feed], span) for feed, span in loads.items()]
        if loads:
            suites.append(loads_suite(contracts, loads, {feed: _limits(settings, feed) for feed in loads}))
        # Profiling is the server's work, and half of judging is this process's: they go side by side.
        with ThreadPoolExecutor(1) as pool:
            profiled = pool.submit(_profile, contracts, settings)
            outcomes = _judge(warehouse, "raw", suites, settings)
            profiled.result()
        outcomes = [replace(outcome, rows=_with_files(warehouse, outcome.rows)) for outcome in outcomes]
        report = _record(
            warehouse, "raw", outcomes, started=started, clock=clock, settings=settings, loads=loads
        )
        stopped = {feed for outcome in report.failures for feed in _feeds_of(outcome, loads)}
        _advance(warehouse, report, {feed: span.upto for feed, span in loads.items() if feed not in stopped})
    if not report.passed:
        raise GateFailed(report)
    return report


def gate_marts(settings: Settings | None = None, *, everything: bool = False) -> GateReport:
    """Judge the marts of the newest build before they are announced.

    Args:
        settings: where the warehouse is; the process's own when left out.
        everything: look at all rows, not only at what was built since the gate last let pass.

    Returns:
        What was seen; without outcomes when the newest build has passed already.

    Raises:
        GateFailed: a critical check failed. The marts must not be announced.
        ValueError: nothing has been built yet.
    """
    settings = settings or get_settings()
    started, clock = datetime.now(UTC), time.monotonic()
    with connect("transformer", settings) as warehouse:
        prepare_tables(warehouse)
        scope = _scope(warehouse, settings, everything)
        suites = [] if scope.after_build == scope.build_id and not everything else mart_suites(scope)
        outcomes = _judge(warehouse, "marts", suites, settings)
        report = _record(
            warehouse,
            "marts",
            outcomes,
            started=started,
            clock=clock,
            settings=settings,
            build_id=scope.build_id,
        )
        if report.passed and report.run_id is not None:
            _advance(warehouse, report, {BUILD: scope.build_id})
            _remember_sizes(warehouse, report.run_id)
    if not report.passed:
        raise GateFailed(report)
    return report


def accept(gate: Gate, reason: str, settings: Settings | None = None, *, feed: str | None = None) -> int:
    """Let pass what a gate has stopped, on a person's word: their name and reason are kept.

    Args:
        gate: ``raw`` (with the feed) or ``marts`` (the newest build).
        reason: why it is right to go on.
        settings: where the warehouse is.
        feed: whose loads, for ``raw``.

    Returns:
        The newest load of the feed, or the build, that passes now.

    Raises:
        ValueError: no reason, no feed, or nothing that the gate has stopped.
    """
    if not reason.strip():
        raise ValueError("a reason is needed: say why it is right to go on")
    if gate == "raw" and not feed:
        raise ValueError("name the feed whose loads are accepted")
    subject = feed if gate == "raw" and feed else BUILD
    with connect("transformer", settings or get_settings()) as warehouse, warehouse.transaction():
        prepare_tables(warehouse)
        found = warehouse.rows(
            """
            select r.run_id, (r.positions ->> %(subject)s)::bigint
            from ops.gate_runs r
            left join ops.gate_marks m on m.gate = r.gate and m.subject = %(subject)s
            where r.gate = %(gate)s and not r.passed
                and (r.positions ->> %(subject)s)::bigint > coalesce(m.position, 0)
            order by r.run_id desc limit 1
            """,
            {"gate": gate, "subject": subject},
        )
        if not found:
            raise ValueError(f"the gate {gate} has stopped nothing of {subject}: there is nothing to accept")
        [(run_id, position)] = found
        warehouse.execute(
            """
            insert into ops.gate_acceptances (accepted_by, gate, subject, position, reason)
            values (%s, %s, %s, %s, %s)
            """,
            [getpass.getuser(), gate, subject, position, reason.strip()],
        )
        _mark(warehouse, gate, subject, position, run_id)
        if gate == "marts":
            _remember_sizes(warehouse, run_id)
    return int(position)


def failure_text(report: GateReport) -> str:
    """Say which checks failed on which rows, and what to do."""
    lines = [
        f"gate {report.gate} (run {report.run_id}): "
        f"{len(report.failures)} of {len(report.outcomes)} checks failed; {_KEPT[report.gate]}"
    ]
    for outcome in report.failures[:SHOWN_FAILURES]:
        place = f"raw.{outcome.suite}" if report.gate == "raw" else outcome.suite
        lines.append(f"- {place}: {outcome.check.says}: {_count(outcome)}")
        lines += [f"    {_row(row)}" for row in outcome.rows[:SHOWN_ROWS]]
        lines.append(f"    next: {outcome.check.next_step}")
    if len(report.failures) > SHOWN_FAILURES:
        lines.append(f"- and {len(report.failures) - SHOWN_FAILURES} more")
    lines.append(f"all results: `python -m include.quality results --run {report.run_id}`")
    if report.site is not None:
        lines.append(f"as pages: {report.site / 'index.html'}")
    return "\n".join(lines)


def _feeds_of(outcome: Outcome, loads: Mapping[str, Loads]) -> set[str]:
    """Return the feeds that a failed check stops: its own, or those of the loads at fault."""
    if outcome.suite != LOADS:
        return {outcome.suite}
    if outcome.unexpected is None or outcome.unexpected > len(outcome.rows):
        return set(loads)
    return {row["feed"] for row in outcome.rows}


def _with_files(warehouse: Warehouse, rows: Sequence[Mapping[str, str]]) -> tuple[Mapping[str, str], ...]:
    """Add to rows that name a load the file that it came from."""
    ids = {row.get("_load_id") or row.get("load_id") for row in rows} - {None, "null"}
    if not ids:
        return tuple(rows)
    files = dict(
        warehouse.rows(
            "select l.load_id::text, f.path from ops.loads l join ops.landed_files f using (file_id) "
            "where l.load_id = any(%s::bigint[])",
            [list(ids)],
        )
    )
    return tuple(
        {**row, "file": files.get(row.get("_load_id") or row.get("load_id", ""), "unknown")} for row in rows
    )


def _count(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"could not be judged: {outcome.error}"
    if outcome.unexpected is None:
        return "some rows"
    return f"{outcome.unexpected} row{'' if outcome.unexpected == 1 else 's'}"


def _row(row: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())


def _limits(settings: Settings, feed: str) -> Limits:
    share = settings.quarantine_share_by_feed.get(feed, settings.quarantine_share)
    return Limits(refused_share=share, minutes_to_load=settings.minutes_to_load)


def _new_loads(warehouse: Warehouse, contracts: Mapping[str, Contract], everything: bool) -> dict[str, Loads]:
    """Return the spans of loads that the gate has not let pass yet, by feed."""
    found = warehouse.rows(
        """
        select l.feed, coalesce(m.position, 0), max(l.load_id)
        from ops.loads l left join ops.gate_marks m on m.gate = 'raw' and m.subject = l.feed
        group by l.feed, m.position
        """
    )
    spans = {feed: Loads(0 if everything else passed, newest) for feed, passed, newest in found}
    return {
        feed: span for feed, span in sorted(spans.items()) if feed in contracts and span.upto > span.after
    }


def _scope(warehouse: Warehouse, settings: Settings, everything: bool) -> Scope:
    if not warehouse.value("select to_regclass('ops.builds') is not null"):
        raise ValueError("nothing has been built yet: run `python -m include.transform` first")
    build = warehouse.value("select max(build_id) from ops.builds where succeeded")
    if build is None:
        raise ValueError("no build has succeeded yet: run `python -m include.transform` and see its log")
    after = warehouse.value("select position from ops.gate_marks where gate = 'marts'") or 0
    before = warehouse.value("select max(build_id) from ops.builds where build_id < %s", [build])
    oldest = warehouse.value("select min(_build_id) from marts.tracked_orders")
    # The days that a build touched are known of the newest build alone, and of a full refresh not at all.
    every_day = everything or after != before or oldest in (None, build)
    return Scope(
        build_id=build,
        after_build=0 if everything else after,
        every_day=every_day,
        smallest_share=settings.smallest_mart_share,
    )


def _profile(contracts: Mapping[str, Contract], settings: Settings) -> None:
    with connect("transformer", settings) as warehouse:
        profile_loads(warehouse, contracts)


def _judge(warehouse: Warehouse, gate: Gate, suites: Sequence[Suite], settings: Settings) -> list[Outcome]:
    return run_suites(warehouse.url, suites, _site(gate, settings)) if suites else []


def _site(gate: Gate, settings: Settings) -> Path:
    return settings.home / "quality" / gate


def _record(
    warehouse: Warehouse,
    gate: Gate,
    outcomes: Sequence[Outcome],
    *,
    started: datetime,
    clock: float,
    settings: Settings,
    build_id: int | None = None,
    loads: Mapping[str, Loads] | None = None,
) -> GateReport:
    """Write a run and its results; a run that had nothing to look at leaves no trace."""
    loads = loads or {}
    run_id = int(warehouse.value("select nextval('ops.gate_run_ids')")) if outcomes else None
    report = GateReport(
        gate=gate,
        run_id=run_id,
        outcomes=tuple(outcomes),
        seconds=time.monotonic() - clock,
        build_id=build_id,
        loads=loads,
        site=_site(gate, settings) if outcomes else None,
    )
    if run_id is None:
        return report
    with warehouse.transaction():
        told = [len(outcomes), len(report.failures), len(report.warnings)]
        positions = (
            {BUILD: build_id} if gate == "marts" else {feed: span.upto for feed, span in loads.items()}
        )
        warehouse.execute(
            """
            insert into ops.gate_runs (
                run_id, gate, build_id, passed, expectations, failures, warnings, positions, started_at
            )
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [run_id, gate, build_id, report.passed, *told, json.dumps(positions), started],
        )
        warehouse.execute(
            """
            insert into ops.gate_results (
                run_id, gate, suite, expectation, severity, success, unexpected_count, details, first_load_id,
                last_load_id, build_id
            )
            select %s, %s, r.suite, r.expectation, r.severity, r.success, r.unexpected_count, r.details,
                r.first_load_id, r.last_load_id, %s
            from jsonb_to_recordset(%s::jsonb) as r (
                suite text, expectation text, severity text, success boolean, unexpected_count bigint,
                details jsonb, first_load_id bigint, last_load_id bigint
            )
            """,
            [run_id, gate, build_id, json.dumps([_result(outcome, loads) for outcome in outcomes])],
        )
    return report


def _result(outcome: Outcome, loads: Mapping[str, Loads]) -> dict[str, object]:
    span = loads.get(outcome.suite)
    details: dict[str, object] = {"kind": type(outcome.check).__name__}
    if not outcome.passed:
        details |= {"rows": list(outcome.rows[:SHOWN_ROWS]), "next_step": outcome.check.next_step}
    if outcome.error:
        details["error"] = outcome.error
    return {
        "suite": outcome.suite,
        "expectation": outcome.check.says,
        "severity": outcome.check.severity,
        "success": outcome.passed,
        "unexpected_count": outcome.unexpected,
        "details": details,
        "first_load_id": span.after + 1 if span else None,
        "last_load_id": span.upto if span else None,
    }


def _advance(warehouse: Warehouse, report: GateReport, positions: Mapping[str, int]) -> None:
    if report.run_id is None:
        return
    with warehouse.transaction():
        for subject, position in positions.items():
            _mark(warehouse, report.gate, subject, position, report.run_id)


def _mark(warehouse: Warehouse, gate: Gate, subject: str, position: int, run_id: int) -> None:
    warehouse.execute(
        """
        insert into ops.gate_marks as m (gate, subject, position, run_id) values (%s, %s, %s, %s)
        on conflict (gate, subject) do update
        set position = greatest(m.position, excluded.position), run_id = excluded.run_id
        """,
        [gate, subject, position, run_id],
    )


def _remember_sizes(warehouse: Warehouse, run_id: int) -> None:
    warehouse.execute(
        f"""
        insert into ops.gate_sizes (mart, rows, run_id)
        select s.mart, s.rows, %s from ({_CURRENT_SIZES}) as s (mart, rows) where s.rows >= 0
        on conflict (mart) do update set rows = excluded.rows, run_id = excluded.run_id
        """,
        [run_id],
    )
