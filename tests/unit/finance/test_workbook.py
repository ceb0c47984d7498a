"""What stands in a sheet is what was given: amounts to the last unit, dates as dates, the same again."""

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from include.finance.reporting import workbook as made
from include.finance.reporting.workbook import Column, Table, as_csv, workbook

DAY = date(2026, 3, 31)
COLUMNS = (
    Column("item"),
    Column("booked_on", "day"),
    Column("items", "count"),
    Column("currency"),
    Column("amount", "money"),
)
FIRST = made._HEAD_ROW + 2


def table(*rows: Sequence[Any], title: str = "Breaks") -> Table:
    return Table(title, "What is open.", COLUMNS, rows)


def row(amount: Decimal | None, currency: str = "USD", item: str = "a") -> tuple[Any, ...]:
    return item, DAY, 1, currency, amount


def read(content: bytes, title: str = "Breaks") -> Any:
    return load_workbook(io.BytesIO(content))[title]


def amount_in(cell: Any) -> Decimal:
    """Return the amount that a cell holds, by the digits that Excel keeps of a number."""
    if isinstance(cell.value, str):
        return Decimal(cell.value.replace(",", ""))
    return Decimal(f"{cell.value:.15g}")


def test_a_sheet_reads_back_as_it_was_given() -> None:
    sheet = read(
        workbook("lotus, 2026-03-31", [table(row(Decimal("-1234.5000")), row(None, item="b"))], day=DAY)
    )
    assert sheet["A1"].value == "lotus, 2026-03-31"
    assert sheet["A2"].value == "What is open."
    heads, first, second = list(sheet.iter_rows(min_row=FIRST - 1, values_only=True))
    assert heads == ("item", "booked on", "items", "currency", "amount")
    assert (first[0], first[1].date(), *first[2:]) == ("a", DAY, 1, "USD", -1234.5)
    assert second[4] is None
    assert sheet.freeze_panes == f"A{FIRST}"
    assert sheet.auto_filter.ref == f"A{FIRST - 1}:E{FIRST + 1}"
    assert sheet.column_dimensions["A"].width > 15


@pytest.mark.parametrize(
    ("currency", "amount", "picture"),
    [
        ("VND", "5000000000000.0000", "#,##0"),
        ("USD", "10.5000", "#,##0.00"),
        ("USD", "0.1234", "#,##0.0000"),  # a commission that is not rounded yet
        ("KWD", "1", "#,##0.000"),
        ("VND", "0.5", "#,##0.0"),
    ],
)
def test_an_amount_is_shown_with_the_decimals_of_its_currency(
    currency: str, amount: str, picture: str
) -> None:
    cell = read(workbook("x", [table(row(Decimal(amount), currency))], day=DAY)).cell(FIRST, 5)
    assert cell.number_format == picture
    assert Decimal(str(cell.value)) == Decimal(amount)


def test_what_a_spreadsheet_would_round_is_written_as_text() -> None:
    exact = [Decimal("9007199254740993"), Decimal("123456789012.3456"), Decimal("99999999999999999999.9999")]
    sheet = read(workbook("x", [table(*(row(amount) for amount in exact))], day=DAY))
    cells = [sheet.cell(FIRST + at, 5) for at in range(len(exact))]
    assert [cell.value for cell in cells] == [
        "9,007,199,254,740,993.00",
        "123,456,789,012.3456",
        "99,999,999,999,999,999,999.9999",
    ]
    assert int(float(exact[0])) != exact[0]  # as a number it would have lost its last unit


@given(st.lists(st.decimals(min_value=-(10**16), max_value=10**16, places=4), min_size=1, max_size=20))
def test_no_amount_loses_a_unit(amounts: list[Decimal]) -> None:
    sheet = read(workbook("x", [table(*(row(amount) for amount in amounts))], day=DAY))
    assert [amount_in(sheet.cell(FIRST + at, 5)) for at in range(len(amounts))] == amounts
    lines = list(csv.DictReader(io.StringIO(as_csv(table(*map(row, amounts))).decode())))
    assert [Decimal(line["amount"]) for line in lines] == amounts


def test_the_same_tables_are_the_same_bytes() -> None:
    tables = [table(row(Decimal(1))), table(row(Decimal(2)), title="Ledger")]
    first = workbook("x", tables, day=DAY)
    assert workbook("x", tables, day=DAY) == first
    with zipfile.ZipFile(io.BytesIO(first)) as parts:  # nothing in it tells when it was made
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        told = parts.read("docProps/core.xml").decode()
    assert set(re.findall(r"\d{4}-\d\d-\d\d", told)) == {f"{DAY}"}
    assert workbook("x", [tables[0], table(row(Decimal(3)), title="Ledger")], day=DAY) != first
    assert workbook("x", tables, day=date(2026, 4, 1)) != first


@pytest.mark.parametrize("text", ["=1+1", "+84 90", "@home", "-", "{=A1}", "http://shop.example", "a\x07b"])
def test_text_is_never_a_formula_nor_a_link(text: str) -> None:
    cell = read(workbook("x", [table(row(None, item=text))], day=DAY)).cell(FIRST, 1)
    assert cell.data_type == "s"
    assert cell.hyperlink is None
    assert "\x07" in text or cell.value == text


def test_a_sheet_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "MOST_ROWS", 3)
    rows = [row(Decimal(number)) for number in range(5)]
    sheet = read(workbook("x", [table(*rows[:3]), table(*rows, title="More")], day=DAY))
    assert sheet["A3"].value is None
    longer = read(workbook("x", [table(*rows[:3]), table(*rows, title="More")], day=DAY), "More")
    assert longer["A3"].value == "Only the first 3 rows."
    assert longer.max_row == FIRST + 2


def test_csv_keeps_every_decimal_and_quotes_what_needs_it() -> None:
    said = as_csv(table(row(Decimal("99999999999999999999.9999"), item='Ana, "x"'), row(None))).decode()
    assert said.splitlines() == [
        "item,booked_on,items,currency,amount",
        '"Ana, ""x""",2026-03-31,1,USD,99999999999999999999.9999',
        "a,2026-03-31,1,USD,",
    ]
