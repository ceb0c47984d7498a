"""Feeds at the prompt: ``python -m include.feeds check|quarantine|release|replay|load|status``."""

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import yaml
from rich.console import Console
from rich.table import Table

from include.feeds.check import Preview, check
from include.feeds.landing import LandedFile, LandingError
from include.feeds.load import LoadResult, load_pending
from include.feeds.mapping import MappingError
from include.feeds.quarantine import (
    ReleaseError,
    open_rows,
    parse_corrections,
    release_by_hand,
    release_by_mapping,
)
from include.feeds.records import FileError
from include.feeds.replay import replay
from include.settings import get_settings
from include.warehouse.contracts import ContractError, load_contracts
from include.warehouse.postgres import connect
from include.warehouse.prepare import prepare
from include.warehouse.render import render

_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_KNOWN = (FileError, MappingError, ReleaseError, LandingError, ContractError, psycopg.Error, OSError)


class UsageError(ValueError):
    """The command line asks for something that is not there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 refused rows or an error."""
    parser = argparse.ArgumentParser(prog="python -m include.feeds", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    preview = commands.add_parser("check", help="preview a file against a mapping; writes nothing")
    preview.add_argument("file", type=Path)
    preview.add_argument("--mapping", type=Path, required=True, help="the mapping's .sql file")
    preview.add_argument("--feed", help="left out: the mapping's name")
    preview.add_argument(
        "--format", choices=("csv", "jsonl", "parquet"), help="left out: by the file's suffix"
    )
    preview.add_argument("--time-zone", help="left out: that of the source.yml beside the mapping, else UTC")
    preview.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="delimiter, encoding, …"
    )
    preview.add_argument("--limit", type=int, default=50, help="refusals to list")

    listed = commands.add_parser("quarantine", help="list the rows in quarantine")
    listed.add_argument("--feed")
    listed.add_argument("--limit", type=int, default=100)
    listed.add_argument("--format", choices=("csv", "json", "table"), default="table")

    release = commands.add_parser("release", help="load corrected rows out of quarantine")
    release.add_argument("--feed", help="after a corrected mapping: load the feed's refused rows again")
    release.add_argument("--id", type=int, help="one row, corrected by hand")
    release.add_argument("--set", action="append", default=[], metavar="COLUMN=VALUE")
    release.add_argument("--reason", default="")

    again = commands.add_parser(
        "replay", help="load the whole landing zone (into a prepared, empty warehouse)"
    )
    again.add_argument("--order", choices=("landing", "random"), default="landing")
    again.add_argument("--seed", type=int, default=0)

    pending = commands.add_parser("load", help="load what is landed and not loaded yet")
    pending.add_argument("--tenant")
    pending.add_argument("--source")
    commands.add_parser("status", help="what is loaded, per feed")

    chosen = parser.parse_args(arguments)
    try:
        return int(_COMMANDS[chosen.command](chosen))
    except (*_KNOWN, UsageError) as error:
        print(f"include.feeds {chosen.command}: {error}", file=sys.stderr)
        return 1


def _check(chosen: argparse.Namespace) -> int:
    contracts = load_contracts()
    feed = chosen.feed or chosen.mapping.stem
    if feed not in contracts:
        raise UsageError(f"there is no feed {feed!r}; name one with --feed: {', '.join(sorted(contracts))}")
    beside = chosen.mapping.parent / "source.yml"
    said: dict[str, Any] = yaml.safe_load(beside.read_text()) if beside.is_file() else {}
    entries = [e for e in said.get("files", ()) if chosen.mapping.name in (e.get("feeds") or {}).values()]
    options = dict(entries[0].get("options") or {}) if entries else {}
    options |= dict(option.split("=", 1) for option in chosen.option)
    bare = Path(chosen.file.name.removesuffix(".gz")).suffix
    form = (
        chosen.format
        or (entries[0].get("format") if entries else None)
        or _FORMATS.get(bare, bare.lstrip("."))
    )
    if form not in ("csv", "jsonl", "parquet"):
        raise UsageError(
            f"{chosen.file.name}: the suffix tells no format; give --format csv, jsonl or parquet"
        )
    found = check(
        chosen.file,
        chosen.mapping,
        contracts[feed],
        file_format=form,
        tenant_id=str(said.get("tenant", "preview")),
        source=str(said.get("source", "preview")),
        time_zone=chosen.time_zone or str(said.get("time_zone", "UTC")),
        options=options,
        limit=chosen.limit,
    )
    _show(found, chosen.file.name)
    return 1 if found.refused else 0


def _show(found: Preview, name: str) -> None:
    console = Console(markup=False, width=None if sys.stdout.isatty() else 180)
    console.print(
        f"{name} to {found.feed}: {found.records} records make {found.rows} rows: {found.would_load} would "
        f"load, "
        f"{found.repeated} repeat a key of the file, {found.refused} are refused. Nothing was written."
    )
    if found.totals:
        grid = Table("currency", "column", "sum of the good rows")
        for total in found.totals:
            grid.add_row(*map(str, total))
        console.print(grid)
    if found.refusals:
        grid = Table("record", "line", "column", "value", "reason", title="refused")
        for refusal in found.refusals:
            cells = (refusal.row, refusal.line, refusal.column, refusal.value, refusal.reason)
            grid.add_row(*("" if cell is None else str(cell) for cell in cells))
        console.print(grid)
    if found.sample:
        grid = Table(
            "column", *(f"row {number + 1}" for number in range(len(found.sample))), title="first rows"
        )
        for column in found.sample[0]:
            grid.add_row(column, *(row[column] or "" for row in found.sample))
        console.print(grid)


def _quarantine(chosen: argparse.Namespace) -> int:
    with connect("loader") as warehouse:
        render(open_rows(warehouse, chosen.feed, chosen.limit), chosen.format)
    return 0


def _release(chosen: argparse.Namespace) -> int:
    with connect("loader") as warehouse:
        if chosen.id is not None:
            result = release_by_hand(
                warehouse,
                chosen.id,
                parse_corrections(chosen.set),
                reason=chosen.reason,
                released_by=getpass.getuser(),
            )
            print(f"row {chosen.id} is released by load {result.load_id}: {_words(result)}")
            return 0
        if not chosen.feed:
            raise UsageError("give --feed (after a corrected mapping) or --id (one row by hand)")
        results = release_by_mapping(warehouse, chosen.feed)
    for result in results:
        if result.skipped:
            print(f"{result.path}: mapping and contract are those that refused its rows; correct one first")
        else:
            print(f"{result.path}: {_words(result)}")
    if not results:
        print(f"nothing of {chosen.feed} is in quarantine")
    return 1 if any(result.skipped or result.rows_quarantined for result in results) else 0


def _replay(chosen: argparse.Namespace) -> int:
    def tell(landed: LandedFile, results: list[LoadResult]) -> None:
        for result in results:
            said = "stands already" if result.skipped else _words(result)
            print(f"{landed.path} to {result.feed}: {said}", flush=True)

    settings = get_settings()
    prepare(settings)
    with connect("loader") as warehouse:
        results = replay(warehouse, settings=settings, order=chosen.order, seed=chosen.seed, tell=tell)
    fresh = [result for result in results if not result.skipped]
    print(f"{len(fresh)} loads done, {len(results) - len(fresh)} stood already")
    return 0


def _load(chosen: argparse.Namespace) -> int:
    with connect("loader") as warehouse:
        for result in load_pending(warehouse, tenant_id=chosen.tenant, source=chosen.source):
            print(f"{result.path} to {result.feed}: {_words(result)}")
    return 0


def _status(_: argparse.Namespace) -> int:
    with connect("loader") as warehouse:
        render(
            warehouse.query(
                """
                select l.feed, l.tenant_id, count(*) as loads, sum(l.rows_read)::bigint as rows_read,
                    sum(l.rows_loaded)::bigint as loaded, sum(l.rows_quarantined)::bigint as quarantined,
                    sum(l.rows_unchanged)::bigint as unchanged,
                    sum(l.rows_conflicting)::bigint as conflicting,
                    (select count(*) from ops.quarantine q
                     where q.feed = l.feed and q.tenant_id = l.tenant_id and q.released_load_id is null
                    ) as held,
                    max(l.interval_end) as covered_to, max(l.finished_at) as last_load
                from ops.loads l group by l.feed, l.tenant_id order by 1, 2
                """
            ),
            "table",
        )
    return 0


def _words(result: LoadResult) -> str:
    return (
        f"{result.rows_read} rows read = {result.rows_loaded} loaded + "
        f"{result.rows_quarantined} quarantined + {result.rows_unchanged} unchanged + "
        f"{result.rows_conflicting} conflicting"
    )


_COMMANDS = {
    "check": _check,
    "quarantine": _quarantine,
    "release": _release,
    "replay": _replay,
    "load": _load,
    "status": _status,
}


if __name__ == "__main__":
    raise SystemExit(main())
