"""Malformed input: each kind is quarantined or refused with its place and value, and the good rows load."""

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.feeds.check import check
from include.feeds.landing import LandedFile, land
from include.feeds.load import LoadResult, load_file
from include.feeds.mapping import Mapping as SqlMapping
from include.feeds.mapping import MappingError
from include.feeds.records import FileError
from include.settings import Settings
from include.warehouse import Warehouse, connect, load_contracts

DAY = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
HEAD = "id,order,state,currency,amount,time\n"
ONE = "r1,o1,succeeded,EUR,10.00,2026-03-01T10:00:00Z\n"
TWO = "r2,o2,succeeded,VND,250000,2026-03-01T11:00:00Z\n"
MAPPING = """
select _row, id as refund_id, "order" as order_id, state as status, currency, amount, time as refunded_at,
    time as updated_at, * exclude (_row, id, "order", state, currency, amount, time)
from source
"""
LOCAL = MAPPING.replace("time as refunded_at", "local_to_utc(time, getvariable('time_zone')) as refunded_at")
JSON_MAPPING = """
select _row, record ->> 'id' as refund_id, record ->> 'state' as status, record ->> 'currency' as currency,
    record ->> 'amount' as amount, record ->> 'time' as refunded_at, record ->> 'time' as updated_at,
    record -> 'note' as note
from source
"""
JSON_ONE = '{"id":"r1","state":"succeeded","currency":"EUR","amount":10.00,"time":"2026-03-01T10:00:00Z"}\n'
JSON_TWO = JSON_ONE.replace("r1", "r2")
SPEND = """
select _row, 'meta_ads' as platform, 'a1' as account_id, zone as account_time_zone, day as spend_date,
    'c1' as campaign_id, id as ad_id, 'EUR' as currency, spend, views as impressions, 0 as clicks
from source
"""
SPEND_HEAD = "id,zone,day,spend,views\n"
SPEND_ONE = "a1,Europe/Berlin,2026-03-01,1.50,100\n"
CLICKS = "select _row, id as click_id, prefetch as is_prefetch, time as clicked_at from source"
CLICKS_HEAD = "id,prefetch,time\n"
CLICKS_ONE = "c1,false,2026-03-01T10:00:00Z\n"


@dataclass(frozen=True)
class Fault:
    """One refusal that is expected: the record, its line, the column and value, words of the reason."""

    row: int
    line: int | None
    column: str | None
    value: str | None
    reason: str


@dataclass(frozen=True)
class Kind:
    """One kind of malformed file, what loads of it and what is refused."""

    name: str
    content: bytes
    loads: int = 0
    faults: tuple[Fault, ...] = ()
    error: str | None = None
    """Words of the error where the file or mapping cannot be used at all."""
    feed: str = "refunds"
    mapping: str = MAPPING
    file_format: Literal["csv", "jsonl", "parquet"] = "csv"
    options: dict[str, Any] = field(default_factory=dict)
    holds: tuple[tuple[str, str], ...] = ()
    """Expressions over the loaded rows, as text, and what they give."""
    conflicts: int = 0
    unchanged: int = 0


def text(*parts: str) -> bytes:
    return "".join(parts).encode()


def rows(*bad: str) -> bytes:
    """Return a file with the bad lines between two good ones."""
    return text(HEAD, ONE, *(f"{line}\n" for line in bad), TWO)


def value(name: str, column: str, given: str, reason: str, **changes: Any) -> Kind:
    """Make a kind whose third line has one wrong value."""
    cells = {"refund_id": "r9", "order_id": "o9", "status": "succeeded", "currency": "EUR", "amount": "5.00"}
    cells["refunded_at"] = "2026-03-01T12:00:00Z"
    cells[column] = f'"{given}"' if "," in given else given
    shown = given or None
    fault = Fault(2, 3, column, shown, reason)
    return Kind(name, rows(",".join(cells.values())), 2, (fault,), **changes)


def parquet(column: list[Any], cut: int | None = None) -> bytes:
    out = io.BytesIO()
    size = len(column)
    pq.write_table(
        pa.table(
            {
                "id": [f"r{n}" for n in range(size)],
                "order": ["o"] * size,
                "state": ["succeeded"] * size,
                "currency": ["EUR"] * size,
                "amount": column,
                "time": ["2026-03-01T10:00:00Z"] * size,
            }
        ),
        out,
    )
    return out.getvalue()[:cut]


PACKED = gzip.compress(rows() * 50)
LONG = "x" * 10_000_000
DEEP = "[" * 100_000 + "]" * 100_000
FILES = [
    Kind("truncated gzip", PACKED[:-20], error="the gzip is damaged"),
    Kind(
        "flipped bit in a gzip", PACKED[:30] + bytes([PACKED[30] ^ 4]) + PACKED[31:], error="gzip is damaged"
    ),
    Kind("gzip twice", gzip.compress(gzip.compress(rows())), error="compressed twice"),
    Kind("gzip whose name does not say so", gzip.compress(rows()), 2),
    Kind("empty file", b"", error="the file is empty"),
    Kind("header alone", HEAD.encode(), 0),
    Kind("wrong delimiter", rows().replace(b",", b";"), error="looks delimited by ';'"),
    Kind("the delimiter said", rows().replace(b",", b";"), 2, options={"delimiter": ";"}),
    Kind("spreadsheet's separator hint", b"sep=,\n" + rows(), error="set options: {skip: 1}"),
    Kind("Excel file", b"PK\x03\x04" + bytes(200), error="ZIP or Excel file"),
    Kind("error page", b"<html><body>502 Bad Gateway</body></html>", error="mapping .*502 Bad Gateway"),
    Kind("column missing", rows().replace(b"amount", b"total", 1), error="mapping .*amount"),
    Kind("column named twice", rows().replace(b"order", b"id", 1), error="the header names ..id.. more than"),
    Kind(
        "column without a name", rows().replace(b"order", b"", 1), error="column 2 of the header has no name"
    ),
    Kind("NUL in the header", rows().replace(b"order", b"or\0der", 1), error="header holds a NUL"),
    Kind(
        "Latin-1 in the header", rows().replace(b"order", b"ord\xe9r", 1), error="line 1: the header .*UTF-8"
    ),
    Kind("unknown encoding", rows(), error="no encoding 'klingon'", options={"encoding": "klingon"}),
    Kind("unknown option", rows(), error="unknown options", options={"separator": ";"}),
    Kind("text called Parquet", rows(), error="cannot be read as Parquet", file_format="parquet"),
    Kind(
        "truncated Parquet", parquet(["1.00"], -9), error="cannot be read as Parquet", file_format="parquet"
    ),
]
READING = [
    Kind("byte order mark", b"\xef\xbb\xbf" + rows(), 2),
    Kind("UTF-16", rows().decode().encode("utf-16"), 2),
    Kind("CRLF line ends", rows().replace(b"\n", b"\r\n"), 2),
    Kind("CR line ends", rows().replace(b"\n", b"\r"), 2),
    Kind("mixed line ends", text(HEAD, ONE.replace("\n", "\r\n"), TWO), 2),
    Kind("blank lines", text(HEAD, ONE, "\n\n", TWO, "\n"), 2),
    Kind("no line end at the end", rows()[:-1], 2),
    Kind("line end inside quotes", rows('r9,"o\n9",succeeded,EUR,5.00,2026-03-01T12:00Z'), 3),
    Kind(
        "Latin-1 in a row",
        rows().replace(b"o1", b"caf\xe9"),
        1,
        (Fault(1, 2, None, None, r"byte 7 \(e9\) is no UTF-8"),),
    ),
    Kind(
        "Latin-1 said",
        rows().replace(b"o1", b"caf\xe9"),
        2,
        options={"encoding": "latin-1"},
        holds=(("min(order_id)", "café"),),
    ),
    Kind(
        "a column too many",
        rows("r9,o9,succeeded,EUR,5.00,2026-03-01T12:00Z,more"),
        2,
        (Fault(2, 3, None, None, "7 columns where the header has 6"),),
    ),
    Kind(
        "a column too few",
        rows("r9,o9,succeeded,EUR,5.00"),
        2,
        (Fault(2, 3, None, None, "5 columns where the header has 6"),),
    ),
    Kind(
        "a quote never closed",
        rows('r9,"o9,succeeded,EUR,5.00,2026-03-01T12:00Z'),
        2,
        (Fault(2, 3, None, None, "a quote is opened and not closed"),),
    ),
    Kind(
        "text after a closing quote",
        rows('r9,"o"9,succeeded,EUR,5.00,2026-03-01T12:00Z'),
        2,
        (Fault(2, 3, None, None, "goes on after its closing quote"),),
    ),
    Kind(
        "a line of 10 MB",
        text(HEAD[:-1], ",note\n", ONE[:-1], f",{LONG}\n", TWO[:-1], ",\n"),
        2,
        holds=(("max(length(_extra ->> 'note'))", "10000000"),),
    ),
    Kind(
        "an id of 10 MB",
        rows(f"r9,{LONG},succeeded,EUR,5.00,2026-03-01T12:00Z"),
        2,
        (Fault(2, 3, "order_id", None, "order_id is longer than 600 bytes"),),
    ),
    Kind(
        "a line of 20 MB",
        rows(f"r9,{LONG}{LONG},succeeded,EUR,5.00,2026-03-01T12:00Z"),
        2,
        (Fault(2, 3, None, None, "longer than 16 MB"),),
    ),
    Kind(
        "last line cut off", rows()[:-30], 1, (Fault(2, 3, None, None, "4 columns where the header has 6"),)
    ),
    Kind(
        "header repeated",
        text(HEAD, ONE, HEAD, TWO),
        2,
        (Fault(2, 3, "status", "state", "'state' is none of"),),
    ),
    Kind("comma at the end of each line", rows().replace(b"Z\n", b"Z,\n"), 2),
    Kind(
        "unknown further column",
        text(HEAD[:-1], ",note\n", ONE[:-1], ",late\n"),
        1,
        holds=(("max(_extra ->> 'note')", "late"),),
    ),
]
VALUES = [
    value("negative amount", "amount", "-5.00", "amount is not positive"),
    value("zero amount", "amount", "0", "amount is not positive"),
    value("decimal comma", "amount", "12,50", "'12,50' is not a number"),
    value("thousands separator", "amount", "1,234.50", "'1,234.50' is not a number"),
    value("currency sign in the amount", "amount", "€5", "'€5' is not a number"),
    value("words for an amount", "amount", "five", "'five' is not a number"),
    value("not a number", "amount", "NaN", "'NaN' is not a number"),
    value("infinity", "amount", "Infinity", "'Infinity' is not a number"),
    value("amount out of range", "amount", "1e30", "'1e30' is not a number"),
    value("fraction of a cent", "amount", "5.001", "more decimals than EUR has"),
    value("more decimals than the column", "amount", "5.00001", "more than 4 decimals"),
    value("unknown currency", "currency", "EUX", "'EUX' is no currency code"),
    value("currency in lower case", "currency", "eur", "'eur' is no currency code"),
    value("missing key", "refund_id", "", "refund_id is missing"),
    value("missing amount", "amount", "", "amount is missing"),
    value("unknown state", "status", "done", "'done' is none of pending, succeeded, failed"),
    value(
        "impossible date", "refunded_at", "2026-02-30T12:00:00Z", "'2026-02-30T12:00:00Z' is not a timestamp"
    ),
    value("impossible hour", "refunded_at", "2026-02-03T25:00:00Z", "is not a timestamp"),
    value("day before month", "refunded_at", "31/12/2026 10:00", "'31/12/2026 10:00' is not a timestamp"),
    value("words for a time", "refunded_at", "yesterday", "'yesterday' is not a timestamp"),
    value(
        "year out of range", "refunded_at", "20260-03-01T12:00:00Z", "is (not a timestamp|outside the years)"
    ),
    value("infinite time", "refunded_at", "infinity", "is (not a timestamp|outside the years)"),
    value("NUL in a text", "order_id", "o\0x", "order_id holds a NUL character"),
    Kind(
        "half a dong",
        rows("r9,o9,succeeded,VND,100.5,2026-03-01T12:00Z"),
        2,
        (Fault(2, 3, "amount", "100.5", "more decimals than VND has"),),
    ),
    Kind(
        "impossible local time",
        text(
            HEAD,
            "r1,o,succeeded,EUR,5.00,2026-03-29 02:30:00\n",
            "r2,o,succeeded,EUR,5.00,2026-03-29 03:30:00\n",
        ),
        1,
        (
            Fault(
                1,
                2,
                "refunded_at",
                "impossible local time 2026-03-29 02:30:00 in Europe/Berlin",
                "impossible",
            ),
        ),
        mapping=LOCAL.replace("time as updated_at", "'2026-03-29T03:00Z' as updated_at"),
    ),
    Kind(
        "ambiguous local time",
        text(HEAD, "r1,o,succeeded,EUR,5.00,2026-10-25 02:30:00\n"),
        1,
        mapping=LOCAL,
        holds=(("min(refunded_at at time zone 'UTC')", "2026-10-25 00:30:00"),),
    ),
    Kind(
        "unknown time zone",
        text(SPEND_HEAD, SPEND_ONE, "a2,Mars/Phobos,2026-03-01,1.50,100\n"),
        1,
        (Fault(2, 3, "account_time_zone", "Mars/Phobos", "'Mars/Phobos' is no IANA time zone"),),
        feed="ad_spend",
        mapping=SPEND,
    ),
    Kind(
        "fraction of a view",
        text(SPEND_HEAD, SPEND_ONE, "a2,Europe/Berlin,2026-03-01,1.50,3.7\n"),
        1,
        (Fault(2, 3, "impressions", "3.7", "'3.7' is not a whole number"),),
        feed="ad_spend",
        mapping=SPEND,
    ),
    Kind(
        "count out of range",
        text(SPEND_HEAD, SPEND_ONE, "a2,Europe/Berlin,2026-03-01,1.50,99999999999999999999\n"),
        1,
        (Fault(2, 3, "impressions", "99999999999999999999", "is not a whole number"),),
        feed="ad_spend",
        mapping=SPEND,
    ),
    Kind(
        "instant for a day",
        text(SPEND_HEAD, SPEND_ONE, "a2,Europe/Berlin,2026-03-01 10:00:00,1.50,1\n"),
        1,
        (Fault(2, 3, "spend_date", "2026-03-01 10:00:00", "an instant where a date is asked"),),
        feed="ad_spend",
        mapping=SPEND,
    ),
    Kind(
        "perhaps for true",
        text(CLICKS_HEAD, CLICKS_ONE, "c2,perhaps,2026-03-01T10:00Z\n"),
        1,
        (Fault(2, 3, "is_prefetch", "perhaps", "'perhaps' is not true or false"),),
        feed="clicks",
        mapping=CLICKS,
    ),
    Kind(
        "bytes for an amount in Parquet",
        parquet([b"\xff", b"5.00"]),
        1,
        (Fault(1, None, "amount", "\\xFF", "is not a number"),),
        file_format="parquet",
    ),
    Kind(
        "numbers in Parquet",
        parquet([1.5, 2.25]),
        2,
        file_format="parquet",
        holds=(("sum(amount)", "3.7500"),),
    ),
]
KEYS = [
    Kind("the same row twice", text(HEAD, ONE, ONE, TWO), 2, unchanged=1),
    Kind(
        "one key in two versions",
        text(HEAD, ONE, ONE.replace("10.00", "11.00").replace("T10", "T12"), TWO),
        2,
        holds=(("max(amount) filter (where currency = 'EUR')", "11.0000"),),
        unchanged=1,
    ),
    Kind(
        "one event in two versions",
        text(CLICKS_HEAD, CLICKS_ONE, CLICKS_ONE.replace("T10", "T09")),
        1,
        feed="clicks",
        mapping=CLICKS,
        conflicts=1,
        holds=(("min(clicked_at at time zone 'UTC')", "2026-03-01 09:00:00"),),
    ),
]
JSON = [
    Kind(
        "broken JSON line",
        text(JSON_ONE, '{"id": \n', JSON_TWO),
        2,
        (Fault(2, 2, None, None, "no JSON: Expecting value at character"),),
    ),
    Kind(
        "last JSON line cut off",
        text(JSON_ONE, JSON_TWO)[:-20],
        1,
        (Fault(2, 2, None, None, "no JSON: Unterminated string"),),
    ),
    Kind(
        "JSON that is no object",
        text(JSON_ONE, "[1, 2]\n7\n", JSON_TWO),
        2,
        (Fault(2, 2, None, None, "no object"), Fault(3, 3, None, None, "no object")),
    ),
    Kind(
        "a JSON array for lines",
        text("[", JSON_ONE.strip(), ",", JSON_TWO.strip(), "]\n"),
        0,
        (Fault(1, 1, None, None, "no object"),),
    ),
    Kind(
        "NaN in JSON",
        text(JSON_ONE, JSON_TWO.replace("10.00", "NaN")),
        1,
        (Fault(2, 2, None, None, "NaN is no JSON value"),),
    ),
    Kind(
        "half a surrogate pair",
        text(JSON_ONE, JSON_TWO.replace("r2", "\\ud800")),
        1,
        (Fault(2, 2, None, None, "half of a surrogate pair"),),
    ),
    Kind(
        "NUL escaped in JSON",
        text(JSON_ONE, JSON_TWO.replace("r2", "r\\u00002")),
        1,
        (Fault(2, 2, "refund_id", "r␀2", "refund_id holds a NUL character"),),
    ),
    Kind(
        "NUL as it is in JSON",
        text(JSON_ONE, JSON_TWO.replace("r2", "r\0002")),
        1,
        (Fault(2, 2, None, None, "Invalid control character"),),
    ),
    Kind(
        "nested too deeply to keep",
        text(JSON_ONE, JSON_TWO[:-2], f',"note":{DEEP}}}\n'),
        1,
        (Fault(2, 2, "_extra", None, "nested too deeply"),),
    ),
    Kind(
        "nested deeply and refused for its amount",
        text(JSON_ONE, JSON_TWO[:-2].replace("10.00", '"x"'), f',"other":{DEEP}}}\n'),
        1,
        (Fault(2, 2, "amount", "x", "is not a number"),),
    ),
    Kind(
        "an object for an amount",
        text(JSON_ONE, JSON_TWO.replace("10.00", '{"value": 10}')),
        1,
        (Fault(2, 2, "amount", '{"value":10}', "is not a number"),),
    ),
    Kind(
        "a number beyond all range",
        text(JSON_ONE, JSON_TWO.replace("10.00", "1e999999")),
        1,
        (Fault(2, 2, "amount", None, "is not a number"),),
    ),
    Kind("CSV called JSON Lines", rows(), 0, tuple(Fault(n, n, None, None, "no JSON") for n in (1, 2, 3))),
]


def json_lines(kind: Kind) -> Kind:
    return Kind(**{**kind.__dict__, "file_format": "jsonl", "mapping": JSON_MAPPING})


KINDS = [*FILES, *READING, *VALUES, *KEYS, *map(json_lines, JSON)]


@pytest.fixture(scope="module")
def warehouse(warehouse_settings: Settings) -> Iterator[Warehouse]:
    with connect("loader", warehouse_settings) as open_warehouse:
        yield open_warehouse


def landed_as(kind: Kind, tenant: str, settings: Settings) -> LandedFile:
    return land(
        kind.content,
        tenant_id=tenant,
        source="shop",
        name=f"exports/file.{kind.file_format}",
        interval_start=DAY[0],
        interval_end=DAY[1],
        feeds={kind.feed: "mapping.sql"},
        file_format=kind.file_format,
        options=kind.options,
        time_zone="Europe/Berlin",
        settings=settings,
    )


def loaded(kind: Kind, tenant: str, warehouse: Warehouse, settings: Settings) -> LoadResult:
    mapping = SqlMapping("mapping.sql", kind.mapping)
    return load_file(warehouse, landed_as(kind, tenant, settings), kind.feed, mapping, settings=settings)


@pytest.mark.parametrize("kind", [k for k in KINDS if k.error is not None], ids=lambda kind: kind.name)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    kind: Kind, warehouse: Warehouse, warehouse_settings: Settings
) -> None:
    assert kind.error is not None
    tenant = uuid4().hex
    with pytest.raises((FileError, MappingError), match=kind.error) as caught:
        loaded(kind, tenant, warehouse, warehouse_settings)
    assert "exports/file." in str(caught.value) or "mapping.sql" in str(caught.value), "it names its place"
    assert warehouse.value(f"select count(*) from raw.{kind.feed} where tenant_id = %s", [tenant]) == 0


@pytest.mark.parametrize("kind", [k for k in KINDS if k.error is None], ids=lambda kind: kind.name)
def test_the_good_rows_load_and_each_bad_one_is_named(
    kind: Kind, warehouse: Warehouse, warehouse_settings: Settings, tmp_path: Path
) -> None:
    tenant = uuid4().hex
    result = loaded(kind, tenant, warehouse, warehouse_settings)
    assert (result.rows_loaded, result.rows_quarantined) == (kind.loads, len(kind.faults))
    assert (result.rows_unchanged, result.rows_conflicting) == (kind.unchanged, kind.conflicts)
    assert (
        warehouse.value(f"select count(*) from raw.{kind.feed} where tenant_id = %s", [tenant]) == kind.loads
    )
    for expression, expected in kind.holds:
        found = warehouse.value(
            f"select ({expression})::text from raw.{kind.feed} where tenant_id = %s", [tenant]
        )
        assert found == expected
    quarantine = (
        "select row, column_name, value, reason, content is not null from ops.quarantine where load_id = %s"
    )
    refused = warehouse.rows(quarantine + " order by row", [result.load_id])
    previewed = _preview(kind, tmp_path, warehouse_settings)
    for fault, row, seen in zip(kind.faults, refused, previewed, strict=True):
        assert (row[0], row[1], row[4]) == (fault.row, fault.column, True)
        shown = fault.value.replace("\0", "␀") if fault.value else fault.value
        assert fault.value is None or row[2] == shown
        assert _matches(fault.reason, row[3]), row[3]
        assert (seen.row, seen.line, seen.column) == (fault.row, fault.line, fault.column)


def _matches(pattern: str, found: str) -> bool:
    import re

    return re.search(pattern, found) is not None


def _preview(kind: Kind, folder: Path, settings: Settings) -> list[Any]:
    file, mapping = folder / f"file.{kind.file_format}", folder / "mapping.sql"
    file.write_bytes(kind.content)
    mapping.write_text(kind.mapping)
    preview = check(
        file,
        mapping,
        load_contracts()[kind.feed],
        file_format=kind.file_format,
        time_zone="Europe/Berlin",
        options=kind.options,
        settings=settings,
    )
    first: dict[int, Any] = {}
    for refusal in preview.refusals:
        first.setdefault(refusal.row, refusal)
    assert preview.refused == len(kind.faults)
    return list(first.values())


def test_there_are_at_least_thirty_kinds_and_each_has_a_name() -> None:
    assert len(KINDS) >= 30
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_a_mapping_that_forgets_the_time_zone_is_caught(
    warehouse: Warehouse, warehouse_settings: Settings
) -> None:
    """The planted defect of the time kinds: without local_to_utc the impossible hour would load."""
    kind = next(kind for kind in KINDS if kind.name == "impossible local time")
    careless = Kind(**{**kind.__dict__, "mapping": MAPPING})
    assert loaded(careless, uuid4().hex, warehouse, warehouse_settings).rows_quarantined == 0
