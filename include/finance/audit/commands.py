"""The commands for looking behind figures: explain, flags, review-flag, sample."""

import argparse
import sys
from datetime import date, datetime
from typing import Any

from include.finance import books
from include.finance.audit.explain import METRICS, Question, explain
from include.finance.audit.fraud import BOOK, flags, review_flag
from include.settings import get_settings
from include.warehouse import connect


def add_commands(commands: Any) -> None:
    """Add the commands to the parser of ``python -m include.finance``."""
    _add_explain(commands)
    _add_fraud(commands)
    _add_sample(commands)


def _add_explain(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain", help="what a KOL's figure is made of, and whether it adds up"
    )
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--kol", required=True, help="id of the KOL")
    parser.add_argument("--metric", required=True, choices=METRICS)
    parser.add_argument("--month", type=_month, help="YYYY-MM; the whole time when left out")
    parser.add_argument("--day", type=_day, help="YYYY-MM-DD: one day alone")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table")
    parser.add_argument(
        "--limit", type=int, help="entries listed of each kind: 20 in a table and all elsewhere by default"
    )
    parser.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    """Answer one question: 0 when it adds up, 1 when it does not."""
    from include.finance.audit.explained import show, verdict

    question = Question(options.tenant, options.kol, options.metric, month=options.month, day=options.day)
    with connect("transformer", get_settings()) as warehouse:
        explanation = explain(warehouse, question)
    show(explanation, options.format, options.limit)
    print(verdict(explanation), file=sys.stdout if options.format == "table" else sys.stderr)
    return 1 if explanation.wrong else 0


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
        told = "held" if flag["is_held"] else f"not held, {flag['credit_status']}"
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

    from include.finance.audit.sample import audit_sample

    rows = audit_sample(get_settings(), options.tenant, options.day)
    drawn = rows.group_by(["draw_no", "source", "order_id"]).aggregate([("record", "count")])
    for order in drawn.sort_by("draw_no").to_pylist():
        print(f"{order['draw_no']:>3} {order['source']}/{order['order_id']}: {order['record_count']} rows")
    print(f"{drawn.num_rows} orders of {options.day} drawn, with {rows.num_rows} rows behind them")
    if options.csv:
        csv.write_csv(rows, options.csv)
        print(f"written to {options.csv}")


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no month: write 2026-03") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no day: write 2026-03-31") from None
