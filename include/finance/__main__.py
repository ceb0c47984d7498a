"""Command line: ``python -m include.finance explain-item|withdraw-explanation``."""

import argparse
import sys

from include.feeds.decision import DecisionError
from include.finance.explanations import allowed, explain_item, withdraw_explanation


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 2 when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (LookupError, ValueError, DecisionError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.finance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    explain = commands.add_parser("explain-item", help="explain a record that the reconciliation leaves open")
    explain.set_defaults(run=_explain)
    explain.add_argument("--category", required=True, choices=allowed("category"))
    explain.add_argument("--counterpart", metavar="ID", help="record on the other side that it belongs to")

    withdraw = commands.add_parser("withdraw-explanation", help="take the explanation of a record back")
    withdraw.set_defaults(run=_withdraw)

    for command in (explain, withdraw):
        command.add_argument("--tenant", required=True)
        command.add_argument("--side", required=True, choices=allowed("side"))
        command.add_argument("--item", required=True, metavar="ID")
        command.add_argument("--source", help="needed where several sources, or accounts, have the id")
        command.add_argument("--by", required=True, metavar="NAME", help="who says so")
        command.add_argument("--reason", required=True, metavar="TEXT")
    return parser


def _explain(options: argparse.Namespace) -> None:
    explanation_id = explain_item(
        options.tenant,
        options.side,
        options.item,
        category=options.category,
        entered_by=options.by,
        reason=options.reason,
        item_source=options.source,
        counterpart_id=options.counterpart,
    )
    print(f"{options.side} {options.item} is explained by {explanation_id}")


def _withdraw(options: argparse.Namespace) -> None:
    explanation_id = withdraw_explanation(
        options.tenant,
        options.side,
        options.item,
        entered_by=options.by,
        reason=options.reason,
        item_source=options.source,
    )
    print(f"{options.side} {options.item} is open again by {explanation_id}")


if __name__ == "__main__":
    raise SystemExit(main())
