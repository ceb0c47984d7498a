"""Orders: which count and why not, when they completed, and their money events."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from tests.oracle.clicks import NO_CAMPAIGN
from tests.oracle.credit import Credit, Evidence, credit
from tests.oracle.money import ZERO, Amounts, Event, Rates, Sale, events_of, unlinked_refund, vat_in
from tests.oracle.rows import Row, local_day

OrderKey = tuple[str, str, str]
"""Tenant, source, order id."""
CustomerMap = dict[tuple[str, str, str, str], str]
"""(tenant, source, type, id) of a record -> its customer."""


@dataclass
class Order:
    """An order of a shop, or a sale at a till, with all that the definitions say of it."""

    tenant_id: str
    source: str
    order_id: str
    is_in_store: bool
    customer_key: str | None
    currency: str
    gross_amount: Decimal
    discount_amount: Decimal | None
    vat_amount: Decimal
    ordered_at: datetime
    exclusion_reason: str | None
    completed_at: datetime | None
    completed_date: date | None
    credit: Credit
    channel: str
    campaign: str
    fx: Decimal | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def counts(self) -> bool:
        """True for a completed order."""
        return self.exclusion_reason is None

    @property
    def key(self) -> OrderKey:
        """Tenant, source and order id."""
        return self.tenant_id, self.source, self.order_id


@dataclass(frozen=True)
class UnlinkedRefund:
    """A succeeded refund whose order is not known."""

    tenant_id: str
    source: str
    refund_id: str
    at: datetime
    amounts: Amounts


def exclusion_reason(order: Row, completed_at: datetime | None) -> str | None:
    """Return the first reason for which an order does not count, None for a completed order."""
    if order["is_test"]:
        return "test"
    if order["gross_amount"] <= 0:
        return "non_positive"
    is_cancelled = order["cancelled_at"] is not None or order["status"] == "cancelled"
    if is_cancelled and (
        completed_at is None or (order["cancelled_at"] is not None and order["cancelled_at"] < completed_at)
    ):
        return "cancelled_before_payment"
    return "not_paid" if completed_at is None else None


def sale_exclusion_reason(sale: Row) -> str | None:
    """Return why a sale at the till does not count, None where it does."""
    if sale["gross_amount"] <= 0:
        return "non_positive"
    if sale["status"] == "completed":
        return None
    return "cancelled_before_payment" if sale["status"] == "voided" else "not_paid"


def collected_at(remittances: Sequence[Row]) -> dict[OrderKey, datetime]:
    """Return the earliest instant at which a courier collected for each order."""
    earliest: dict[OrderKey, datetime] = {}
    for row in remittances:
        if row["remittance_type"] == "cod":
            key = (row["tenant_id"], row["order_source"], row["order_id"])
            earliest[key] = min(row["collected_at"], earliest.get(key, row["collected_at"]))
    return earliest


def order_channel(order: Row, outcome: Credit, evidence: Evidence) -> tuple[str, str]:
    """Return channel and campaign of a shop's order."""
    if outcome.is_credited:
        return "kol", outcome.campaign_id or NO_CAMPAIGN
    if outcome.attributed_by_source:
        return "marketplace", NO_CAMPAIGN
    click = evidence.click(order["tenant_id"], order["click_id"])
    if click is None or click.channel == "kol":
        return "organic", NO_CAMPAIGN
    return click.channel, click.campaign


def read_orders(
    feeds: Mapping[str, Sequence[Row]], evidence: Evidence, rates: Rates
) -> tuple[list[Order], list[UnlinkedRefund]]:
    """Return every order and till sale with its events, and the refunds without a known order.

    Args:
        feeds: clean rows of orders, refunds, remittances, pos_sales, tenants and customer_map.
        evidence: indexed clicks, tokens and contracts.
        rates: exchange rates; a missing one is noted there and leaves the order without events.
    """
    tenants = evidence.tenants
    collected = collected_at(feeds["remittances"])
    mapped: CustomerMap = {
        (row["tenant_id"], row["record_source"], row["record_type"], row["record_id"]): row["customer_id"]
        for row in feeds.get("customer_map", ())
    }
    orders: list[Order] = []
    for row in feeds["orders"]:
        completed = row["paid_at"]
        if row["payment_method"] == "cod":
            completed = collected.get((row["tenant_id"], row["source"], row["order_id"]), completed)
        outcome = credit(row, evidence)
        reason = exclusion_reason(row, completed)
        orders.append(
            order_of(
                row,
                tenants,
                order_id=row["order_id"],
                ordered_at=row["ordered_at"],
                completed_at=completed,
                reason=reason,
                outcome=outcome,
                place=order_channel(row, outcome, evidence),
                customer_key=customer_of(row, "order", row["order_id"], mapped),
            )
        )
    for row in feeds["pos_sales"]:
        if row["sale_type"] == "sale":
            order = order_of(
                row,
                tenants,
                order_id=row["sale_id"],
                ordered_at=row["sold_at"],
                completed_at=row["sold_at"],
                reason=sale_exclusion_reason(row),
                outcome=Credit(reason="no_evidence"),
                place=("in_store", NO_CAMPAIGN),
                customer_key=customer_of(row, "sale", row["sale_id"], mapped),
            )
            order.is_in_store = True
            orders.append(order)

    reversals, unlinked = link_refunds(feeds, orders, tenants, rates)
    cancelled = {(r["tenant_id"], r["source"], r["order_id"]): r["cancelled_at"] for r in feeds["orders"]}
    for order in orders:
        if not order.counts:
            continue
        assert order.completed_at is not None and order.completed_date is not None
        reporting = tenants[order.tenant_id]["reporting_currency"]
        what = f"order {order.source}/{order.order_id}"
        order.fx = rates.rate(order.tenant_id, order.currency, reporting, order.completed_date, what)
        if order.fx is None:
            continue
        sale = Sale(
            order.gross_amount, order.vat_amount, order_rate(order), order.currency, order.fx, reporting
        )
        at = None if order.is_in_store else cancelled[order.key]
        order.events = events_of(
            sale, order.completed_at, reversals.get((order.is_in_store, *order.key), []), at
        )
    return orders, unlinked


def customer_of(row: Row, record_type: str, record_id: str, mapped: CustomerMap) -> str | None:
    """Return whose an order or sale is: of the customer record that it names, or of itself as a record.

    A customer record that the map does not name is a customer by itself; an order or sale has none then.
    """
    if row["source_customer_id"]:
        key = (row["tenant_id"], row["source"], "customer", row["source_customer_id"])
        return mapped.get(key, f"{row['source']}:{row['source_customer_id']}")
    return mapped.get((row["tenant_id"], row["source"], record_type, record_id))


def order_rate(order: Order) -> Decimal:
    """Return the commission rate; only a credited order has one."""
    return order.credit.commission_rate if order.credit.is_credited else ZERO


def order_of(
    row: Row,
    tenants: Mapping[str, Row],
    *,
    order_id: str,
    ordered_at: datetime,
    completed_at: datetime | None,
    reason: str | None,
    outcome: Credit,
    place: tuple[str, str],
    customer_key: str | None,
) -> Order:
    """Return the order that a row of ``orders`` or ``pos_sales`` tells of, without its events."""
    tenant = tenants[row["tenant_id"]]
    vat = row["vat_amount"]
    if vat is None:
        vat = vat_in(row["gross_amount"], tenant["vat_rate"], row["currency"])
    return Order(
        tenant_id=row["tenant_id"],
        source=row["source"],
        order_id=order_id,
        is_in_store=False,
        customer_key=customer_key,
        currency=row["currency"],
        gross_amount=row["gross_amount"],
        discount_amount=row["discount_amount"],
        vat_amount=vat,
        ordered_at=ordered_at,
        exclusion_reason=reason,
        completed_at=completed_at if reason is None else None,
        completed_date=local_day(completed_at, tenant["time_zone"])
        if completed_at and reason is None
        else None,
        credit=outcome,
        channel=place[0],
        campaign=place[1],
    )


Reversals = dict[tuple[bool, str, str, str], list[tuple[datetime, str, Decimal]]]
"""(is in store, tenant, source, order id) -> (instant, refund id, amount)."""


def link_refunds(
    feeds: Mapping[str, Sequence[Row]], orders: Sequence[Order], tenants: Mapping[str, Row], rates: Rates
) -> tuple[Reversals, list[UnlinkedRefund]]:
    """Give succeeded refunds and completed returns to their orders; return the rest as unlinked.

    A refund in another currency than its order is unlinked too.
    """
    known = {(order.is_in_store, *order.key): order for order in orders}
    given_back = [
        (False, r["tenant_id"], r["source"], r["order_id"], r["refunded_at"], r["refund_id"], r["amount"],
        r["currency"])
        for r in feeds["refunds"]
        if r["status"] == "succeeded"
    ] + [
        (True, r["tenant_id"], r["source"], r["original_sale_id"], r["sold_at"], r["sale_id"],
        r["gross_amount"],
         r["currency"])
        for r in feeds["pos_sales"]
        if r["sale_type"] == "return" and r["status"] == "completed"
    ]  # fmt: skip
    reversals: Reversals = defaultdict(list)
    unlinked: list[UnlinkedRefund] = []
    for in_store, tenant_id, source, order_id, at, refund_id, amount, currency in given_back:
        key = (in_store, tenant_id, source, order_id or "")
        order = known.get(key)
        if order is not None and order.currency == currency:
            reversals[key].append((at, refund_id, amount))
            continue
        tenant = tenants[tenant_id]
        reporting = tenant["reporting_currency"]
        day = local_day(at, tenant["time_zone"])
        fx = rates.rate(tenant_id, currency, reporting, day, f"unlinked refund {source}/{refund_id}")
        if fx is not None:
            amounts = unlinked_refund(amount, tenant["vat_rate"], currency, fx, reporting)
            unlinked.append(UnlinkedRefund(tenant_id, source, refund_id, at, amounts))
    return reversals, unlinked
