"""Delimited text and JSON Lines record by record, for files that the fast reader refuses or miscounts."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

MAX_RECORD_BYTES = 16 << 20
_BATCH_ROWS = 20_000
_SHOWN_CHARS = 100_000


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    skip: int = 0
    """Lines before the header."""


class Good(NamedTuple):
    """A record whose fields could be read; an empty field is None."""

    row: int
    fields: list[str | None]


class Broken(NamedTuple):
    """A record that is none: its number, its line in the file, why, and what stands there."""

    row: int
    line: int
    reason: str
    content: str


def csv_records(path: Path, dialect: Dialect, columns: int) -> Iterator[Good | Broken]:
    """Yield the records of a CSV after its header.

    A quoted field may span lines. Where a quote is never closed, or closing it would give another number of
    columns, only the line that opened it is broken: reading goes on with the next one.

    Args:
        path: plain UTF-8 text, with or without a byte order mark.
        dialect: delimiter, quote, escape, lines to skip.
        columns: number of columns of the header.
    """
    lines = _Lines(path)
    for _ in range(dialect.skip):
        lines.next()
    _record(lines, dialect, None)
    row = 0
    while True:
        here = lines.number + 1
        parsed = _record(lines, dialect, columns)
        if parsed is None:
            return
        if parsed == []:
            continue
        row += 1
        if isinstance(parsed, _Unreadable):
            yield Broken(row, here, parsed.reason, parsed.content)
        else:
            yield Good(row, [field or None for field in parsed])


def csv_header(path: Path, dialect: Dialect) -> list[str] | Broken | None:
    """Return the names in the header of a CSV; Broken when it cannot be read, None when there is no line."""
    lines = _Lines(path)
    for _ in range(dialect.skip):
        lines.next()
    while (parsed := _record(lines, dialect, None)) == []:
        pass
    if isinstance(parsed, _Unreadable):
        return Broken(0, lines.number, parsed.reason, parsed.content)
    return parsed


def json_records(path: Path) -> Iterator[Good | Broken]:
    """Yield the records of a JSON Lines file, one field each: the line. Blank lines count and give none."""
    lines = _Lines(path)
    while (line := lines.next()) is not None:
        text = _decoded(line.rstrip(b"\r\n"))
        if isinstance(text, _Unreadable):
            yield Broken(lines.number, lines.number, text.reason, text.content)
        elif text.strip():
            reason = why_no_object(text)
            if reason is None:
                yield Good(lines.number, [text])
            else:
                yield Broken(lines.number, lines.number, reason, text[:_SHOWN_CHARS])


def why_no_object(text: str) -> str | None:
    """Return why a line is no JSON object, None when it is one."""
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
        if "\\u" in text:  # only so written can half of a surrogate pair stand in it
            json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return f"no JSON: {error.msg} at character {error.pos + 1}"
    except UnicodeEncodeError:
        return "no JSON: half of a surrogate pair (\\ud800 to \\udfff) is no character"
    except RecursionError:
        return "no JSON: nested too deeply"
    except ValueError as error:
        return f"no JSON: {error}"
    return None if isinstance(found, dict) else "the line is JSON but no object"


def arrow_batches(records: Iterator[Good | Broken], columns: int) -> Iterator[tuple[pa.Table, list[Broken]]]:
    """Yield the records in batches: the good ones as Arrow (``_row``, ``c0`` … as text), and the broken."""
    rows: list[int] = []
    fields: list[list[str | None]] = []
    broken: list[Broken] = []
    size = 0
    for record in records:
        if isinstance(record, Broken):
            broken.append(record)
            size += len(record.content)
        else:
            rows.append(record.row)
            fields.append(record.fields)
            size += sum(map(len, filter(None, record.fields)))
        if len(rows) + len(broken) >= _BATCH_ROWS or size > MAX_RECORD_BYTES:
            yield _table(rows, fields, columns), broken
            rows, fields, broken, size = [], [], [], 0
    yield _table(rows, fields, columns), broken


def has_csv_records(path: Path, dialect: Dialect, count: int) -> bool:
    """Tell whether a CSV has this many records by its line ends outside quotes, the header left out.

    Certain for ordinary files; where quotes stand alone it may say no to the right count, and then the file
    deserves a careful reading.
    """
    ends = 0
    inside = False
    last = b"\n"
    mark = dialect.quote.encode()
    with path.open("rb") as stream:
        while chunk := stream.read(4 << 20):
            if not mark or mark not in chunk:
                ends += 0 if inside else chunk.count(b"\n")
            else:
                outside, inside = _ends_outside(chunk, mark, inside)
                ends += outside
            last = chunk[-1:]
    lines = ends + (last != b"\n")
    expected = max(lines - 1 - dialect.skip, 0)
    return count == expected or count == max(expected - _blank_lines(path), 0)


def _blank_lines(path: Path) -> int:
    """Count the lines without a character, those within quotes too."""
    blank = 0
    with path.open("rb") as stream:
        for line in iter(lambda: stream.readline(1 << 20), b""):
            blank += line in (b"\n", b"\r\n")
    return blank


def count_lines(path: Path) -> int:
    """Count the lines of a text, the last one also without a line end."""
    ends = 0
    last = b"\n"
    with path.open("rb") as stream:
        while chunk := stream.read(4 << 20):
            ends += chunk.count(b"\n")
            last = chunk[-1:]
    return ends + (last != b"\n")


def _ends_outside(chunk: bytes, mark: bytes, inside: bool) -> tuple[int, bool]:
    import numpy as np

    text = np.frombuffer(chunk, np.uint8)
    parity = np.cumsum(text == mark[0], dtype=np.uint32) + int(inside)
    outside = int(np.count_nonzero((text == ord("\n")) & (parity & 1 == 0)))
    return outside, bool(parity[-1] & 1)


@dataclass(frozen=True)
class _Unreadable:
    reason: str
    content: str


class _Lines:
    """The physical lines of a file, with the possibility to go back to one."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        self.number = 0
        if self._stream.read(3) != b"\xef\xbb\xbf":
            self._stream.seek(0)

    def __del__(self) -> None:
        self._stream.close()

    def next(self) -> bytes | None:
        """Return the next line with its end, None after the last; what is longer than a record is cut."""
        line = self._stream.readline(MAX_RECORD_BYTES)
        if not line:
            return None
        self.number += 1
        if len(line) == MAX_RECORD_BYTES and not line.endswith(b"\n"):
            while (rest := self._stream.readline(MAX_RECORD_BYTES)) and not rest.endswith(b"\n"):
                pass
        return line

    def place(self) -> tuple[int, int]:
        return self._stream.tell(), self.number

    def back(self, place: tuple[int, int]) -> None:
        self._stream.seek(place[0])
        self.number = place[1]


def _record(lines: _Lines, dialect: Dialect, columns: int | None) -> list[str] | _Unreadable | None:
    """Read one record: its fields, [] for a blank line, None at the end of the file."""
    line = lines.next()
    if line is None:
        return None
    if not line.strip(b"\r\n"):
        return []
    parsed = _parse(line, dialect, columns)
    if not (isinstance(parsed, _Unreadable) and parsed.reason == _UNCLOSED):
        return parsed
    first, after_first = parsed, lines.place()
    text = bytearray(line)
    mark = dialect.quote.encode()
    while (line := lines.next()) is not None and len(text) + len(line) < MAX_RECORD_BYTES:
        text += line
        if mark in line:
            parsed = _parse(bytes(text), dialect, columns)
            if not isinstance(parsed, _Unreadable):
                return parsed
            if parsed.reason != _UNCLOSED:
                break
    lines.back(after_first)
    return first


_UNCLOSED = "a quote is opened and not closed"


def _parse(raw: bytes, dialect: Dialect, columns: int | None) -> list[str] | _Unreadable:
    if len(raw) >= MAX_RECORD_BYTES:
        shown = raw[:_SHOWN_CHARS].decode("utf-8", "replace")
        return _Unreadable(f"the record is longer than {MAX_RECORD_BYTES >> 20} MB", shown)
    text = _decoded(raw)
    if isinstance(text, _Unreadable):
        return text
    body = text.rstrip("\r\n")
    shown = body[:_SHOWN_CHARS]
    doubled = dialect.escape == dialect.quote or not dialect.escape
    special = (sign for sign in ("\r", "\n", "\0", dialect.quote, dialect.escape) if sign)
    if not any(sign in body for sign in special):  # nothing but fields and delimiters
        return _as_many(columns, [body.split(dialect.delimiter)], shown)
    csv.field_size_limit(MAX_RECORD_BYTES)
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=dialect.delimiter,
            quotechar=dialect.quote or None,
            quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
            doublequote=doubled,
            escapechar=None if doubled else dialect.escape,
            strict=True,
        )
        found = list(reader)
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return _Unreadable(_UNCLOSED, shown)
        return _Unreadable(f"a quoted field goes on after its closing quote ({error})", shown)
    return _as_many(columns, found, shown)


def _as_many(columns: int | None, found: list[list[str]], shown: str) -> list[str] | _Unreadable:
    """Return the fields of the one record that was found, when they are as many as the columns."""
    fields = found[0]
    while columns is not None and len(fields) > columns and fields[-1] == "":
        fields.pop()
    if columns is not None and (len(fields) != columns or len(found) > 1):
        return _Unreadable(f"{len(fields)} columns where the header has {columns}", shown)
    return fields


def _decoded(raw: bytes) -> str | _Unreadable:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        shown = raw[:_SHOWN_CHARS].decode("latin-1")
        at = f"byte {error.start + 1} ({raw[error.start : error.start + 1].hex()})"
        return _Unreadable(
            f"{at} is no UTF-8; where the file has another encoding, set options.encoding", shown
        )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _table(rows: list[int], fields: list[list[str | None]], columns: int) -> pa.Table:
    values = list(zip(*fields, strict=True)) or [()] * columns
    arrays = [pa.array(rows, pa.int64()), *(pa.array(column, pa.large_string()) for column in values)]
    return pa.Table.from_arrays(arrays, names=["_row", *(f"c{place}" for place in range(columns))])
