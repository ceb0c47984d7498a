"""Dirt in exports: malformed lines that must be quarantined and lines sent twice, each counted.

Dirt is only ever added: every clean line stays as its system wrote it. What is planted is written to the
truth, which no pipeline reads.
"""

import csv
import hashlib
import io
import json
from dataclasses import asdict, dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from include.demo.exports.systems import ExportFile

QUARANTINED = "quarantined"
UNCHANGED = "unchanged"

_NESTED = (
    "line_items",
    "shipping_lines",
    "fee_lines",
    "item_list",
    "invoiceDetails",
    "returnDetails",
    "returns",
)
_LINE_FEEDS = ("order_items", "pos_sale_lines")
_DEFECTS_PER_DAY = 2
_REPEATS = 3
_TEMPLATES = 40
_ONE_IN = 9
"""Of the files of one day, one in so many is delivered twice."""

Place = tuple[str | int, ...]
"""Steps into a record: keys and positions."""


@dataclass(frozen=True)
class Defect:
    """A value that no row of the feed may have, where it stands in a record of the file."""

    kind: str
    place: Place
    value: Any
    spoils_lines: bool = False
    """Whether the record's lines are refused with it."""


@dataclass(frozen=True)
class Planted:
    """Rows of one kind of dirt in one file, and what must become of them in one feed."""

    tenant_id: str
    source: str
    file: str
    start: date
    end: date
    kind: str
    feed: str
    rows: int
    outcome: str

    def row(self) -> dict[str, str | int | date]:
        """The row of ``dirt.csv``."""
        return asdict(self)


@dataclass(frozen=True)
class Dirt:
    """Lines to add to a file, what they are, and whether the file is delivered twice."""

    top: bytes = b""
    bottom: bytes = b""
    planted: list[Planted] = field(default_factory=list)
    again: bool = False


def _order(amount: Place, day: Place, currency: Place, key: str, no_date: Any) -> tuple[Defect, ...]:
    return (
        Defect("wrong_decimal", amount, "12,5"),
        Defect("impossible_date", day, no_date),
        Defect("unknown_currency", currency, "ZZZ"),
        Defect("missing_key", (key,), None, spoils_lines=True),
    )


def _customer(key: str, changed: str) -> tuple[Defect, ...]:
    return (
        Defect("missing_key", (key,), None),
        Defect("impossible_date", (changed,), "2026-02-30T00:00:00Z"),
    )


_OBJECT = ("data", "object")
_VARIATION = ("item_data", "variations", 0, "item_variation_data")

DEFECTS: dict[tuple[str, str], tuple[Defect, ...]] = {
    ("shopify", "orders"): _order(
        ("total_price_set", "shop_money", "amount"),
        ("created_at",),
        ("total_price_set", "shop_money", "currency_code"),
        "id",
        "2026-02-30T10:00:00+07:00",
    ),
    ("shopify", "refunds"): (
        Defect("missing_key", ("id",), None),
        Defect("negative_amount", ("transactions", 0, "amount"), "-5"),
        Defect("unknown_state", ("transactions", 0, "status"), "lost"),
    ),
    ("shopify", "customers"): _customer("id", "updated_at"),
    ("shopify", "products"): (
        Defect("wrong_decimal", ("variants", 0, "presentment_prices", 0, "price", "amount"), "1,5"),
    ),
    ("woocommerce", "orders"): _order(
        ("total",), ("date_created_gmt",), ("currency",), "id", "2026-02-30T10:00:00"
    ),
    ("woocommerce", "refunds"): (
        Defect("missing_key", ("id",), None),
        Defect("negative_amount", ("amount",), "-5"),
        Defect("impossible_date", ("date_created_gmt",), "2026-02-30T10:00:00"),
    ),
    ("woocommerce", "customers"): _customer("id", "date_modified_gmt"),
    ("woocommerce", "products"): (Defect("missing_name", ("name",), None),),
    ("tiktok_shop", "orders"): _order(
        ("payment", "total_amount"), ("create_time",), ("payment", "currency"), "id", "yesterday"
    ),
    ("tiktok_shop", "refunds"): (
        Defect("missing_key", ("return_id",), None),
        Defect("negative_amount", ("refund_amount", "refund_total"), "-5"),
    ),
    ("tiktok_shop", "remittances"): (
        Defect("missing_key", ("statement_id",), None),
        Defect("wrong_decimal", ("settlement_amount",), "1.2.3"),
        Defect("impossible_date", ("customer_paid_time",), "99999999999999999999"),
    ),
    ("tiktok_shop", "customers"): _customer("user_id", "update_time"),
    ("tiktok_shop", "products"): (Defect("missing_key", ("skus", 0, "seller_sku"), None),),
    ("kiotviet", "invoices"): _order(
        ("total",), ("purchaseDate",), ("currency",), "code", "2026-02-30T10:00:00.0000000"
    ),
    ("kiotviet", "returns"): _order(
        ("returnTotal",), ("returnDate",), ("currency",), "code", "2026-02-30T10:00:00.0000000"
    ),
    ("kiotviet", "customers"): _customer("code", "modifiedDate"),
    ("kiotviet", "products"): (Defect("wrong_decimal", ("basePrice",), "1,5"),),
    ("square", "orders"): (
        Defect("unknown_state", ("state",), "LOST"),
        Defect("impossible_date", ("created_at",), "2026-02-30T10:00:00Z"),
        Defect("missing_key", ("id",), None, spoils_lines=True),
    ),
    ("square", "customers"): _customer("id", "updated_at"),
    ("square", "products"): (Defect("fraction_of_minor_unit", (*_VARIATION, "price_money", "amount"), 10.5),),
    ("google_ads", "insights"): (
        Defect("wrong_decimal", ("metrics", "costMicros"), "1,500,000"),
        Defect("impossible_date", ("segments", "date"), "2026-02-30"),
        Defect("unknown_currency", ("customer", "currencyCode"), "ZZZ"),
        Defect("negative_count", ("metrics", "clicks"), "-3"),
    ),
    ("meta_ads", "insights"): (
        Defect("wrong_decimal", ("spend",), "12,5"),
        Defect("impossible_date", ("date_start",), "2026-02-30"),
        Defect("unknown_zone", ("account_timezone",), "Mars/Olympus"),
    ),
    ("tiktok_ads", "insights"): (
        Defect("wrong_decimal", ("metrics", "spend"), "12,5"),
        Defect("impossible_date", ("dimensions", "stat_time_day"), "2026-02-30 00:00:00"),
        Defect("missing_key", ("dimensions", "ad_id"), None),
    ),
    ("vnpay", "transactions"): (
        Defect("wrong_decimal", ("vnp_Amount",), "12,5"),
        Defect("impossible_date", ("vnp_PayDate",), "20260230101010"),
        Defect("short_date", ("vnp_PayDate",), "2026010510111"),
        Defect("unknown_currency", ("vnp_CurrCode",), "ZZZ"),
        Defect("negative_amount", ("vnp_Amount",), "-100000"),
        Defect("missing_key", ("vnp_TransactionNo",), ""),
        # 100,050 is not ten hundredfold dong: the dong has no half.
        Defect("fraction_of_minor_unit", ("vnp_Amount",), "100050"),
    ),
    ("momo", "transactions"): (
        Defect("negative_amount", ("amount",), -5),
        Defect("fraction_of_minor_unit", ("amount",), 1000.5),
        Defect("impossible_date", ("responseTime",), "soon"),
        Defect("missing_key", ("transId",), None),
    ),
    ("stripe", "events"): (
        Defect("fraction_of_minor_unit", (*_OBJECT, "amount"), 10.5),
        Defect("unknown_currency", (*_OBJECT, "currency"), "zzz"),
        Defect("unknown_state", (*_OBJECT, "status"), "lost_in_the_post"),
        Defect("impossible_date", (*_OBJECT, "created"), "tomorrow"),
        Defect("missing_key", (*_OBJECT, "id"), None),
    ),
    ("bank", "statement"): (
        Defect("wrong_decimal", ("Credit",), "1.250.000,00"),
        Defect("impossible_date", ("Booking date",), "31/02/2026"),
        Defect("unknown_currency", ("Currency",), "ZZZ"),
        Defect("missing_key", ("Line number",), ""),
    ),
    ("courier", "report"): (
        Defect("wrong_decimal", ("cod_amount",), "1,250,000"),
        Defect("impossible_date", ("delivered_time",), "31/02/2026 10:00:00"),
        Defect("unknown_currency", ("currency",), "ZZZ"),
        Defect("missing_key", ("session_code",), ""),
    ),
    ("crm", "kols"): (
        Defect("unknown_value", ("size_class",), "GIGA"),
        Defect("out_of_range", ("attribution_hours",), "0"),
        Defect("missing_key", ("kol_code",), ""),
    ),
    ("crm", "contracts"): (
        Defect("wrong_decimal", ("commission",), "ten percent"),
        Defect("negative_amount", ("fixed_fee",), "-5"),
        Defect("ends_before_start", ("last_day",), "1999-01-01"),
        Defect("unknown_currency", ("currency",), "ZZZ"),
    ),
    ("crm", "customers"): (
        Defect("impossible_date", ("date_of_birth",), "1990-02-30"),
        Defect("missing_key", ("contact_id",), ""),
    ),
    ("crm", "products"): (Defect("missing_key", ("sku",), ""),),
    ("fx", "rates"): (
        Defect("zero_rate", ("rate",), "0"),
        Defect("wrong_decimal", ("rate",), "25.430,5"),
        Defect("impossible_date", ("date",), "2026-02-30"),
        Defect("unknown_currency", ("base",), "ZZZ"),
    ),
    ("tracking", "tokens"): (
        Defect("ends_before_start", ("expires_at",), "1999-01-01T00:00:00Z"),
        Defect("missing_key", ("token_id",), None),
    ),
    ("tracking", "clicks"): (
        Defect("missing_key", ("click_id",), ""),
        Defect("impossible_date", ("ts",), "2026-02-30T00:00:00Z"),
        Defect("missing_date", ("ts",), ""),
    ),
}
"""Defects that the fields of each file can have."""


@dataclass(frozen=True)
class Soil:
    """Where dirt of one file comes from: the file, its interval and the seed."""

    tenant_id: str
    source: str
    file: ExportFile
    interval: tuple[date, date]
    seed: int

    def dig(self, clean: Path) -> Dirt:
        """Make the dirt of a file from its first lines.

        A file of many days gets every kind of defect, a file of one day a few of them in turn.
        """
        days = (self.interval[1] - self.interval[0]).days
        kinds = (*DEFECTS[self.file.system, self.file.name], *_BROKEN[self.file.format])
        if days == 1:
            first = self._chance("kinds") % len(kinds)
            kinds = tuple(kinds[(first + n) % len(kinds)] for n in range(min(_DEFECTS_PER_DAY, len(kinds))))
        again = days == 1 and self._chance("again") % _ONE_IN == 0
        writer = _Json(clean) if self.file.format == "jsonl" else _Csv(clean, self.file.delimiter)
        top: list[bytes] = []
        bottom: list[bytes] = []
        planted: list[Planted] = []
        for number, defect in enumerate(kinds):
            line, lines_inside = writer.spoilt(number, defect)
            (bottom if defect.kind == "truncated_line" else top).append(line)
            for feed in self.file.feeds:
                rows = lines_inside if feed in _LINE_FEEDS else 1
                if rows:
                    planted.append(self._planted(defect.kind, feed, rows * (2 if again else 1), QUARANTINED))
        repeated = writer.first(_REPEATS)
        top += [line for line, _ in repeated]
        for feed in self.file.feeds:
            rows = sum(lines if feed in _LINE_FEEDS else 1 for _, lines in repeated)
            planted.append(self._planted("repeated_line", feed, rows, UNCHANGED))
        return Dirt(b"".join(top), b"".join(bottom), planted, again)

    def _planted(self, kind: str, feed: str, rows: int, outcome: str) -> Planted:
        return Planted(self.tenant_id, self.source, self.file.name, *self.interval, kind, feed, rows, outcome)

    def _chance(self, what: str) -> int:
        """A number that depends on nothing but the seed, the file and the interval."""
        text = f"{self.seed}|{self.tenant_id}|{self.source}|{self.file.name}|{self.interval}|{what}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


_BROKEN = {
    "jsonl": (
        Defect("broken_json", (), None, spoils_lines=True),
        Defect("no_object", (), None, spoils_lines=True),
        Defect("truncated_line", (), None, spoils_lines=True),
    ),
    "csv": (
        Defect("too_few_fields", (), None),
        Defect("too_many_fields", (), None),
        Defect("truncated_line", (), None),
    ),
}
"""Defects of a line as such."""


class _Json:
    """Spoils records of JSON Lines."""

    def __init__(self, clean: Path) -> None:
        with clean.open("rb") as stream:
            self._lines = list(islice(stream, _TEMPLATES))

    def spoilt(self, number: int, defect: Defect) -> tuple[bytes, int]:
        """A line with the defect, and how many rows of its lines are refused with it."""
        line = self._lines[number % len(self._lines)]
        if defect.kind == "broken_json":
            return b"{" + line, 1
        if defect.kind == "truncated_line":
            return line[: len(line) // 2], 1
        if defect.kind == "no_object":
            return b'["an export is a list of objects"]\n', 1
        record = json.loads(line)
        returns = record.get("returns")
        if not defect.spoils_lines:
            # The lines of a record that is refused for itself would load without it.
            record |= {name: [] for name in _NESTED if record.get(name)}
            if returns:
                record["returns"] = [{**returns[0], "return_line_items": []}]
        _put(record, defect.place, defect.value)
        return json.dumps(record, ensure_ascii=False).encode() + b"\n", _lines_inside(record)

    def first(self, count: int) -> list[tuple[bytes, int]]:
        """The first lines, each with the number of lines inside its record."""
        return [(line, _lines_inside(json.loads(line))) for line in self._lines[:count]]


class _Csv:
    """Spoils rows of a CSV."""

    def __init__(self, clean: Path, delimiter: str) -> None:
        self._delimiter = delimiter
        with clean.open("r", encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream, delimiter=delimiter)
            self._header = next(rows)
            self._rows = list(islice(rows, _TEMPLATES))

    def spoilt(self, number: int, defect: Defect) -> tuple[bytes, int]:
        """A line with the defect; a row of a CSV has no lines inside."""
        row = list(self._rows[number % len(self._rows)])
        if defect.kind == "truncated_line":
            return self._line(row[:2])[:-1], 0
        if defect.kind == "too_few_fields":
            return self._line(row[:-2]), 0
        if defect.kind == "too_many_fields":
            return self._line([*row, "one", "more"]), 0
        row[self._header.index(str(defect.place[0]))] = defect.value
        if defect.kind == "wrong_decimal" and "Debit" in self._header:
            row[self._header.index("Debit")] = ""
        return self._line(row), 0

    def first(self, count: int) -> list[tuple[bytes, int]]:
        """The first lines; a row of a CSV has no lines inside."""
        return [(self._line(row), 0) for row in self._rows[:count]]

    def _line(self, row: list[str]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow(row)
        return text.getvalue().encode()


def _put(record: Any, place: Place, value: Any) -> None:
    """Set a value inside a record."""
    *way, last = place
    for step in way:
        record = record[step]
    record[last] = value


def _lines_inside(record: dict[str, Any]) -> int:
    """Lines inside a record; those of a return stand one level deeper."""
    lists = [record.get(name) or [] for name in _NESTED]
    return sum(len(line.get("return_line_items", [line])) for lines in lists for line in lines)
