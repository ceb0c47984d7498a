"""Tables as an XLSX file or as CSV: exact amounts, dates as dates, and the same bytes for the same rows."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from include.feeds.currencies import MINOR_UNITS

EXACT_DIGITS = 15
"""Digits of a number that Excel keeps; an amount of more is written as text, so that none is lost.
https://support.microsoft.com/office/excel-specifications-and-limits"""

MOST_ROWS = 50_000
"""Rows of a sheet; nobody reads more of them, and what is left out is said."""

MOST_LETTERS = 32_767
"""Letters that a cell of Excel holds."""

_HEAD_ROW = 4
_WIDTHS = {"text": 18, "day": 11, "count": 11, "money": 20}

Kind = Literal["text", "day", "count", "money"]


@dataclass(frozen=True)
class Column:
    """One column: its name, what it holds, and its width in letters if not the usual one.

    ``currency`` is the name of the column that tells, row by row, the currency of a column of money.
    """

    name: str
    kind: Kind = "text"
    width: int = 0
    currency: str = "currency"

    @property
    def head(self) -> str:
        """What stands above it."""
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Table:
    """A sheet: title (31 letters at most), what it shows, its columns and its rows in their order."""

    title: str
    note: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]


def workbook(heading: str, tables: Iterable[Table], *, day: date) -> bytes:
    """Return tables as an XLSX file, a sheet each.

    Args:
        heading: what stands on top of every sheet.
        tables: the sheets.
        day: given as the day on which the file was made, so that the same tables are the same bytes.
    """
    out = io.BytesIO()
    # Parts of a file that is made in memory have no times of their own.
    book = Workbook(out, {"in_memory": True})
    book.set_properties({"title": heading, "created": datetime(day.year, day.month, day.day)})
    writer = _Writer(book)
    for table in tables:
        writer.add(heading, table)
    book.close()
    return out.getvalue()


def as_csv(table: Table) -> bytes:
    """Return a table as CSV with a line of heads, amounts with all their decimals, UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    writer.writerows(["" if value is None else _exact(value) for value in row] for row in table.rows)
    return out.getvalue().encode()


def _exact(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


class _Writer:
    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.formats: dict[tuple[str, str], Format] = {}

    def add(self, heading: str, table: Table) -> None:
        sheet = self.book.add_worksheet(table.title)
        sheet.write_string(0, 0, heading, self._format(style="title"))
        sheet.write_string(1, 0, table.note)
        rows = table.rows[:MOST_ROWS]
        if len(table.rows) > MOST_ROWS:
            sheet.write_string(2, 0, f"Only the first {MOST_ROWS:,} rows.", self._format(style="warning"))
        for place, column in enumerate(table.columns):
            sheet.set_column(place, place, column.width or _WIDTHS[column.kind])
            sheet.write_string(_HEAD_ROW, place, column.head, self._format(style="head"))
        names = [column.name for column in table.columns]
        for number, row in enumerate(rows, _HEAD_ROW + 1):
            told = dict(zip(names, row, strict=True))
            for place, column in enumerate(table.columns):
                self._write(sheet, (number, place), column, row[place], told.get(column.currency))
        sheet.freeze_panes(_HEAD_ROW + 1, 0)
        sheet.autofilter(_HEAD_ROW, 0, _HEAD_ROW + len(rows), len(table.columns) - 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(_HEAD_ROW)

    def _write(self, sheet: Worksheet, cell: tuple[int, int], column: Column, value: Any, unit: Any) -> None:
        if value is None:
            return
        if column.kind == "day":
            sheet.write_datetime(
                *cell, datetime(value.year, value.month, value.day), self._format("yyyy-mm-dd")
            )
        elif column.kind == "text":
            # never as a formula, whatever a bank's line begins with
            sheet.write_string(*cell, str(value)[:MOST_LETTERS])
        else:
            amount = Decimal(value)
            places = 0 if column.kind == "count" else max(MINOR_UNITS.get(unit, 2), _places(amount))
            if _digits(amount) <= EXACT_DIGITS:
                picture = "#,##0" + ("." + "0" * places if places else "")
                sheet.write_number(*cell, float(amount), self._format(picture))
            else:
                sheet.write_string(*cell, f"{amount:,.{places}f}", self._format(style="long"))

    def _format(self, picture: str = "", *, style: str = "") -> Format:
        known = self.formats.get((picture, style))
        if known is None:
            properties = _STYLES[style] | ({"num_format": picture} if picture else {})
            known = self.formats[picture, style] = self.book.add_format(properties)
        return known


_STYLES: dict[str, dict[str, Any]] = {
    "": {},
    "title": {"bold": True, "font_size": 13},
    "warning": {"font_color": "#B00000"},
    "head": {"bold": True, "bg_color": "#E7ECF3", "bottom": 1, "text_wrap": True, "valign": "top"},
    "long": {"align": "right"},
}


def _digits(amount: Decimal) -> int:
    """Return how many digits an amount has from its first one that is not zero to its last."""
    return len("".join(map(str, amount.as_tuple().digits)).strip("0"))


def _places(amount: Decimal) -> int:
    """Return how many decimals an amount needs."""
    return len(f"{amount:f}".partition(".")[2].rstrip("0"))
