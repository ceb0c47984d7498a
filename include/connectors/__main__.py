"""Command line of the connectors: register a source, list the sources, extract and load an interval."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.connectors.registry import Source, SourceError, load_source, load_sources, local_day
from include.settings import get_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, 1 with the reason where it failed."""
    parser = argparse.ArgumentParser(prog="python -m include.connectors", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    registering = commands.add_parser("register", help="install a source.yml with its mappings")
    registering.add_argument("path", type=Path, nargs="+", help="folder with a source.yml, or the file")
    commands.add_parser("list", help="show the registered sources")
    for name, what in (
        ("extract", "land the files of an interval"),
        ("load", "load what an interval landed"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("source", help="name of the registration")
        command.add_argument("--start", required=True, help="first day, or an instant with its offset")
        command.add_argument("--end", required=True, help="day after the last, or an instant with its offset")
    given = parser.parse_args(arguments)
    from include.connectors.ingest import IngestError  # loads DuckDB, which list does not need

    try:
        if given.command == "register":
            _register(given.path)
        elif given.command == "list":
            _list()
        elif given.command == "extract":
            _extract(given.source, given.start, given.end)
        else:
            _load(given.source, given.start, given.end)
    except (SourceError, IngestError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _register(paths: Sequence[Path]) -> None:
    from include.connectors.ingest import register

    for path in paths:
        registered = register(path)
        feeds = sorted({feed for entry in registered.source.config.files for feed in entry.feeds})
        print(f"registered {registered.source.name}: {', '.join(feeds)}")


def _list() -> None:
    table = Table("name", "tenant", "source", "schedule", "zone", "feeds")
    for source in load_sources(get_settings()):
        config = source.config
        feeds = ", ".join(sorted({feed for entry in config.files for feed in entry.feeds}))
        table.add_row(source.name, config.tenant, config.source, config.schedule, config.time_zone, feeds)
    Console().print(table)


def _interval(name: str, start: str, end: str) -> tuple[Source, datetime, datetime]:
    source = load_source(name, get_settings())
    return source, local_day(start, source), local_day(end, source)


def _extract(name: str, start: str, end: str) -> None:
    from include.connectors.ingest import extract

    source, first, last = _interval(name, start, end)
    landed = extract(source.name, first, last)
    for file in landed:
        print(f"landed {file.path}  ({file.name}, {file.bytes:,} bytes)")
    print(f"{len(landed)} files of {source.name} are landed for {start} to {end}")


def _load(name: str, start: str, end: str) -> None:
    from include.connectors.ingest import load

    source, first, last = _interval(name, start, end)
    table = Table("feed", "file", "read", "loaded", "quarantined", "unchanged", "conflicting")
    for result in load(source.name, first, last):
        counts = (
            result.rows_read,
            result.rows_loaded,
            result.rows_quarantined,
            result.rows_unchanged,
            result.rows_conflicting,
        )
        shown = ["loaded before", "", "", "", ""] if result.skipped else [f"{count:,}" for count in counts]
        table.add_row(result.feed, result.path, *shown)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
