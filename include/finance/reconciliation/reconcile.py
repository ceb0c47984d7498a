"""One tenant's money, three ways: each order, payment, payout and bank line in exactly one state."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from include.finance.reconciliation.bank import Explanation, Line, explain, read_sender
from include.finance.reconciliation.claims import Claims, settle_claims
from include.finance.reconciliation.payouts import UNIT, Due, in_units, list_dues, plain
from include.finance.reconciliation.rules import Rules


@dataclass(frozen=True)
class Reconciled:
    """Everything that was looked at, one row each, with its state.

    ``orders``: source, order_id, currency, gross_amount, paid_amount, state, matched_by; completed ones only.
    ``receipts``: payments and remittances (side), with order_source, order_id and state against the order,
    payout_id and bank_state on their way to the bank. ``refunds``: source, refund_id, state. ``payouts`` is
    what was due at the bank, ``lines`` what came, each with its state, rule and counterpart; ``unsettled``
    payments that no report has settled.
    """

    orders: pa.Table
    receipts: pa.Table
    refunds: pa.Table
    payouts: pa.Table
    lines: pa.Table
    unsettled: pa.Table


def reconcile(facts: Mapping[str, pa.Table], rules: Rules, *, as_of: date, zone: str) -> Reconciled:
    """Reconcile what is known of a tenant at the end of a day.

    Args:
        facts: tables ``orders`` (``claims.ORDERS``), ``refunds`` that succeeded, ``payments``,
            ``remittances``, ``sales`` (the feed pos_sales) and ``bank_lines``, in the columns of their feeds.
        rules: the tenant's.
        as_of: the day, in the tenant's zone; what is dated after it is not looked at.
        zone: the tenant's time zone.
    """
    with opened(facts, as_of=as_of, zone=zone) as duck:
        claims = settle_claims(duck, rules, end=end_of(as_of, zone))
        dues = list_dues(duck, rules, zone=zone)
        lines = list_lines(duck, rules, {due.sender for due in dues})
    return _told(claims, dues, lines, explain(dues, lines, rules, as_of=as_of.toordinal()))


@contextmanager
def opened(facts: Mapping[str, pa.Table], *, as_of: date, zone: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a session with the facts up to the end of a day as tables."""
    with duckdb.connect() as duck:
        duck.execute("set TimeZone = 'UTC'")
        for name, table in facts.items():
            duck.register(f"all_{name}", table)
            before = f"{_DATED[name]} < timestamptz '{end_of(as_of, zone)}'"
            duck.execute(f"create temp view {name} as select * from all_{name} where {before}")
        yield duck


def end_of(as_of: date, zone: str) -> str:
    """Return the instant at which a day of a zone ends, as text in UTC."""
    midnight = datetime.combine(as_of + timedelta(days=1), datetime.min.time(), ZoneInfo(zone))
    return midnight.astimezone(UTC).isoformat()


def is_ahead(facts: Mapping[str, pa.Table], *, as_of: date, zone: str) -> bool:
    """Tell whether some facts are dated after a day, so that they are not looked at as of it."""
    end = datetime.fromisoformat(end_of(as_of, zone))
    newest = (pc.max(table[_DATED[name]]).as_py() for name, table in facts.items())
    return any(instant is not None and instant >= end for instant in newest)


def list_lines(duck: duckdb.DuckDBPyConnection, rules: Rules, senders: Iterable[str]) -> list[Line]:
    """Return the lines of the session's table ``bank_lines``, in rising order of their keys."""
    known = sorted(senders, key=lambda name: (-len(name), name))
    rows = duck.execute(
        "select account_id, line_id, currency, amount, description, counterparty, reference, booked_on"
        " from bank_lines order by all"
    ).fetchall()
    return [
        Line(
            key=(account, line),
            sender=read_sender(party, text, known, rules),
            currency=currency,
            amount=in_units(amount),
            day=day.toordinal(),
            references=_references(reference, text),
        )
        for account, line, currency, amount, text, party, reference, day in rows
    ]


def _told(claims: Claims, dues: list[Due], lines: list[Line], explanation: Explanation) -> Reconciled:
    """Put states of both ways into tables."""
    payouts, parts = payout_table(dues, lines, explanation), unsettled_table(dues, explanation)
    tables = {"orders": claims.orders, "receipts": claims.receipts, "payouts": payouts, "parts": parts}
    with duckdb.connect() as duck:
        for name, table in tables.items():
            duck.register(name, table)
        orders = duck.sql(_TOLD_ORDERS).to_arrow_table()
        receipts = duck.sql(_TOLD_RECEIPTS).to_arrow_table()
    return Reconciled(orders, receipts, claims.refunds, payouts, line_table(lines, explanation), parts)


def payout_table(dues: Iterable[Due], lines: Iterable[Line], explanation: Explanation) -> pa.Table:
    """Return what was due at the bank, one row each, with its state, what came of it and the one line.

    Of several alike whose lines all came nobody knows which line is whose; that the money came is known.
    """
    came: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in lines:
        if counterpart := explanation.lines[line.key].counterpart:
            came[counterpart].append(line)
    rows = []
    for due in dues:
        verdict = explanation.dues[due.key]
        account, first = verdict.counterpart or (None, None)
        its = came.get(due.key, [])
        currencies = {each.currency for each in its}
        received: int | None = sum(each.amount for each in its) if len(currencies) == 1 else None
        if not its and verdict.state == "matched" and verdict.matched_by != "nothing_due":
            currencies, received = {due.currency}, due.amount
        rows.append(
            {
                **dict(zip(("kind", "source", "payout_id", "currency"), due.key, strict=True)),
                "sender": due.sender,
                "reference": due.reference,
                "amount": Decimal(due.amount) / UNIT,
                "due_on": None if due.day == date.max.toordinal() else date.fromordinal(due.day),
                "state": verdict.state,
                "matched_by": verdict.matched_by,
                "account_id": account,
                "line_id": first,
                "lines": len(its),
                "received_currency": currencies.pop() if len(currencies) == 1 else None,
                "received_amount": None if received is None else Decimal(received) / UNIT,
            }
        )
    return pa.Table.from_pylist(rows, schema=PAYOUTS)


def line_table(lines: Iterable[Line], explanation: Explanation) -> pa.Table:
    """Return the bank's lines, one row each, with their state and what they are."""
    rows = []
    for line in lines:
        verdict = explanation.lines[line.key]
        kind, source, payout, payout_currency = verdict.counterpart or (None,) * 4
        rows.append(
            {
                "account_id": line.key[0],
                "line_id": line.key[1],
                "currency": line.currency,
                "amount": Decimal(line.amount) / UNIT,
                "booked_on": date.fromordinal(line.day),
                "sender": line.sender,
                "named": "{" + ",".join(line.references) + "}",
                "state": verdict.state,
                "matched_by": verdict.matched_by,
                "kind": kind,
                "source": source,
                "payout_id": payout,
                "payout_currency": payout_currency,
            }
        )
    return pa.Table.from_pylist(rows, schema=LINES)


def unsettled_table(dues: Iterable[Due], explanation: Explanation) -> pa.Table:
    """Return the payments that no report has settled, one row each, with what became of them."""
    rows = [
        {
            "source": payment[0],
            "payment_id": payment[1],
            "payout_id": due.key[2],
            "currency": due.currency,
            "amount": Decimal(amount) / UNIT,
            "state": explanation.payments[payment].state,
        }
        for due in dues
        for payment, amount in due.members
    ]
    return pa.Table.from_pylist(rows, schema=UNSETTLED)


_TOLD_ORDERS = """
select orders.* exclude (paid_amount, state, matched_by),
    case when orders.state <> 'by_bank' then orders.paid_amount
        when payouts.state in ('matched', 'duplicate') then orders.gross_amount end as paid_amount,
    case when orders.state = 'by_bank' then payouts.state else orders.state end as state,
    case when orders.state = 'by_bank' then payouts.matched_by else orders.matched_by end as matched_by
from orders
left join payouts
    on payouts.kind = 'transfer' and payouts.source = orders.source and payouts.payout_id = orders.order_id
where orders.is_completed
"""

_TOLD_RECEIPTS = """
select receipts.* exclude (payout_id),
    coalesce(parts.payout_id, receipts.payout_id) as payout_id,
    case
        when receipts.state = 'void' then 'void' else coalesce(parts.state, payouts.state, 'timing')
    end as bank_state
from receipts
left join parts
    on receipts.side = 'payment' and parts.source = receipts.source and parts.payment_id = receipts.receipt_id
left join payouts
    on payouts.kind in ('payout', 'remittance') and payouts.source = receipts.source
    and payouts.payout_id = receipts.payout_id and payouts.currency = receipts.currency
"""

_MONEY = pa.decimal128(20, 4)


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


PAYOUTS = _schema(
    **dict.fromkeys(("kind", "source", "payout_id", "currency", "sender", "reference"), pa.string()),
    amount=_MONEY,
    due_on=pa.date32(),
    **dict.fromkeys(("state", "matched_by", "account_id", "line_id"), pa.string()),
    lines=pa.int64(),
    received_currency=pa.string(),
    received_amount=_MONEY,
)
LINES = _schema(
    **dict.fromkeys(("account_id", "line_id", "currency"), pa.string()),
    amount=_MONEY,
    booked_on=pa.date32(),
    **dict.fromkeys(("sender", "named", "state", "matched_by"), pa.string()),
    **dict.fromkeys(("kind", "source", "payout_id", "payout_currency"), pa.string()),
)
UNSETTLED = _schema(
    **dict.fromkeys(("source", "payment_id", "payout_id", "currency"), pa.string()),
    amount=_MONEY,
    state=pa.string(),
)

_DATED = {
    "orders": "paid_at",
    "refunds": "refunded_at",
    "payments": "occurred_at",
    "remittances": "collected_at",
    "sales": "sold_at",
    "bank_lines": "booked_at",
}
"""When each fact took place."""


def _references(reference: str | None, description: str | None) -> tuple[str, ...]:
    """Return what a line may name: its reference, then the words of it and of its text."""
    words = f"{reference or ''} {description or ''}".replace(",", " ").replace(";", " ").split()
    named = [plain(reference), *(plain(word) for word in words)]
    return tuple(dict.fromkeys(name for name in named if len(name) >= 4))
