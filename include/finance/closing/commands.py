"""The commands of the books of months: close, report."""

import argparse
import sys
from pathlib import Path
from typing import Any

from include.finance.closing.close import close_period
from include.finance.closing.report import report
from include.settings import get_settings


def add_commands(commands: Any) -> None:
    """Add the commands to the parser of ``python -m include.finance``."""
    close = commands.add_parser("close", help="close a month, so that nothing is booked into it any more")
    close.set_defaults(run=_close)
    close.add_argument("--by", required=True, metavar="NAME", help="who closes it")
    close.add_argument("--reason", required=True, metavar="TEXT", help="why it may be closed")
    close.add_argument("--accept-open", action="store_true", help="though records of it are open")

    told = commands.add_parser("report", help="a month's report, as CSV; of a closed month always the same")
    told.set_defaults(run=_report)
    told.add_argument("--file", type=Path, help="write it there instead of to the screen")
    for command in (close, told):
        command.add_argument("--tenant", required=True)
        command.add_argument("--month", required=True, metavar="YYYY-MM")


def _close(options: argparse.Namespace) -> None:
    print(
        close_period(
            get_settings(),
            options.tenant,
            options.month,
            by=options.by,
            reason=options.reason,
            accept_open=options.accept_open,
        )
    )


def _report(options: argparse.Namespace) -> None:
    made = report(get_settings(), options.tenant, options.month)
    if options.file:
        options.file.write_bytes(made)
    else:
        sys.stdout.write(made.decode())
