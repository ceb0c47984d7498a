"""Command line: ``python -m include.finance`` with one of its commands; ``--help`` lists them."""

import argparse
import sys
from typing import Any

import psycopg

from include.feeds.decision import DecisionError
from include.finance.audit import commands as audit
from include.finance.audit.fraud import StaleFlagsError
from include.finance.closing import commands as closing
from include.finance.closing.close import CloseError
from include.finance.closing.report import ReportError
from include.finance.ledger import commands as ledger
from include.finance.ledger.invoicing import InvoiceError
from include.finance.ledger.posting import PostingError
from include.finance.reconciliation import commands as reconciliation


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status; 2 when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except (
        LookupError,
        ValueError,
        DecisionError,
        PostingError,
        CloseError,
        ReportError,
        InvoiceError,
        StaleFlagsError,
    ) as error:
        print(error, file=sys.stderr)
    except psycopg.errors.UndefinedTable as error:
        print(f"{error.diag.message_primary}: build with `python -m include.transform`", file=sys.stderr)
    except psycopg.OperationalError as error:
        print(f"the warehouse cannot be asked: {error}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.finance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_night(commands)
    for room in (reconciliation, ledger, closing, audit):
        room.add_commands(commands)
    return parser


def _add_night(commands: Any) -> None:
    night = commands.add_parser("night", help="all that a night does: reconcile, post, pack, alert, gate")
    night.set_defaults(run=_night)
    night.add_argument("--day", metavar="YYYY-MM-DD", help="day of the pack; the tenant's last if left out")
    told = "give every order, payment, payout and bank line its state"
    reconcile = commands.add_parser("reconcile", help=told)
    reconcile.set_defaults(run=_steps, steps=["reconcile"])
    post = commands.add_parser("post", help="post what KOLs have earned and lost since the last posting")
    post.set_defaults(run=_steps, steps=["post_commission"])
    journal = commands.add_parser("journal", help="enter what money facts have changed")
    journal.set_defaults(run=_steps, steps=["post_journal"])
    for command in (night, reconcile, post, journal):
        command.add_argument("--tenant", action="append", default=[], help="only this one; may be repeated")


def _night(options: argparse.Namespace) -> int:
    from include.finance.night import run

    return _told(run(only=options.tenant, day=options.day))


def _steps(options: argparse.Namespace) -> int:
    from include.finance.night import take

    return _told(take(options.steps, only=options.tenant))


def _told(faults: list[str]) -> int:
    print(*faults, sep="\n\n", end="\n" if faults else "", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
