"""Command line: ``python -m include.finance``; ``--help`` lists the commands."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from include.feeds.decision import DecisionError
from include.finance import explain, ledger_commands
from include.finance.booking import post_journal
from include.finance.close import CloseError, close_period
from include.finance.explanations import allowed, explain_item, withdraw_explanation
from include.finance.posting import PostingError
from include.finance.report import ReportError, report
from include.finance.rules import Rules, rules_of, set_rules
from include.settings import get_settings
from include.warehouse import connect


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status; 2 when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except (LookupError, ValueError, DecisionError, PostingError, CloseError, ReportError) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.finance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    told = "give every order, payment, payout and bank line its state"
    reconcile = commands.add_parser("reconcile", help=told)
    reconcile.set_defaults(run=_reconcile)
    reconcile.add_argument("--tenant", action="append", default=[], help="only this one; may be repeated")
    _add_night(commands)
    explain.add_command(commands)
    _add_explanations(commands)
    _add_rules(commands)
    _add_closes(commands)
