"""Command line of the gates: ``python -m include.quality raw|marts|results|accept``."""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from include.quality.gates import GateFailed, GateReport, accept, gate_marts, gate_raw
from include.settings import get_settings
from include.warehouse import connect


def main(arguments: list[str] | None = None) -> int:
    """Run a gate, show what one has seen, or let pass what one has stopped; 1 when a gate stops the line."""
    options = _parser().parse_args(arguments)
    try:
        if options.command in ("raw", "marts"):
            gate = gate_raw if options.command == "raw" else gate_marts
            _print_report(gate(everything=options.everything))
        elif options.command == "accept":
            position = accept(options.gate, options.reason, feed=options.feed)
            what = f"loads of {options.feed} up to {position}" if options.feed else f"build {position}"
            print(f"{what} pass the gate {options.gate} on your word")
        else:
            return _print_results(options.run)
    except GateFailed as failure:
        _print_report(failure.report)
        print(failure, file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.quality", description="Gates on raw and on marts."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for gate, words in (
        ("raw", "judge what was loaded since it last passed"),
        ("marts", "judge the newest build"),
    ):
        command = commands.add_parser(gate, help=words)
        command.add_argument("--everything", action="store_true", help="all rows, not only the new ones")
    results = commands.add_parser("results", help="show what a gate has seen")
    results.add_argument("--run", type=int, help="number of the run; the newest of each gate when left out")
    accepting = commands.add_parser("accept", help="let pass what a gate has stopped")
    accepting.add_argument("gate", choices=["raw", "marts"])
    accepting.add_argument("--feed", help="whose loads, for raw")
    accepting.add_argument("--reason", required=True, help="why it is right to go on")
    return parser


def _print_report(report: GateReport) -> None:
    if report.run_id is None:
        print(f"gate {report.gate}: nothing new since it last passed")
        return
    with_notice = [*report.failures, *report.warnings]
    grid = Table("suite", "checks", "failed", "warnings", title=f"gate {report.gate}, run {report.run_id}")
    for suite in dict.fromkeys(outcome.suite for outcome in report.outcomes):
        counts = [
            sum(outcome.suite == suite for outcome in group)
            for group in (report.outcomes, report.failures, report.warnings)
        ]
        grid.add_row(suite, *map(str, counts))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(grid)
    for outcome in with_notice:
        word = "FAILED " if outcome.stops else "warning"
        count = outcome.error or f"{outcome.unexpected} rows"
        first = (
            ", ".join(f"{name}={value}" for name, value in outcome.rows[0].items()) if outcome.rows else ""
        )
        print(f"{word} {outcome.suite}: {outcome.check.says}: {count}; first: {first}")
    state = "passed" if report.passed else "FAILED"
    print(
        f"gate {report.gate} {state}: {len(report.outcomes)} checks in {report.seconds:.1f} s; {report.site}"
    )


def _print_results(run: int | None) -> int:
    with connect("transformer", get_settings()) as warehouse:
        if not warehouse.value("select to_regclass('ops.gate_results') is not null"):
            print("no gate has run yet: `python -m include.quality raw`", file=sys.stderr)
            return 2
        rows = warehouse.rows(
            """
            select run_id, gate, suite, expectation, severity, success, unexpected_count,
                details -> 'rows' -> 0
            from ops.gate_results
            where run_id = %(run)s or (
                %(run)s::bigint is null and run_id in (select max(run_id) from ops.gate_runs group by gate)
            )
            order by run_id, success, suite, expectation
            """,
            {"run": run},
        )
    if not rows:
        print(f"there is no run {run}" if run else "no gate has run yet", file=sys.stderr)
        return 2
    grid = Table("run", "gate", "suite", "expectation", "result", "rows", "first row")
    for number, gate, suite, expectation, severity, success, unexpected, first in rows:
        result = "passed" if success else ("FAILED" if severity == "critical" else "warning")
        shown = ", ".join(f"{name}={value}" for name, value in (first or {}).items())
        grid.add_row(
            str(number),
            gate,
            suite,
            expectation,
            result,
            "" if unexpected is None else str(unexpected),
            shown,
        )
    Console(width=None if sys.stdout.isatty() else 200, markup=False).print(grid)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
