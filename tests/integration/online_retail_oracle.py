"""Online Retail's days counted a second time: plain Python over the files, by the rules of decision 0002."""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

PENNY = Decimal("0.01")
FEES = {"AMAZONFEE", "BANK CHARGES", "CRUK"}


@dataclass
class Day:
    """One day's figures as the shop's own clock has them."""

    orders: int = 0
    gross: Decimal = Decimal(0)
    refunds: Decimal = Decimal(0)
    customers: set[str] = field(default_factory=set)


@dataclass
class Books:
    """Everything that the files say."""

    lines: int = 0
    repeated_lines: int = 0
    lines_without_customer: int = 0
    stock_corrections: int = 0
    fee_lines: int = 0
    total: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    bad_debt: Decimal = Decimal(0)
    gross: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """Gross of each invoice that is an order."""
    refunds: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """What each credit note gives back; fees of credit notes left out."""
    first_time: dict[str, str] = field(default_factory=dict)
    times: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    files: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    customers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def days(self) -> dict[date, Day]:
        """Return the figures of each day that has an order that counts or a refund."""
        days: dict[date, Day] = defaultdict(Day)
        for invoice, amount in self.gross.items():
            if amount > 0:
                day = days[date.fromisoformat(self.first_time[invoice][:10])]
                day.orders += 1
                day.gross += amount
                day.customers |= self.customers[invoice] - {""}
        for note, amount in self.refunds.items():
            days[date.fromisoformat(self.first_time[note][:10])].refunds += amount
        return dict(days)


def read(files: Iterable[Path]) -> Books:
    """Add up the lines of the files."""
    books = Books()
    seen: Counter[tuple[str, ...]] = Counter()
    for path in files:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
            for line in csv.DictReader(text):
                seen[tuple(line.values())] += 1
                _add(books, path.name, line)
    books.repeated_lines = sum(count - 1 for count in seen.values())
    return books


def _add(books: Books, file: str, line: dict[str, str]) -> None:
    invoice = line["InvoiceNo"]
    amount = (Decimal(line["Quantity"]) * Decimal(line["UnitPrice"])).quantize(PENNY, ROUND_HALF_UP)
    is_fee = line["StockCode"].upper() in FEES
    books.lines += 1
    books.total += amount
    books.lines_without_customer += line["CustomerID"] == ""
    books.fee_lines += is_fee
    books.times[invoice].add(line["InvoiceDate"])
    books.files[invoice].add(file)
    books.customers[invoice].add(line["CustomerID"].removesuffix(".0"))
    books.first_time[invoice] = min(books.times[invoice])
    if invoice.startswith("A"):
        books.bad_debt += amount
        return
    books.fees += amount if is_fee else 0
    if invoice.startswith("C"):
        if not is_fee:
            books.refunds[invoice] -= amount
        return
    books.gross[invoice] += Decimal(0) if is_fee else amount
    books.stock_corrections += line["Quantity"].startswith("-")
