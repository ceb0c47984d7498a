"""Invoices and statements on paper and as CSV: the same one gives the same bytes whenever it is printed."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, TableBordersLayout
from fpdf.fonts import FontFace

from include.feeds.currencies import MINOR_UNITS
from include.finance.ledger.statements import (
    OWED,
    Balance,
    Invoice,
    InvoiceLine,
    Line,
    Movement,
    Party,
    Statement,
    group,
)

FONT = "DejaVu"
INK, PALE, BAND = (33, 37, 41), (108, 117, 125), (233, 236, 239)
MARGIN = 18.0
"""Width of the margins in mm."""

COVERED = (
    "entry_id", "transaction_id", "entry_type", "posting_date", "event_date", "order_source", "order_id",
    "event_type", "event_id", "contract_id", "commission_rate", "reason",
)  # fmt: skip
"""Columns of the ledger that the CSV of an invoice shows of each line."""

SAID = (
    "posting_date", "event_date", "entered_at", "entry_type", "order_source", "order_id", "event_type",
    "contract_id", "commission_rate", "reason", "entered_by", "transaction_id",
)  # fmt: skip
"""Columns of a movement that the CSV of a statement shows before the amounts."""

ACCOUNTS = {"kol_payable": "Payable", "kol_held": "Held", "kol_receivable": "Owed by KOL"}

_WORDS = {
    ("accrual", "completion"): "Commission on completed orders",
    ("reversal", "refund"): "Commission taken back for refunds",
    ("reversal", "cancellation"): "Commission taken back for cancellations",
    ("correction", "completion"): "Corrections of commission on orders",
    ("correction", "refund"): "Corrections for refunds",
    ("correction", "cancellation"): "Corrections for cancellations",
    ("correction", None): "Corrections of penalties",
    ("hold", None): "Commission of orders that were flagged, held back",
    ("release", None): "Commission of orders whose flag was lifted, released",
    ("penalty", None): "Penalty for a target that was missed",
}


def invoice_csv(invoice: Invoice, lines: Sequence[Line]) -> bytes:
    """Return an invoice as CSV (UTF-8): a row per line of the ledger, each with the invoice's own figures.

    The column ``amount`` is the KOL's claim and sums to ``net_amount``.
    """
    own: dict[str, Any] = {
        "invoice_number": invoice.number,
        "invoice_type": invoice.kind,
        "issued_on": invoice.issued_on,
        "tenant_id": invoice.account.tenant_id,
        "kol_id": invoice.account.kol_id,
        "currency": invoice.account.currency,
    }
    money: dict[str, Any] = {
        "net_amount": _plain(invoice.net, invoice.account.currency),
        "vat_rate": invoice.vat_rate,
        "vat_amount": _plain(invoice.vat, invoice.account.currency),
        "gross_amount": _plain(invoice.gross, invoice.account.currency),
    }
    return _csv(
        {
            **own,
            **{name: line[name] for name in COVERED},
            "amount": _plain(-line["amount"], invoice.account.currency),
            **money,
        }
        for line in lines
    )


def statement_csv(statement: Statement) -> bytes:
    """Return a statement as CSV (UTF-8): the opening balances, each transaction, the closing balances."""
    account = statement.account
    own = {"tenant_id": account.tenant_id, "kol_id": account.kol_id, "currency": account.currency}

    def row(moved: Balance, **said: Any) -> dict[str, Any]:
        amounts = {name.removeprefix("kol_"): _plain(moved[name], account.currency) for name in OWED}
        return {**own, **{name: said.get(name) for name in SAID}, **amounts}

    first, last = statement.month.first, statement.month.last
    return _csv(
        [
            row(statement.opening, posting_date=first, entry_type="opening balance"),
            *(row(one.moved, **{name: getattr(one, name) for name in SAID}) for one in statement.movements),
            row(statement.closing, posting_date=last, entry_type="closing balance"),
        ]
    )


def invoice_pdf(invoice: Invoice, lines: Sequence[Line]) -> bytes:
    """Return an invoice as PDF: parties, number, dates, what it is for, net, VAT and total."""
    currency = invoice.account.currency
    title = "Self-billed credit note" if invoice.kind == "credit_note" else "Self-billed invoice"
    pdf = _paper(f"{title} {invoice.number}", invoice.issued_on)
    _heading(pdf, title, invoice.number)
    wide = pdf.epw / 2
    top = pdf.y
    _party(pdf, "Supplier", invoice.seller, f"KOL {invoice.account.kol_id}", wide)
    low = pdf.y
    pdf.set_xy(pdf.l_margin + wide, top)
    _party(pdf, "Customer", invoice.buyer, f"Tenant {invoice.account.tenant_id}", wide)
    pdf.set_y(max(low, pdf.y) + 5)
    _facts(
        pdf,
        {
            "Date": _day(invoice.issued_on),
            "Period": f"{_day(invoice.month.first)} to {_day(invoice.month.last)}",
            "Currency": currency,
        },
    )
    with pdf.table(
        col_widths=(58, 20, 12, 25),
        text_align=("LEFT", "LEFT", "RIGHT", "RIGHT"),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD", fill_color=BAND),
        line_height=6,
        padding=(1, 1.5),
    ) as table:
        table.row(("Service", "Terms", "Entries", f"Amount ({currency})"))
        for line in group(lines):
            table.row((_words(line), _terms(line), f"{line.entries:,}", _amount(line.amount, currency)))
    pdf.ln(2)
    rate = _percent(invoice.vat_rate)
    _total(pdf, "Net amount", invoice.net, currency)
    _total(pdf, f"VAT {rate}", invoice.vat, currency)
    _total(pdf, f"Total {currency}", invoice.gross, currency, bold=True)
    pdf.ln(8)
    notes = [
        "Self-billing: this document is drawn up by the customer in the name and on behalf of the supplier."
    ]
    if invoice.kind == "credit_note":
        notes.append(
            "Credit note: what was taken back in the period is more than what was earned in it; the total is"
            " in the customer's favour."
        )
    if not invoice.vat_rate:
        notes.append("No VAT is charged: the supplier is not liable to VAT.")
    notes += [
        f"It covers the {invoice.entries:,} entries of the commission ledger that were booked in the period;"
        f" each stands in the file invoice-{invoice.number}.csv.",
        f"Payments and what is set off are shown in the statement of {invoice.account.kol_id} in {currency}"
        f" for {invoice.month}.",
    ]
    pdf.set_font(FONT, size=8)
    pdf.set_text_color(*PALE)
    for note in notes:
        pdf.multi_cell(0, 4.2, note, align="L", new_x="LMARGIN", new_y="NEXT")
        pdf.ln(1.2)
    return bytes(pdf.output())


def statement_pdf(statement: Statement, kol_name: str, tenant_name: str, *, is_final: bool) -> bytes:
    """Return a statement as PDF.

    Args:
        statement: what to print.
        kol_name: the KOL as people call it.
        tenant_name: the tenant as people call it.
        is_final: whether the month is closed; otherwise it says that more may come.
    """
    account, month = statement.account, statement.month
    pdf = _paper(f"Statement {account.kol_id} {account.currency} {month}", month.last, "landscape")
    _heading(pdf, "Statement of account", f"{month}")
    _facts(
        pdf,
        {
            "KOL": f"{kol_name} ({account.kol_id})" if kol_name != account.kol_id else kol_name,
            "Customer": tenant_name,
            "Currency": account.currency,
            "State": "final: the month is closed" if is_final else "provisional: the month is still open",
        },
    )
    rows = _Rows(pdf, ("Booked", "Happened", "What", "Order", "Contract", "Rate", "Why", *ACCOUNTS.values()))
    standing = ("", "", "", "", "", "")
    rows.add((*standing, "Opening balance", *_amounts(statement.opening, account.currency)), "B")
    for one in statement.movements:
        rows.add((*_told(one), *_amounts(one.moved, account.currency, blank=True)))
    rows.add((*standing, "Closing balance", *_amounts(statement.closing, account.currency)), "B")
    pdf.ln(4)
    pdf.set_font(FONT, size=7.5)
    pdf.set_text_color(*PALE)
    pdf.multi_cell(
        0,
        4,
        "Payable is what the KOL is owed and may be paid; held is commission of orders under a flag; owed by"
        " KOL is what was paid and then lost again, and is set off against what is earned next. Amounts are"
        " without VAT.",
        align="L",
    )
    return bytes(pdf.output())


class _Paper(FPDF):
    """A document whose pages are numbered and name it."""

    def footer(self) -> None:
        """Print the document's title and the page's number."""
        self.set_y(-13)
        self.set_font(FONT, size=7.5)
        self.set_text_color(*PALE)
        self.cell(self.epw / 2, 5, str(self.title))
        self.cell(self.epw / 2, 5, f"Page {self.page_no()} of {{nb}}", align="R")


class _Rows:
    """The rows of a statement; fpdf's own table takes a minute for a few thousand of them."""

    WIDTHS = (19, 19, 22, 34, 24, 14, 57, 24, 24, 24)
    RIGHT = (5, 7, 8, 9)
    LINE = 4.4

    def __init__(self, pdf: FPDF, heads: Sequence[str]) -> None:
        self.pdf, self.heads = pdf, heads
        self.widths = [width * pdf.epw / sum(self.WIDTHS) for width in self.WIDTHS]
        self.wrapped: dict[tuple[str, int, str], list[str]] = {}
        self._head()

    def add(self, texts: Sequence[str], style: Literal["", "B"] = "") -> None:
        """Print a row; a text that is too long takes several lines, and the row that does not fit a page."""
        self.pdf.set_font(FONT, style, 7)
        cells = [self._lines(text, column, style) for column, text in enumerate(texts)]
        height = self.LINE * max(len(lines) for lines in cells) + 1
        if self.pdf.will_page_break(height):
            self.pdf.add_page()
            self._head()
            self.pdf.set_font(FONT, style, 7)
        self._print(cells, height)

    def _head(self) -> None:
        self.pdf.set_font(FONT, "B", 7)
        self.pdf.set_fill_color(*BAND)
        self.pdf.rect(self.pdf.l_margin, self.pdf.y, self.pdf.epw, self.LINE + 1, style="F")
        self._print([[head] for head in self.heads], self.LINE + 1)

    def _print(self, cells: Sequence[Sequence[str]], height: float) -> None:
        left, top = self.pdf.l_margin, self.pdf.y
        for column, lines in enumerate(cells):
            for number, line in enumerate(lines):
                self.pdf.set_xy(left, top + 0.5 + number * self.LINE)
                self.pdf.cell(
                    self.widths[column], self.LINE, line, align="R" if column in self.RIGHT else "L"
                )
            left += self.widths[column]
        self.pdf.set_draw_color(*BAND)
        self.pdf.line(self.pdf.l_margin, top + height, left, top + height)
        self.pdf.set_xy(self.pdf.l_margin, top + height)

    def _lines(self, text: str, column: int, style: Literal["", "B"]) -> list[str]:
        told = (text, column, style)
        if told not in self.wrapped:
            width = self.widths[column]
            if self.pdf.get_string_width(text) + 2 * self.pdf.c_margin <= width:
                self.wrapped[told] = [text] if text else []
            else:
                lines = self.pdf.multi_cell(
                    width, self.LINE, text, align="L", dry_run=True, output=MethodReturnValue.LINES
                )
                self.wrapped[told] = cast(list[str], lines)
        return self.wrapped[told]


def _paper(title: str, day: date, orientation: Literal["portrait", "landscape"] = "portrait") -> _Paper:
    """Open a document that is dated by what it shows, so that printing it again changes no byte."""
    pdf = _Paper(orientation=orientation, format="A4")
    pdf.set_creation_date(datetime.combine(day, time(), UTC))
    pdf.set_title(title)
    pdf.set_margins(MARGIN, MARGIN)
    pdf.set_auto_page_break(True, MARGIN)
    for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
        pdf.add_font(FONT, style, _fonts() / name)
    pdf.add_page()
    pdf.set_text_color(*INK)
    pdf.set_draw_color(*PALE)
    return pdf


def _fonts() -> Path:
    """The folder of matplotlib's fonts, found without importing it."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise RuntimeError("matplotlib is not installed, and with it the font DejaVu Sans: make install")
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"


def _heading(pdf: FPDF, title: str, number: str) -> None:
    pdf.set_font(FONT, "B", 18)
    pdf.cell(pdf.epw * 0.6, 10, title)
    pdf.set_font(FONT, "B", 12)
    pdf.cell(pdf.epw * 0.4, 10, number, align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.set_line_width(0.4)
    pdf.line(pdf.l_margin, pdf.y + 1, pdf.l_margin + pdf.epw, pdf.y + 1)
    pdf.set_line_width(0.1)
    pdf.ln(6)


def _party(pdf: FPDF, role: str, party: Party, reference: str, wide: float) -> None:
    left = pdf.x
    lines = [(party.name, "B", 11.0), (reference, "", 9.0)]
    lines += [(party.address, "", 9.0)] if party.address else []
    lines += [(f"Tax number {party.tax_id}", "", 9.0)] if party.tax_id else []
    pdf.set_font(FONT, size=8)
    pdf.set_text_color(*PALE)
    pdf.multi_cell(wide, 5, role, new_x="LEFT", new_y="NEXT")
    pdf.set_text_color(*INK)
    for text, style, size in lines:
        pdf.set_font(FONT, style, size)
        pdf.set_x(left)
        pdf.multi_cell(wide - 4, 5, text, align="L", new_x="LEFT", new_y="NEXT")


def _facts(pdf: FPDF, facts: dict[str, str]) -> None:
    for name, said in facts.items():
        pdf.set_font(FONT, size=9)
        pdf.set_text_color(*PALE)
        pdf.cell(24, 5.4, name)
        pdf.set_text_color(*INK)
        pdf.cell(0, 5.4, said, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(5)


def _total(pdf: FPDF, name: str, amount: Decimal, currency: str, *, bold: bool = False) -> None:
    pdf.set_font(FONT, "B" if bold else "", 11 if bold else 9)
    if bold:
        pdf.line(pdf.l_margin + pdf.epw * 0.55, pdf.y + 0.5, pdf.l_margin + pdf.epw, pdf.y + 0.5)
        pdf.ln(1)
    pdf.set_x(pdf.l_margin + pdf.epw * 0.55)
    pdf.cell(pdf.epw * 0.2, 7 if bold else 6, name)
    pdf.cell(
        pdf.epw * 0.25 - 1.5,
        7 if bold else 6,
        _amount(amount, currency),
        align="R",
        new_x="LMARGIN",
        new_y="NEXT",
    )


def _words(line: InvoiceLine) -> str:
    return _WORDS.get((line.entry_type, line.event_type), line.entry_type.capitalize())


def _terms(line: InvoiceLine) -> str:
    rate = f" at {_percent(line.commission_rate)}" if line.commission_rate is not None else ""
    return f"{line.contract_id}{rate}" if line.contract_id else ""


def _told(one: Movement) -> tuple[str, ...]:
    order = f"{one.order_source} {one.order_id}" if one.order_id else ""
    rate = "" if one.commission_rate is None else _percent(one.commission_rate)
    return (
        f"{one.posting_date}", f"{one.event_date}", one.entry_type, order, one.contract_id or "", rate,
        one.reason,
    )  # fmt: skip


def _amounts(balance: Balance, currency: str, *, blank: bool = False) -> tuple[str, ...]:
    return tuple("" if blank and not balance[name] else _amount(balance[name], currency) for name in ACCOUNTS)


def _amount(amount: Decimal, currency: str) -> str:
    return f"{amount:,.{MINOR_UNITS[currency]}f}"


def _plain(amount: Decimal, currency: str) -> str:
    return f"{amount:.{MINOR_UNITS[currency]}f}"


def _percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _csv(rows: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(text, fieldnames=list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
    return text.getvalue().encode()
