"""One tenant's money, three ways: each order, payment, payout and bank line in exactly one state."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from include.finance.bank import Explanation, Line, explain, read_sender
from include.finance.claims import Claims, settle_claims
from include.finance.payouts import UNIT, Due, in_units, list_dues, plain
from include.finance.rules import Rules


@dataclass(frozen=True)
class Reconciled:
    """Everything that was looked at, one row each, with its state.

    ``orders``: source, order_id, currency, gross_amount, paid_amount, state, matched_by; completed ones only.
    ``receipts``: payments and remittances (side), with order_source, order_id and state against the order,
    payout_id and bank_state on their way to the bank. ``refunds``: source, refund_id, state. ``payouts`` is
    what was due at the bank, ``lines`` what came, each with its state, rule and counterpart.
    """

    orders: pa.Table
    receipts: pa.Table
    refunds: pa.Table
    payouts: pa.Table
    lines: pa.Table


def reconcile(facts: Mapping[str, pa.Table], rules: Rules, *, as_of: date, zone: str) -> Reconciled:
    """Reconcile what is known of a tenant at the end of a day.

    Args:
        facts: tables ``orders`` (``claims.ORDERS``), ``refunds`` that succeeded, ``payments``,
            ``remittances``, ``sales`` (the feed pos_sales) and ``bank_lines``, in the columns of their feeds.
        rules: the tenant's.
        as_of: the day, in the tenant's zone; what is dated after it is not looked at.
        zone: the tenant's time zone.
    """
    end = datetime.combine(as_of + timedelta(days=1), datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    with duckdb.connect() as duck:
        duck.execute("set TimeZone = 'UTC'")
        for name, at in _DATED.items():
            duck.register(f"all_{name}", facts[name])
            duck.execute(
                f"create temp view {name} as select * from all_{name} where {at} < timestamptz '{end}'"
            )
        claims = settle_claims(duck, rules, end=end.isoformat())
        dues = list_dues(duck, rules, zone=zone)
        rows = duck.execute(
            "select account_id, line_id, currency, amount, description, counterparty, reference, booked_on"
            " from bank_lines order by all"
        ).fetchall()
    senders = sorted({due.sender for due in dues}, key=lambda name: (-len(name), name))
    lines = [
        Line(
            key=(account, line),
            sender=read_sender(party, text, senders, rules),
            currency=currency,
            amount=in_units(amount),
            day=day.toordinal(),
            references=_references(reference, text),
        )
        for account, line, currency, amount, text, party, reference, day in rows
    ]
    return _told(claims, dues, lines, explain(dues, lines, rules, as_of=as_of.toordinal()))


def _told(claims: Claims, dues: list[Due], lines: list[Line], explanation: Explanation) -> Reconciled:
    """Put states of both ways into tables."""
    payouts = pa.Table.from_pylist(
        [
            {
                "kind": due.kind,
                "source": due.key[0],
                "payout_id": due.key[1],
                "currency": due.currency,
                "amount": Decimal(due.amount) / UNIT,
                "due_on": None if due.day == date.max.toordinal() else date.fromordinal(due.day),
                "state": (verdict := explanation.dues[due.key]).state,
                "matched_by": verdict.matched_by,
                "account_id": verdict.counterpart[0] if verdict.counterpart else None,
                "line_id": verdict.counterpart[1] if verdict.counterpart else None,
            }
            for due in dues
        ],
        schema=PAYOUTS,
    )
    told_lines = pa.Table.from_pylist(
        [
            {
                "account_id": line.key[0],
                "line_id": line.key[1],
                "currency": line.currency,
                "amount": Decimal(line.amount) / UNIT,
                "booked_on": date.fromordinal(line.day),
                "sender": line.sender,
                "state": (verdict := explanation.lines[line.key]).state,
                "matched_by": verdict.matched_by,
                "source": verdict.counterpart[0] if verdict.counterpart else None,
                "payout_id": verdict.counterpart[1] if verdict.counterpart else None,
            }
            for line in lines
        ],
        schema=LINES,
    )
    parts = pa.Table.from_pylist(
        [
            {
                "source": payment[0],
                "payment_id": payment[1],
                "payout_id": due.key[1],
                "state": explanation.payments[payment].state,
            }
            for due in dues
            for payment, _ in due.members
        ],
        schema=pa.schema([(name, pa.string()) for name in ("source", "payment_id", "payout_id", "state")]),
    )
    with duckdb.connect() as duck:
        for name, table in (
            ("orders", claims.orders),
            ("receipts", claims.receipts),
            ("payouts", payouts),
            ("parts", parts),
        ):
            duck.register(name, table)
        orders = duck.sql(_TOLD_ORDERS).to_arrow_table()
        receipts = duck.sql(_TOLD_RECEIPTS).to_arrow_table()
    return Reconciled(orders, receipts, claims.refunds, payouts, told_lines)


_TOLD_ORDERS = """
select orders.source, orders.order_id, orders.currency, orders.gross_amount,
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
    and payouts.payout_id = receipts.payout_id
"""

_MONEY = pa.decimal128(20, 4)
PAYOUTS = pa.schema(
    [
        *((name, pa.string()) for name in ("kind", "source", "payout_id", "currency")),
        ("amount", _MONEY),
        ("due_on", pa.date32()),
        *((name, pa.string()) for name in ("state", "matched_by", "account_id", "line_id")),
    ]
)
LINES = pa.schema(
    [
        *((name, pa.string()) for name in ("account_id", "line_id", "currency")),
        ("amount", _MONEY),
        ("booked_on", pa.date32()),
        *((name, pa.string()) for name in ("sender", "state", "matched_by", "source", "payout_id")),
    ]
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
