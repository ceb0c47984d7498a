"""Invoices and statements in the warehouse: read what the ledger says, allot numbers, land the book."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from include.feeds.decision import turn
from include.finance import books
from include.finance.ledger.commission import ENTRIES
from include.finance.ledger.posting import Ledger, opened_ledger
from include.finance.ledger.statements import (
    INVOICED,
    Account,
    Invoice,
    Line,
    Month,
    Party,
    Statement,
    invoiced_lines,
    make_statement,
    net_of,
    numbers,
)
from include.finance.periods import open_from
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect, load_contracts

BOOK = "kol_invoices"
SOURCE = "sokol_invoices"

MONEY = pa.decimal128(20, 4)
ROWS = pa.schema(
    [
        ("invoice_number", pa.string()),
        ("invoice_type", pa.string()),
        ("kol_id", pa.string()),
        ("currency", pa.string()),
        ("period_from", pa.date32()),
        ("period_to", pa.date32()),
        ("issued_on", pa.date32()),
        ("entries", pa.int32()),
        ("net_amount", MONEY),
        ("vat_rate", pa.decimal128(6, 4)),
        ("vat_amount", MONEY),
        ("gross_amount", MONEY),
        ("seller_name", pa.string()),
        ("seller_tax_id", pa.string()),
        ("seller_address", pa.string()),
        ("buyer_name", pa.string()),
        ("buyer_tax_id", pa.string()),
        ("buyer_address", pa.string()),
        ("invoiced_at", pa.timestamp("us", "UTC")),
        ("entered_by", pa.string()),
        ("reason", pa.string()),
    ]
)
"""Rows of the book; the tenant is the file's."""


class InvoiceError(RuntimeError):
    """Nothing is invoiced or printed; the text says why and what to do."""


@dataclass(frozen=True)
class Made:
    """An invoice of a month, and whether it was made just now or stood already."""

    invoice: Invoice
    is_new: bool


def invoice_month(
    tenant_id: str,
    month: Month,
    *,
    by: str,
    kol_id: str | None = None,
    settings: Settings | None = None,
) -> list[Made]:
    """Make the invoices of a closed month that there are not yet, and return all of that month.

    A run that is killed may be repeated at any time: what it landed is loaded first and stands, so that no
    number is left out and no month invoiced twice.

    Args:
        tenant_id: who is invoiced.
        month: what is invoiced; it must be closed.
        by: who makes them.
        kol_id: of this KOL alone.
        settings: where the warehouse and the landing zone are.

    Raises:
        InvoiceError: the month is open or not over, or the KOL has nothing in it.
        LedgerError: the numbers in the book have a gap.
        DecisionError: the loader refused a row, so none is entered.
        ValueError: nobody makes them.
    """
    if not by.strip():
        raise ValueError("an invoice needs to say who made it: it stands in the book for ever")
    settings = settings or get_settings()
    with opened_ledger(tenant_id, settings) as ledger:
        first = open_from(settings, tenant_id)
        if month.last >= first:
            closed = "no month is closed yet" if first == date.min else f"open from {first} on"
            raise InvoiceError(
                f"tenant {tenant_id}: {month} is not closed ({closed}), and what it holds may still change;"
                f" close it with `python -m include.finance close --tenant {tenant_id} --month {month}`,"
                " then invoice it"
            )
        _recover(ledger)
        standing = _invoices(ledger.loader, tenant_id, month, kol_id)
        due = _due(ledger.loader, tenant_id, month, kol_id)
        if kol_id is not None and not due and not standing:
            raise InvoiceError(
                f"tenant {tenant_id}: KOL {kol_id} has no commission to invoice in {month};"
                f" what there is shows `python -m include.finance balances --tenant {tenant_id}`"
            )
        invoiced = {one.account for one in standing}
        new = _numbered(ledger, month, {who: sums for who, sums in due.items() if who not in invoiced})
        _land(ledger, new, by)
        made = [Made(one, False) for one in standing] + [Made(one, True) for one in new]
    return sorted(made, key=lambda one: one.invoice.number)


def invoices_of(
    tenant_id: str, month: Month, *, kol_id: str | None = None, settings: Settings | None = None
) -> list[tuple[Invoice, list[Line]]]:
    """Return the invoices of a month as they stand in the book, each with the lines that it covers.

    Raises:
        InvoiceError: an invoice is not what its lines sum to.
    """
    with _reading(settings or get_settings()) as loader:
        found = _invoices(loader, tenant_id, month, kol_id)
        return [(one, _covered(loader, one)) for one in found]


def statements_of(
    tenant_id: str, kol_id: str, month: Month, *, settings: Settings | None = None
) -> tuple[str, str, list[Statement]]:
    """Return the names of KOL and tenant, and the KOL's statements of a month: one per currency booked yet.

    Raises:
        LookupError: nothing was booked for the KOL up to then.
    """
    with _reading(settings or get_settings()) as loader:
        before: dict[str, dict[str, Decimal]] = {}
        values = {"tenant": tenant_id, "kol": kol_id, "from": month.first, "to": month.last}
        for currency, account, amount in loader.rows(_BEFORE, values):
            before.setdefault(currency, {})[account] = amount
        if not before:
            raise LookupError(
                f"tenant {tenant_id}: nothing was booked for KOL {kol_id} up to {month.last}; KOLs with an"
                f" account shows `python -m include.finance balances --tenant {tenant_id}`"
            )
        kol_name = loader.value(
            "select name from raw.kols where tenant_id = %(tenant)s and kol_id = %(kol)s", values
        )
        tenant_name = loader.value("select name from raw.tenants where tenant_id = %(tenant)s", values)
        statements = []
        for currency, opening in sorted(before.items()):
            account = Account(tenant_id, kol_id, currency)
            statements.append(make_statement(account, month, opening, _lines(loader, account, month)))
    return kol_name or kol_id, tenant_name or tenant_id, statements


def balances_of(
    tenant_id: str, *, kol_id: str | None = None, settings: Settings | None = None
) -> list[tuple[str, str, str, dict[str, Decimal]]]:
    """Return KOL, name, currency and what stands on each account (debit positive), of one KOL or all.

    Raises:
        LookupError: the tenant, or the KOL, has no ledger.
    """
    with connect("loader", settings or get_settings()) as loader:
        accounts: dict[tuple[str, str, str], dict[str, Decimal]] = {}
        for kol, name, currency, account, amount in loader.rows(
            _BALANCES, {"tenant": tenant_id, "kol": kol_id}
        ):
            accounts.setdefault((kol, name, currency), {})[account] = amount
    if not accounts:
        whose = f"tenant {tenant_id}" + (f", KOL {kol_id}" if kol_id else "")
        raise LookupError(
            f"{whose}: nothing is posted; `python -m include.finance post` posts what is earned"
        )
    return [(*key, amounts) for key, amounts in accounts.items()]


@contextmanager
def _reading(settings: Settings) -> Iterator[Warehouse]:
    """Read everything as it is at one moment."""
    with connect("loader", settings) as loader, loader.transaction():
        loader.execute("set transaction isolation level repeatable read")
        yield loader


def _recover(ledger: Ledger) -> None:
    """Load what a killed run has landed, before anything is compared with what stands."""
    with turn(ledger.loader, load_contracts()[BOOK], f"{ledger.tenant_id}/{SOURCE}", ledger.settings):
        pass


def _due(
    loader: Warehouse, tenant_id: str, month: Month, kol_id: str | None
) -> dict[Account, tuple[int, Decimal]]:
    """Return by account how many lines are to be invoiced, and the claim that they sum to, unless nothing."""
    values = {"tenant": tenant_id, "kol": kol_id, "from": month.first, "to": month.last}
    found = loader.rows(_DUE, {**values, "types": list(INVOICED)})
    return {Account(tenant_id, kol, currency): (entries, net) for kol, currency, entries, net in found}


def _numbered(ledger: Ledger, month: Month, due: Mapping[Account, tuple[int, Decimal]]) -> list[Invoice]:
    """Give what is due its parties, VAT rate and number; the order is that of KOL and currency."""
    if not due:
        return []
    tenant_id = ledger.tenant_id
    issued_on = ledger.transformer.value(
        "select as_of_date from intermediate.int_tenants__settings where tenant_id = %s", [tenant_id]
    )
    if issued_on is None or issued_on < month.last:
        raise InvoiceError(
            f"tenant {tenant_id}: its marts are of {issued_on or 'no day'}, and {month} is invoiced when it"
            " is over; build with `python -m include.transform`"
        )
    [(name, tax_id, address, rate)] = ledger.loader.rows(_TENANT, [tenant_id])
    buyer = Party(name, tax_id, address)
    kols = {
        kol: (Party(*party), own_rate)
        for kol, *party, own_rate in ledger.loader.rows(_KOLS, [tenant_id, [who.kol_id for who in due]])
    }
    taken = ledger.loader.rows(_TAKEN, [tenant_id, f"{tenant_id}-{issued_on.year}-"])
    free = numbers(tenant_id, issued_on.year, [number for (number,) in taken])
    invoices = []
    for who, (entries, net) in due.items():
        seller, own_rate = kols.get(who.kol_id, (Party(who.kol_id), None))
        vat_rate = rate if own_rate is None else own_rate
        number = next(free)
        invoices.append(Invoice(number, who, month, issued_on, entries, net, vat_rate, seller, buyer))
    return invoices


def _land(ledger: Ledger, invoices: list[Invoice], by: str) -> None:
    at = datetime.now(UTC)
    rows = pa.Table.from_pylist([_row(one, at, by) for one in invoices], schema=ROWS)
    books.append_rows(
        ledger.loader, BOOK, ledger.tenant_id, rows, what="invoices", source=SOURCE, at=at,
        settings=ledger.settings,
    )  # fmt: skip


def _row(invoice: Invoice, at: datetime, by: str) -> dict[str, Any]:
    return {
        "invoice_number": invoice.number,
        "invoice_type": invoice.kind,
        "kol_id": invoice.account.kol_id,
        "currency": invoice.account.currency,
        "period_from": invoice.month.first,
        "period_to": invoice.month.last,
        "issued_on": invoice.issued_on,
        "entries": invoice.entries,
        "net_amount": invoice.net,
        "vat_rate": invoice.vat_rate,
        "vat_amount": invoice.vat,
        "gross_amount": invoice.gross,
        "seller_name": invoice.seller.name,
        "seller_tax_id": invoice.seller.tax_id,
        "seller_address": invoice.seller.address,
        "buyer_name": invoice.buyer.name,
        "buyer_tax_id": invoice.buyer.tax_id,
        "buyer_address": invoice.buyer.address,
        "invoiced_at": at,
        "entered_by": by,
        "reason": f"commission of {invoice.month}",
    }


def _invoices(loader: Warehouse, tenant_id: str, month: Month, kol_id: str | None) -> list[Invoice]:
    found = loader.rows(_STANDING, {"tenant": tenant_id, "kol": kol_id, "from": month.first})
    return [
        Invoice(
            number, Account(tenant_id, kol, currency), month, issued_on, entries, net, rate,
            Party(*parties[:3]), Party(*parties[3:]),
        )
        for number, kol, currency, issued_on, entries, net, rate, *parties in found
    ]  # fmt: skip


def _covered(loader: Warehouse, invoice: Invoice) -> list[Line]:
    """Return the lines that an invoice covers; they are what it says, or it is not printed."""
    lines = invoiced_lines(_lines(loader, invoice.account, invoice.month))
    if (len(lines), net_of(lines)) != (invoice.entries, invoice.net):
        raise InvoiceError(
            f"invoice {invoice.number} says {invoice.net} {invoice.account.currency} in {invoice.entries}"
            f" lines, the ledger {net_of(lines)} in {len(lines)}; it is not printed: look at marts.kol_ledger"
            f" of {invoice.account} in {invoice.month}"
        )
    return lines


def _lines(loader: Warehouse, account: Account, month: Month) -> pa.Table:
    found = loader.query(
        _LINES,
        {
            "tenant": account.tenant_id,
            "kol": account.kol_id,
            "currency": account.currency,
            "from": month.first,
            "to": month.last,
        },
    )
    return found.cast(ENTRIES)


_DUE = """
    select kol_id, currency, cast(count(*) as integer), -sum(amount)
    from raw.ledger_entries
    where tenant_id = %(tenant)s and (%(kol)s::text is null or kol_id = %(kol)s)
        and posting_date between %(from)s and %(to)s
        and account = 'kol_payable' and entry_type = any (%(types)s)
    group by kol_id, currency
    having sum(amount) <> 0
    order by kol_id, currency
"""

_BEFORE = """
    select currency, account, coalesce(sum(amount) filter (where posting_date < %(from)s), 0)
    from raw.ledger_entries
    where tenant_id = %(tenant)s and kol_id = %(kol)s and posting_date <= %(to)s
    group by currency, account
"""

_LINES = f"""
    select {", ".join(ENTRIES.names)}
    from raw.ledger_entries
    where tenant_id = %(tenant)s and kol_id = %(kol)s and currency = %(currency)s
        and posting_date between %(from)s and %(to)s
    order by posting_date, entered_at, order_source, order_id, entry_id
"""

_STANDING = """
    select invoice_number, kol_id, currency, issued_on, entries, net_amount, vat_rate,
        seller_name, seller_tax_id, seller_address, buyer_name, buyer_tax_id, buyer_address
    from raw.kol_invoices
    where tenant_id = %(tenant)s and (%(kol)s::text is null or kol_id = %(kol)s) and period_from = %(from)s
    order by invoice_number
"""

_TAKEN = """
    select invoice_number from raw.kol_invoices where tenant_id = %s and starts_with(invoice_number, %s)
"""

_TENANT = "select name, tax_id, address, vat_rate from raw.tenants where tenant_id = %s"

# A KOL whom the source has removed since is invoiced by what it last said.
_KOLS = """
    select kol_id, coalesce(name, kol_id), tax_id, address, vat_rate from raw.kols
    where tenant_id = %s and kol_id = any (%s)
"""

_BALANCES = """
    select balances.kol_id, coalesce(kols.name, balances.kol_id), currency, account, amount
    from finance.ledger_balances as balances
    left join raw.kols on balances.tenant_id = kols.tenant_id and balances.kol_id = kols.kol_id
    where balances.tenant_id = %(tenant)s and (%(kol)s::text is null or balances.kol_id = %(kol)s)
    order by 2, 1, 3, 4
"""
