"""The commands of the commission ledger: pay, balances, invoice, statement."""

import argparse
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from include.feeds.currencies import MINOR_UNITS
from include.finance.ledger.invoicing import balances_of, invoice_month, invoices_of, statements_of
from include.finance.ledger.posting import pay_out
from include.finance.ledger.statements import Month
from include.finance.periods import first_day, open_from
from include.settings import Settings, get_settings


def write_invoices(
    tenant_id: str, month: Month, folder: Path, *, kol_id: str | None = None, settings: Settings
) -> list[Path]:
    """Write the invoices of a month as PDF and CSV, and return the files.

    Raises:
        InvoiceError: an invoice is not what its lines sum to.
    """
    from include.finance.ledger.printing import invoice_csv, invoice_pdf

    files: dict[str, bytes] = {}
    for invoice, lines in invoices_of(tenant_id, month, kol_id=kol_id, settings=settings):
        files[f"invoice-{invoice.number}.pdf"] = invoice_pdf(invoice, lines)
        files[f"invoice-{invoice.number}.csv"] = invoice_csv(invoice, lines)
    return _write(folder, tenant_id, month, files)


def write_statements(
    tenant_id: str, kol_id: str, month: Month, folder: Path, *, settings: Settings
) -> list[Path]:
    """Write a KOL's statements of a month, one per currency, as PDF and CSV, and return the files.

    Raises:
        LookupError: nothing was booked for the KOL up to the month's end.
    """
    from include.finance.ledger.printing import statement_csv, statement_pdf

    is_final = month.last < open_from(settings, tenant_id)
    kol_name, tenant_name, statements = statements_of(tenant_id, kol_id, month, settings=settings)
    files: dict[str, bytes] = {}
    for one in statements:
        name = f"statement-{quote(kol_id, safe='')}-{one.account.currency}"
        files[f"{name}.pdf"] = statement_pdf(one, kol_name, tenant_name, is_final=is_final)
        files[f"{name}.csv"] = statement_csv(one)
    return _write(folder, tenant_id, month, files)


def _write(folder: Path, tenant_id: str, month: Month, files: dict[str, bytes]) -> list[Path]:
    place = folder / quote(tenant_id, safe="") / str(month)
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    return [place / name for name in files]


def add_commands(commands: Any) -> None:
    """Add the commands to the parser of ``python -m include.finance``."""
    pay = commands.add_parser("pay", help="enter a payout: of all that is payable, or of one KOL")
    pay.add_argument("--kol", help="whom alone; then --currency and --amount too")
    pay.add_argument("--currency", type=_currency)
    pay.add_argument("--amount", type=_amount)
    pay.add_argument("--reason", required=True, metavar="TEXT", help="what it is, such as its number")
    pay.set_defaults(run=_pay)

    balances = commands.add_parser("balances", help="what each KOL is owed, owes and has been paid")
    balances.add_argument("--kol", help="of this one alone")
    balances.set_defaults(run=_balances)

    invoice = commands.add_parser("invoice", help="make KOLs' invoices of a closed month")
    invoice.add_argument("--kol", help="of this one alone")
    invoice.add_argument("--folder", type=Path, help="write the month's invoices there, as PDF and CSV")
    invoice.set_defaults(run=_invoice)

    statement = commands.add_parser("statement", help="write a KOL's statement of a month")
    statement.add_argument("--kol", required=True)
    statement.add_argument("--folder", type=Path, required=True)
    statement.set_defaults(run=_statement)

    for command in (pay, balances, invoice, statement):
        command.add_argument("--tenant", required=True)
    for command in (invoice, statement):
        command.add_argument("--month", type=_month, required=True, help="YYYY-MM")
    pay.add_argument("--by", required=True, metavar="NAME", help="who pays")
    invoice.add_argument("--by", default="sokol", metavar="NAME", help="who makes them; sokol when left out")


def _pay(options: argparse.Namespace) -> int:
    one = (options.kol, options.currency, options.amount)
    if any(one) and not all(one):
        raise ValueError(
            "--kol, --currency and --amount go together; without them all that is payable is paid"
        )
    settings = get_settings()
    entries = pay_out(
        options.tenant,
        open_from=open_from(settings, options.tenant),
        reason=options.reason,
        by=options.by,
        amounts={(options.kol, options.currency): options.amount} if all(one) else None,
        settings=settings,
    )
    paid = [line for line in entries.to_pylist() if line["account"] == "cash"]
    if not paid:
        print(f"{options.tenant}: nothing is payable, so nothing was paid")
        return 0
    table = _table(f"{options.tenant}: paid, {options.reason}", "KOL", "currency", amounts=("paid",))
    for line in paid:
        table.add_row(line["kol_id"], line["currency"], _money(-line["amount"], line["currency"]))
    _print(table)
    return 0


def _balances(options: argparse.Namespace) -> int:
    accounts = {"kol_payable": -1, "kol_held": -1, "kol_receivable": 1, "cash": -1}
    heads = ("payable", "held", "receivable", "paid")
    table = _table(f"{options.tenant}: what KOLs are owed", "KOL", "name", "currency", amounts=heads)
    for kol, name, currency, amounts in balances_of(
        options.tenant, kol_id=options.kol, settings=get_settings()
    ):
        shown = (sign * amounts.get(account, Decimal(0)) for account, sign in accounts.items())
        table.add_row(kol, name, currency, *(_money(amount, currency) for amount in shown))
    _print(table)
    return 0


def _invoice(options: argparse.Namespace) -> int:
    settings, tenant, month, kol = get_settings(), options.tenant, options.month, options.kol
    made = invoice_month(tenant, month, by=options.by, kol_id=kol, settings=settings)
    if not made:
        print(f"{tenant}: no KOL has commission to invoice in {month}")
        return 0
    heads = ("net", "VAT", "total")
    table = _table(f"{tenant}: invoices of {month}", "number", "", "KOL", "currency", amounts=heads)
    for one in made:
        invoice, currency = one.invoice, one.invoice.account.currency
        amounts = (invoice.net, invoice.vat, invoice.gross)
        table.add_row(
            invoice.number,
            "made" if one.is_new else "stands",
            invoice.account.kol_id,
            currency,
            *(_money(amount, currency) for amount in amounts),
        )
    _print(table)
    if options.folder:
        print(*write_invoices(tenant, month, options.folder, kol_id=kol, settings=settings), sep="\n")
    return 0


def _statement(options: argparse.Namespace) -> int:
    whose = (options.tenant, options.kol, options.month, options.folder)
    print(*write_statements(*whose, settings=get_settings()), sep="\n")
    return 0


def _table(title: str, *columns: str, amounts: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    for column in amounts:
        table.add_column(column, justify="right")
    return table


def _print(table: Table) -> None:
    console = Console()
    # what is piped is not cut to a screen that is not there
    console.print(table, width=None if console.is_terminal else 200)


def _money(amount: Decimal, currency: str) -> str:
    return f"{amount + 0:,.{MINOR_UNITS[currency]}f}"  # no minus before nothing


def _month(text: str) -> Month:
    try:
        return Month(first_day(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _currency(text: str) -> str:
    if text not in MINOR_UNITS:
        raise argparse.ArgumentTypeError(f"'{text}' is no ISO 4217 code such as USD")
    return text


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no amount above zero, such as 120.50")
    return amount
