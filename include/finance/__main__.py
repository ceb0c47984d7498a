"""Command line: ``python -m include.finance`` with one of its commands; ``--help`` lists them."""

import argparse
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from include.feeds.decision import DecisionError
from include.finance import books, explain, ledger_commands
from include.finance.booking import post_journal
from include.finance.close import CloseError, close_period
from include.finance.explanations import allowed, explain_item, withdraw_explanation
from include.finance.fraud import BOOK, StaleFlagsError, flags, review_flag
from include.finance.invoicing import InvoiceError
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
    ledger_commands.add_commands(commands)
    _add_fraud(commands)
    _add_sample(commands)
    return parser


def _reconcile(options: argparse.Namespace) -> None:
    from include.finance.nightly import reconcile_all

    print(*reconcile_all(only=options.tenant), sep="\n")


def _add_night(commands: Any) -> None:
    night = commands.add_parser("night", help="all that a night does: reconcile, post, pack, alert, gate")
    night.set_defaults(run=_night)
    night.add_argument("--tenant", action="append", default=[], help="only this one; may be repeated")
    night.add_argument("--day", metavar="YYYY-MM-DD", help="day of the pack; the tenant's last if left out")


def _night(options: argparse.Namespace) -> int:
    from include.finance.night import run

    faults = run(only=options.tenant, day=options.day)
    print(*faults, sep="\n\n", file=sys.stderr)
    return 1 if faults else 0


def _add_explanations(commands: Any) -> None:
    item = commands.add_parser("explain-item", help="explain a record that the reconciliation leaves open")
    item.set_defaults(run=_explain)
    item.add_argument("--category", required=True, choices=allowed("category"))
    item.add_argument("--counterpart", metavar="ID", help="record on the other side that it belongs to")

    withdraw = commands.add_parser("withdraw-explanation", help="take the explanation of a record back")
    withdraw.set_defaults(run=_withdraw)

    for command in (item, withdraw):
        command.add_argument("--tenant", required=True)
        command.add_argument("--side", required=True, choices=allowed("side"))
        command.add_argument("--item", required=True, metavar="ID")
        command.add_argument("--source", help="needed where several sources, or accounts, have the id")
        command.add_argument("--by", required=True, metavar="NAME", help="who says so")
        command.add_argument("--reason", required=True, metavar="TEXT")


def _explain(options: argparse.Namespace) -> None:
    said = {"category": options.category, "counterpart_id": options.counterpart}
    print(f"{options.side} {options.item} is explained by {explain_item(**_entry(options), **said)}")


def _withdraw(options: argparse.Namespace) -> None:
    print(f"{options.side} {options.item} is open again by {withdraw_explanation(**_entry(options))}")


def _entry(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "tenant_id": options.tenant,
        "side": options.side,
        "item_id": options.item,
        "entered_by": options.by,
        "reason": options.reason,
        "item_source": options.source,
    }


def _add_rules(commands: Any) -> None:
    show = commands.add_parser("rules", help="show by which rules a tenant's money is reconciled")
    show.set_defaults(run=_show_rules)
    show.add_argument("--tenant", required=True)

    change = commands.add_parser(
        "set-rules", help="decide some of these rules; the next night judges by them"
    )
    change.set_defaults(run=_set_rules)
    change.add_argument("--tenant", required=True)
    change.add_argument("--by", required=True, metavar="NAME", help="who decides it")
    change.add_argument("--reason", required=True, metavar="TEXT")
    change.add_argument("rules", nargs="+", metavar="NAME=VALUE", help="tolerance=0.05, lag_days='{\"\": 2}'")


def _show_rules(options: argparse.Namespace) -> None:
    with connect("transformer") as warehouse:
        _print_rules(rules_of(warehouse, options.tenant))


def _set_rules(options: argparse.Namespace) -> None:
    changes = {}
    for given in options.rules:
        name, equals, value = given.partition("=")
        if not equals:
            raise ValueError(f"{given!r} is no NAME=VALUE")
        changes[name] = value
    _print_rules(set_rules(options.tenant, changes, entered_by=options.by, reason=options.reason))


def _print_rules(rules: Rules) -> None:
    said = asdict(rules) | {"version": rules.version}
    print(*(f"{name:<20} {value}" for name, value in said.items()), sep="\n")


def _add_closes(commands: Any) -> None:
    journal = commands.add_parser("journal", help="enter what money facts have changed")
    journal.set_defaults(run=_journal)
    journal.add_argument("--tenant", required=True)
    journal.add_argument("--by", default="nightly", metavar="NAME", help="who posts (default: %(default)s)")

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


def _journal(options: argparse.Namespace) -> None:
    print(post_journal(get_settings(), options.tenant, by=options.by))


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


def _add_fraud(commands: Any) -> None:
    listed = commands.add_parser("flags", help="orders that are flagged for fraud, with the evidence")
    listed.set_defaults(run=_flags)
    listed.add_argument("--tenant", required=True)

    review = commands.add_parser("review-flag", help="say what a flag turned out to be")
    review.set_defaults(run=_review)
    review.add_argument("--tenant", required=True)
    review.add_argument("--order", required=True, metavar="SOURCE/ID")
    review.add_argument("--rule", required=True, choices=books.allowed(BOOK, "rule"))
    review.add_argument("--verdict", required=True, choices=books.allowed(BOOK, "verdict"))
    review.add_argument("--by", required=True, metavar="NAME", help="who says so")
    review.add_argument("--reason", required=True, metavar="TEXT")


def _flags(options: argparse.Namespace) -> None:
    found = flags(get_settings(), options.tenant)
    for flag in found:
        told = "held" if flag["is_held"] else flag["verdict"] or f"nothing to hold, {flag['credit_status']}"
        if flag["verdict"]:
            told += f" ({flag['verdict']} by {flag['reviewed_by']}: {flag['review_reason']})"
        print(
            f"{flag['flagged_on']} {flag['source']}/{flag['order_id']} {flag['rule']}: {told};"
            f" {flag['amount']} {flag['currency']}, KOL {flag['kol_id'] or '-'}; {flag['evidence']}"
        )
    held = len({(flag["source"], flag["order_id"]) for flag in found if flag["is_held"]})
    print(f"{len(found)} flags; the commission of {held} orders is held")


def _review(options: argparse.Namespace) -> None:
    source, slash, order_id = options.order.partition("/")
    if not slash:
        raise ValueError(f"--order {options.order!r} is no SOURCE/ID: write shopify/1001")
    review_id = review_flag(
        options.tenant,
        (source, order_id),
        options.rule,
        verdict=options.verdict,
        entered_by=options.by,
        reason=options.reason,
    )
    print(f"{options.order} {options.rule} is {options.verdict} by {review_id}")


def _add_sample(commands: Any) -> None:
    told = "draw the audit sample of a day, with every row behind it"
    sample = commands.add_parser("sample", help=told)
    sample.set_defaults(run=_sample)
    sample.add_argument("--tenant", required=True)
    sample.add_argument("--day", required=True, type=date.fromisoformat, help="the tenant's day, 2026-03-31")
    sample.add_argument("--csv", metavar="FILE", help="write the rows there; the drawn orders are printed")


def _sample(options: argparse.Namespace) -> None:
    from pyarrow import csv

    from include.finance.sample import audit_sample

    rows = audit_sample(get_settings(), options.tenant, options.day)
    drawn = rows.group_by(["draw_no", "source", "order_id"]).aggregate([("record", "count")])
    for order in drawn.sort_by("draw_no").to_pylist():
        print(f"{order['draw_no']:>3} {order['source']}/{order['order_id']}: {order['record_count']} rows")
    print(f"{drawn.num_rows} orders of {options.day} drawn, with {rows.num_rows} rows behind them")
    if options.csv:
        csv.write_csv(rows, options.csv)
        print(f"written to {options.csv}")


if __name__ == "__main__":
    raise SystemExit(main())
