"""An accountant's word about a record that the reconciliation leaves open: an entry of a book."""

from datetime import datetime

from include.finance import books
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect

BOOK = "finance_explanations"
SOURCE = "sokol_finance"

_RECORDS = {
    "order": (("raw.orders", "source", "order_id"),),
    "payment": (
        ("raw.payments", "source", "payment_id"),
        ("raw.remittances", "source", "remittance_id || '/' || order_id"),
    ),
    "refund": (("raw.refunds", "source", "refund_id"),),
    "payout": (
        ("raw.payments", "source", "payout_id"),
        ("raw.remittances", "source", "remittance_id"),
        ("finance.payout_states", "source", "case when kind <> 'transfer' then payout_id end"),
    ),
    "bank_line": (("raw.bank_lines", "account_id", "line_id"),),
    "sale": (("raw.pos_sales", "source", "sale_id"),),
}
"""Per side where its records stand: table, column of the source (of a bank line the account), and the id.

A payment is one of a gateway or, by batch and order, of a courier or marketplace. Takings and the payments of
a day without a report are payouts that only a night knows; a transfer is explained by its order.
"""


class UnknownItemError(LookupError):
    """There is no such record, no one such record, or no explanation of it in force."""


def explain_item(
    tenant_id: str,
    side: str,
    item_id: str,
    *,
    category: str,
    entered_by: str,
    reason: str,
    item_source: str | None = None,
    counterpart_id: str | None = None,
    at: datetime | None = None,
    settings: Settings | None = None,
) -> str:
    """Explain a record by hand; the latest explanation of a record is the one in force.

    Args:
        tenant_id: whose record it is.
        side: what the record is: order, payment, refund, payout, bank_line or sale.
        item_id: the source's id of it.
        category: what it turned out to be, as the contract of the book lists it.
        entered_by: who says so.
        reason: why, for whoever reads the books.
        item_source: source system of the record, of a bank line its account; left out where one has the id.
        counterpart_id: the record on the other side that it belongs to.
        at: when it was explained (aware), now when left out; the same words of one instant are one entry.
        settings: where the warehouse and the landing zone are.

    Returns:
        The id of the explanation, a hash of what it says.

    Raises:
        UnknownItemError: the tenant has no such record, or several sources have one.
        ValueError: a side or category that the book does not know, or nobody or no reason given.
    """
    settings = settings or get_settings()
    row = {"category": category, "counterpart_id": counterpart_id, "is_withdrawn": False}
    _check(side=side, category=category, entered_by=entered_by, reason=reason)
    with connect("loader", settings) as warehouse:
        source = _find(warehouse, tenant_id, side, item_id, item_source)
        row |= {"side": side, "item_source": source, "item_id": item_id}
        row |= {"entered_by": entered_by, "reason": reason}
        return books.append(warehouse, BOOK, tenant_id, row, source=SOURCE, at=at, settings=settings)


def withdraw_explanation(
    tenant_id: str,
    side: str,
    item_id: str,
    *,
    entered_by: str,
    reason: str,
    item_source: str | None = None,
    at: datetime | None = None,
    settings: Settings | None = None,
) -> str:
    """Take the explanation of a record back, by a further entry; the record is open again.

    Args and returns as ``explain_item``.

    Raises:
        UnknownItemError: as ``explain_item``, or no explanation of the record is in force.
        ValueError: as ``explain_item``.
    """
    settings = settings or get_settings()
    _check(side=side, entered_by=entered_by, reason=reason)
    with connect("loader", settings) as warehouse:
        source = _find(warehouse, tenant_id, side, item_id, item_source)
        said = warehouse.rows(
            f"""
            select category, counterpart_id, is_withdrawn from raw.{BOOK}
            where tenant_id = %s and side = %s and item_source = %s and item_id = %s
            order by explained_at desc, explanation_id desc limit 1
            """,
            [tenant_id, side, source, item_id],
        )
        if not said or said[0][2]:
            raise UnknownItemError(f"tenant {tenant_id}: no explanation of {side} {item_id} is in force")
        category, counterpart_id, _ = said[0]
        row = {"category": category, "counterpart_id": counterpart_id, "is_withdrawn": True}
        row |= {"side": side, "item_source": source, "item_id": item_id}
        row |= {"entered_by": entered_by, "reason": reason}
        return books.append(warehouse, BOOK, tenant_id, row, source=SOURCE, at=at, settings=settings)


def allowed(column: str) -> tuple[str, ...]:
    """Return the values that the book allows in one of its columns."""
    return books.allowed(BOOK, column)


def _check(**said: str) -> None:
    books.check(BOOK, "an explanation", **said)


def _find(warehouse: Warehouse, tenant_id: str, side: str, item_id: str, source: str | None) -> str:
    found = " union ".join(
        f"select {named} from {table} where tenant_id = %(tenant)s and {column} = %(id)s"
        for table, named, column in _RECORDS[side]
    )
    known = warehouse.rows(found, {"tenant": tenant_id, "id": item_id})
    sources = sorted(str(name) for (name,) in known if source in (None, name))
    place = f"tenant {tenant_id}" + (f", source {source}" if source else "")
    if not sources:
        raise UnknownItemError(f"{place}: there is no {side} {item_id} among what is loaded")
    if len(sources) > 1:
        raise UnknownItemError(f"{place}: {side} {item_id} stands in {', '.join(sources)}; name the source")
    return sources[0]
