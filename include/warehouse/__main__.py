"""The warehouse at the prompt: ``python -m include.warehouse query|fingerprint|prepare``."""

import argparse
import sys
from collections.abc import Sequence

import psycopg
import pyarrow as pa

from include.warehouse.contracts import ContractError
from include.warehouse.fingerprint import fingerprint, total
from include.warehouse.postgres import connect
from include.warehouse.prepare import prepare
from include.warehouse.render import render


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.warehouse", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    roles = ("admin", "loader", "transformer", "reader")

    query = commands.add_parser("query", help="run a select and print its rows")
    query.add_argument("sql")
    query.add_argument("--format", choices=("csv", "json", "table"), default="table")
    query.add_argument("--role", choices=roles, default="transformer")

    prints = commands.add_parser("fingerprint", help="print row count and hash of each table of a schema")
    prints.add_argument("schema")
    prints.add_argument("--mode", default="as it stands", help="how it came to be: replay, incremental, …")
    prints.add_argument("--format", choices=("csv", "json", "table"), default="table")
    prints.add_argument("--role", choices=roles, default="transformer")
    prints.add_argument("--no-views", action="store_true", help="tables only")

    commands.add_parser("prepare", help="create roles, schemas, ops and raw tables that are missing")

    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "prepare":
            prepare()
            return 0
        with connect(chosen.role) as warehouse:
            if chosen.command == "query":
                render(warehouse.query(chosen.sql), chosen.format)
                return 0
            found = fingerprint(warehouse, chosen.schema, views=not chosen.no_views)
            table = pa.table(
                {
                    "table": [*found, "total"],
                    "rows": [*(f.rows for f in found.values()), sum(f.rows for f in found.values())],
                    "hash": [*(f.hash for f in found.values()), total(found)],
                    "mode": [chosen.mode] * (len(found) + 1),
                }
            )
            render(table, chosen.format)
    except (psycopg.Error, ContractError) as error:
        print(f"include.warehouse {chosen.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
