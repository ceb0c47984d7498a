"""What the ledger says of a KOL in a month: the statement of the accounts, and the invoice with VAT.

No database and no paper is known here. docs/ledger.md says what an invoice covers, docs/vat.md the VAT.
"""

import calendar
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from include.feeds.currencies import MINOR_UNITS
from include.finance.ledger.commission import LedgerError

OWED = {"kol_payable": -1, "kol_held": -1, "kol_receivable": 1}
"""The KOL's accounts, and the sign that makes what usually stands on them positive."""

INVOICED = ("accrual", "reversal", "correction", "hold", "release", "penalty")
"""Entry types whose lines on ``kol_payable`` are invoiced: what is earned or lost, not how it is settled."""

SETTLED = ("clawback", "settlement")
"""Entry types that follow from what was posted before them, at the same instant."""

Line = dict[str, Any]
"""A line of the ledger by column (``include.finance.ledger.commission.ENTRIES``)."""

Balance = Mapping[str, Decimal]
"""Amount by account of ``OWED``."""


@dataclass(frozen=True)
class Account:
    """Whose account: a KOL's of a tenant, in a currency."""

    tenant_id: str
    kol_id: str
    currency: str

    def __str__(self) -> str:
        """Say it in words."""
        return f"KOL {self.kol_id} of tenant {self.tenant_id} in {self.currency}"


@dataclass(frozen=True)
class Month:
    """A month of the calendar by its first day."""

    first: date

    def __post_init__(self) -> None:
        """Refuse another day."""
        if self.first.day != 1:
            raise ValueError(f"a month is told by its first day, not by {self.first}")

    @property
    def last(self) -> date:
        """Its last day."""
        return self.first.replace(day=calendar.monthrange(self.first.year, self.first.month)[1])

    def __str__(self) -> str:
        """Write it as 2026-03."""
        return f"{self.first:%Y-%m}"


@dataclass(frozen=True)
class Movement:
    """A transaction and what it moved on the KOL's accounts (amounts as ``OWED`` turns them)."""

    transaction_id: str
    posting_date: date
    event_date: date
    entered_at: datetime
    entry_type: str
    order_source: str | None
    order_id: str | None
    event_type: str | None
    contract_id: str | None
    commission_rate: Decimal | None
    reason: str
    entered_by: str
    moved: Balance


@dataclass(frozen=True)
class Statement:
    """The accounts of a KOL in a month: what stood before it, each transaction, what stood after."""

    account: Account
    month: Month
    opening: Balance
    movements: tuple[Movement, ...]

    @property
    def closing(self) -> Balance:
        """What stands at the end of the month."""
        return {name: self.opening[name] + sum(one.moved[name] for one in self.movements) for name in OWED}


@dataclass(frozen=True)
class Party:
    """A side of an invoice as it is printed."""

    name: str
    tax_id: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class Invoice:
    """An invoice of a KOL to a tenant, drawn up by the tenant; a credit note when it is less than nothing.

    Args:
        number: unique in the tenant, without gaps within a year.
        account: whose.
        month: what is invoiced.
        issued_on: date of the invoice.
        entries: lines of the ledger that it covers.
        net: their sum as the KOL's claim.
        vat_rate: VAT as a share of the net amount.
        seller: the KOL.
        buyer: the tenant.
    """

    number: str
    account: Account
    month: Month
    issued_on: date
    entries: int
    net: Decimal
    vat_rate: Decimal
    seller: Party
    buyer: Party

    @property
    def vat(self) -> Decimal:
        """VAT, rounded to the currency's smallest unit, halves away from zero."""
        return vat_of(self.net, self.vat_rate, self.account.currency)

    @property
    def gross(self) -> Decimal:
        """What the KOL is to be paid, or on a credit note to give back."""
        return self.net + self.vat

    @property
    def kind(self) -> str:
        """What it is, as the book calls it."""
        return "credit_note" if self.net < 0 else "invoice"


def vat_of(net: Decimal, rate: Decimal, currency: str) -> Decimal:
    """Return the VAT of a net amount to the currency's smallest unit, halves away from zero."""
    return (net * rate).quantize(Decimal(1).scaleb(-MINOR_UNITS[currency]), ROUND_HALF_UP)


def make_statement(
    account: Account, month: Month, before: Mapping[str, Decimal], lines: pa.Table
) -> Statement:
    """Make a statement.

    Args:
        account: whose.
        month: of when, by posting date.
        before: sums of all earlier lines by account of the ledger, debit positive; accounts may be missing.
        lines: the account's lines of the month (``include.finance.ledger.commission.ENTRIES``).

    Raises:
        LedgerError: a line is another account's or month's, or a transaction does not sum to zero.
    """
    transactions: dict[str, list[Line]] = {}
    for line in lines.to_pylist():
        if (line["kol_id"], line["currency"]) != (account.kol_id, account.currency) or not (
            month.first <= line["posting_date"] <= month.last
        ):
            raise LedgerError(f"line {line['entry_id']} is none of {account} in {month}")
        transactions.setdefault(line["transaction_id"], []).append(line)
    for name, own in transactions.items():
        if _sum(own):
            raise LedgerError(f"transaction {name} of {account} does not sum to zero: {_sum(own)} is left")
    movements = sorted((_movement(own) for own in transactions.values()), key=_place)
    opening = {name: _signed(sign, before.get(name, Decimal(0))) for name, sign in OWED.items()}
    return Statement(account, month, opening, tuple(movements))


def _movement(lines: Sequence[Line]) -> Movement:
    said = lines[0]
    moved = {
        name: _signed(sign, _sum(line for line in lines if line["account"] == name))
        for name, sign in OWED.items()
    }
    names = [name for name in Movement.__dataclass_fields__ if name != "moved"]
    return Movement(**{name: said[name] for name in names}, moved=moved)


def _signed(sign: int, amount: Decimal) -> Decimal:
    return sign * amount + 0  # no zero below zero


def _sum(lines: Iterable[Line]) -> Decimal:
    return sum((Decimal(str(line["amount"])) for line in lines), Decimal(0))


def _place(movement: Movement) -> tuple[object, ...]:
    """Order of a statement: as booked, and what settles after what it settles."""
    return (
        movement.posting_date,
        movement.entered_at,
        movement.entry_type in SETTLED,
        movement.event_date,
        movement.order_source or "",
        movement.order_id or "",
        movement.transaction_id,
    )


def invoiced_lines(lines: pa.Table) -> list[Line]:
    """Return those lines of the ledger (``ENTRIES``) that an invoice covers, in their order."""
    return [
        line
        for line in lines.to_pylist()
        if line["account"] == "kol_payable" and line["entry_type"] in INVOICED
    ]


def net_of(lines: Iterable[Line]) -> Decimal:
    """Return the KOL's claim that invoiced lines sum to."""
    return _signed(-1, _sum(lines))


@dataclass(frozen=True)
class InvoiceLine:
    """A line of a printed invoice: entries of one kind and terms, how many, and the KOL's claim by them."""

    entry_type: str
    event_type: str | None
    contract_id: str | None
    commission_rate: Decimal | None
    entries: int
    amount: Decimal


def group(lines: Iterable[Line]) -> list[InvoiceLine]:
    """Group invoiced lines by what they are for and by which terms; the groups add up to the net amount."""
    groups: dict[tuple[str, str | None, str | None, Decimal | None], list[Line]] = {}
    for line in lines:
        terms = (line["entry_type"], line["event_type"], line["contract_id"], line["commission_rate"])
        groups.setdefault(terms, []).append(line)

    def place(found: tuple[tuple[Any, ...], list[Line]]) -> tuple[Any, ...]:
        kind, *terms = found[0]
        return (INVOICED.index(kind), *(str(part or "") for part in terms))

    return [
        InvoiceLine(kind, event, contract, rate, len(own), net_of(own))
        for (kind, event, contract, rate), own in sorted(groups.items(), key=place)
    ]


def numbers(tenant_id: str, year: int, standing: Iterable[str]) -> Iterator[str]:
    """Yield the next free numbers of a tenant's invoices of a year, such as ``lotus-2026-000017``.

    Args:
        tenant_id: whose.
        year: of the invoices' date.
        standing: every number of that tenant and year that stands in the book, in any order.

    Raises:
        LedgerError: the standing ones have a gap, so that no next one is right.
    """
    taken = set(standing)
    for count in range(1, len(taken) + 1):
        if (number := _number(tenant_id, year, count)) not in taken:
            raise LedgerError(
                f"invoices of tenant {tenant_id}: {number} is not in the book, though {len(taken)} of that"
                " year are; nothing is invoiced: find out where it is"
            )
    count = len(taken)
    while True:
        count += 1
        yield _number(tenant_id, year, count)


def _number(tenant_id: str, year: int, count: int) -> str:
    return f"{tenant_id}-{year}-{count:06d}"
