"""Command line: ``python -m include.finance reconcile|explain``."""

import argparse
import sys
from typing import Any

from include.finance import explain


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m include.finance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_reconcile(commands)
    explain.add_command(commands)
    options = parser.parse_args(arguments)
    return int(options.run(options))


def _add_reconcile(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "reconcile", help="give every order, payment, payout and bank line its state"
    )
    parser.add_argument("--tenant", action="append", default=[], help="only this one; may be repeated")
    parser.set_defaults(run=_reconcile)


def _reconcile(options: argparse.Namespace) -> int:
    from include.finance.nightly import reconcile_all

    try:
        print(*reconcile_all(only=options.tenant), sep="\n")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
