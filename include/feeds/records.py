"""The records of a landed file in DuckDB: the relation ``source`` that a mapping selects from."""

import codecs
import csv
import gzip
import io
import json
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from include.settings import Settings, get_settings

MAX_RECORD_BYTES = 16 << 20
_OPTIONS = {"delimiter", "quote", "escape", "encoding", "skip"}
_ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "latin-1": "latin-1",
    "iso-8859-1": "latin-1",
    "utf-16": "utf-16",
}
# What the hashes in the warehouse were made with: a DuckDB that says otherwise must not load.
_KNOWN_HASH = "0cc175b9c0f1b6a831c399e269772661"


class FileError(ValueError):
    """A file that cannot be read as what it was declared to be; the text names file, place and next step."""


@dataclass(frozen=True)
class Records:
    """An open file: ``duck`` has the relation ``source`` (``_row`` first) and the table ``broken``.

    ``broken`` (``_row``, ``line``, ``column_name``, ``reason``, ``content``) holds records that are no records.
    """

    duck: duckdb.DuckDBPyConnection
    name: str
    columns: tuple[str, ...]
    count: int
    """Records in the file, broken ones included."""
    broken: int
    may_hold_nul: bool
    """False when no byte of the text can become a NUL character."""


@contextmanager
def session(settings: Settings | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB that stays within the loader's memory and spills beside the project's state."""
    settings = settings or get_settings()
    spill = settings.home / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=spill) as folder:
        duck = duckdb.connect(
            config={
                "memory_limit": f"{settings.loader_memory_mb}MB",
                "temp_directory": folder,
                "threads": 2,
                "autoinstall_known_extensions": False,
            }
        )
        try:
            duck.execute("set TimeZone = 'UTC'")
            duck.execute("set enable_progress_bar = false")
            if duck.execute("select md5('a')").fetchall() != [(_KNOWN_HASH,)]:
                raise RuntimeError(
                    "DuckDB's md5 is not md5; its hashes would not match those in the warehouse"
                )
            yield duck
        finally:
            duck.close()


@contextmanager
def open_records(
    path: Path,
    file_format: str,
    *,
    name: str,
    options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> Iterator[Records]:
    """Read a local file into DuckDB.

    Args:
        path: where it lies; ``.gz`` by its first bytes, not by its name.
        file_format: ``csv`` (every column text), ``jsonl`` (``record``) or ``parquet``.
        name: what to call it in messages.
        options: of a CSV: delimiter, quote, escape, encoding (utf-8, latin-1, utf-16), skip (lines before
            the header).

    Raises:
        FileError: when it is cut off, empty of a header, of another format, or has an unknown option.
    """
    options = dict(options or {})
    if unknown := sorted(set(options) - _OPTIONS):
        raise FileError(f"{name}: unknown options {unknown}; there are {sorted(_OPTIONS)}")
    with session(settings) as duck, _plain(path, name, settings) as plain:
        duck.execute(
            "create temp table broken (_row bigint, line bigint, column_name text, reason text, content text)"
        )
        if file_format == "csv":
            columns = _read_csv(duck, plain, name, options)
        elif file_format == "jsonl":
            columns = _read_lines(duck, plain, name)
        else:
            columns = _read_parquet(duck, plain, name)
        [(count,)] = duck.execute("select count(*) from source").fetchall()
        [(broken,)] = duck.execute("select count(*) from broken").fetchall()
        # The records have their numbers now; from here on rows may come in any order, which is faster.
        duck.execute("set preserve_insertion_order = false")
        yield Records(duck, name, columns, count + broken, broken, _may_hold_nul(plain, file_format))


@contextmanager
def _plain(path: Path, name: str, settings: Settings | None) -> Iterator[Path]:
    """Give the file uncompressed; a damaged gzip is found here and not half-way through."""
    with path.open("rb") as stream:
        head = stream.read(2)
    if head != b"\x1f\x8b":
        yield path
        return
    spill = (settings or get_settings()).home / "spill"
    with tempfile.NamedTemporaryFile(dir=spill, suffix=path.name.removesuffix(".gz")[-20:]) as unpacked:
        try:
            with gzip.open(path, "rb") as stream:
                shutil.copyfileobj(stream, unpacked, 1 << 20)
        except (EOFError, OSError, zlib.error) as error:
            raise FileError(
                f"{name}: the gzip is damaged after {unpacked.tell()} bytes ({error}); fetch the file again"
            ) from error
        unpacked.flush()
        yield Path(unpacked.name)


def _may_hold_nul(path: Path, file_format: str) -> bool:
    if file_format == "parquet":
        return True
    signs = (b"\0", b"\\u0000") if file_format == "jsonl" else (b"\0",)
    tail = b""
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            if any(sign in tail + chunk for sign in signs):
                return True
            tail = chunk[-5:]
    return False


def _read_csv(
    duck: duckdb.DuckDBPyConnection, path: Path, name: str, options: Mapping[str, Any]
) -> tuple[str, ...]:
    delimiter = str(options.get("delimiter", ","))
    quote = str(options.get("quote", '"'))
    skip = int(options.get("skip", 0))
    header, encoding = _header(path, name, delimiter, quote, skip, options.get("encoding"))
    kinds = "{" + ", ".join(f"{_text(column)}: 'varchar'" for column in header) + "}"
    sql = f"""
        create temp table records as
        select * from read_csv({_text(str(path))}, auto_detect = false, header = true, skip = {skip},
            columns = {kinds}, delim = {_text(delimiter)}, quote = {_text(quote)},
            escape = {_text(str(options.get("escape", quote)))}, encoding = {_text(encoding)},
            null_padding = false, store_rejects = true, rejects_limit = 0, max_line_size = {MAX_RECORD_BYTES},
            buffer_size = {4 * MAX_RECORD_BYTES}, strict_mode = true, new_line = {_text(_newline(path))})
    """
    try:
        duck.execute(sql)
    except duckdb.Error as error:
        raise FileError(f"{name}: cannot be read as CSV: {_first_line(error)}") from error
    columns = ", ".join(_name(column) for column in header)
    _collect_rejects(duck, 1 + skip)
    shift = "0"
    if duck.execute("select 1 from broken limit 1").fetchall():
        # Rejected lines left holes: give each record the number that it has in the file.
        duck.execute(
            """create temp table holes as
            select _row - (row_number() over (order by _row) - 1) as gap from (select distinct _row from broken)"""
        )
        shift = "(select count(*) from holes where gap <= rowid + 1)"
    duck.execute(f"create temp view source as select rowid + 1 + {shift} as _row, {columns} from records")
    return header


def _header(
    path: Path, name: str, delimiter: str, quote: str, skip: int, encoding: str | None
) -> tuple[tuple[str, ...], str]:
    with path.open("rb") as stream:
        head = stream.read(4)
    if encoding is None:
        encoding = "utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"
    chosen = _ENCODINGS.get(str(encoding).lower())
    if chosen is None:
        raise FileError(
            f"{name}: unknown encoding {encoding!r}; there are {sorted(set(_ENCODINGS.values()))}"
        )
    reader_encoding = "utf-8-sig" if chosen == "utf-8" else chosen
    with path.open("r", encoding=reader_encoding, newline="") as text:
        try:
            for _ in range(skip):
                text.readline()
            first = text.readline(MAX_RECORD_BYTES)
        except UnicodeError as error:
            raise FileError(
                f"{name}, line 1: the header is no {chosen}; set options: {{encoding: …}}"
            ) from error
    if not first.strip():
        raise FileError(f"{name}: the file is empty; a CSV begins with a header of column names")
    if "\0" in first:
        raise FileError(f"{name}, line 1: the header holds a NUL byte; this is no CSV text")
    header = tuple(
        column.strip()
        for column in next(csv.reader(io.StringIO(first), delimiter=delimiter, quotechar=quote))
    )
    lower = [column.lower() for column in header]
    if "" in lower:
        raise FileError(f"{name}, line 1: column {lower.index('') + 1} of the header has no name")
    if doubled := sorted({column for column in lower if lower.count(column) > 1}):
        raise FileError(f"{name}, line 1: the header names {doubled} more than once")
    if "_row" in lower:
        raise FileError(
            f"{name}, line 1: a column is called _row, which is the record's number here; rename it"
        )
    other = [c for c in ";\t|," if c != delimiter and first.count(c) >= 1]
    if len(header) == 1 and other:
        raise FileError(
            f"{name}, line 1: one column {header[0][:60]!r} with delimiter {delimiter!r}; it looks delimited by "
            f"{other[0]!r}: set options: {{delimiter: {other[0]!r}}}"
        )
    return header, chosen


def _newline(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(1 << 20)
    if b"\r\n" in head:
        return "\\r\\n"
    return "\\n" if b"\n" in head or b"\r" not in head else "\\r"


def _collect_rejects(duck: duckdb.DuckDBPyConnection, header_lines: int) -> None:
    """Move what the reader refused to ``broken``: one entry per line, its first error."""
    duck.execute(
        f"""
        insert into broken
        select line - {header_lines}, line, first(column_name order by column_idx),
            first(error_message order by column_idx), first(csv_line order by column_idx)
        from reject_errors group by line
        """
    )


def _read_lines(duck: duckdb.DuckDBPyConnection, path: Path, name: str) -> tuple[str, ...]:
    sql = f"""
        create temp table records as
        select * from read_csv({_text(str(path))}, auto_detect = false, header = false,
            columns = {{'record': 'varchar'}}, delim = '\x01', quote = '', escape = '', null_padding = false,
            store_rejects = true, rejects_limit = 0, max_line_size = {MAX_RECORD_BYTES},
            buffer_size = {4 * MAX_RECORD_BYTES}, strict_mode = false, new_line = {_text(_newline(path))})
    """
    try:
        duck.execute(sql)
    except duckdb.Error as error:
        raise FileError(f"{name}: cannot be read as JSON Lines: {_first_line(error)}") from error
    _collect_rejects(duck, 0)
    shift = "0"
    if duck.execute("select 1 from broken limit 1").fetchall():
        duck.execute(
            """create temp table holes as
            select _row - (row_number() over (order by _row) - 1) as gap from (select distinct _row from broken)"""
        )
        shift = "(select count(*) from holes where gap <= rowid + 1)"
    duck.execute(
        f"""
        create temp table bad_lines as
        select rowid + 1 + {shift} as _row, record from records
        where record is not null and trim(record) <> ''
            and (not json_valid(record) or json_type(try_cast(record as json)) <> 'OBJECT')
        """
    )
    bad = duck.execute("select _row, record from bad_lines").fetchall()
    for row, text in bad:
        reason = _why_no_object(text)
        duck.execute("insert into broken values (?, ?, null, ?, ?)", [row, row, reason, text[:100_000]])
    duck.execute(
        f"""
        create temp view source as
        select _row, record::json as record
        from (select rowid + 1 + {shift} as _row, record from records)
        where record is not null and trim(record) <> '' and _row not in (select _row from bad_lines)
        """
    )
    return ("record",)


def _why_no_object(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"no JSON: {error.msg} at character {error.pos + 1}"
    except RecursionError:
        return "no JSON: nested too deeply"
    return "the line is JSON but no object"


def _read_parquet(duck: duckdb.DuckDBPyConnection, path: Path, name: str) -> tuple[str, ...]:
    try:
        described = duck.execute(f"describe select * from read_parquet({_text(str(path))})").fetchall()
        columns = tuple(row[0] for row in described)
        if "_row" in columns:
            raise FileError(f"{name}: a column is called _row, which is the record's number here; rename it")
        # Read in full: a damaged page must be found before anything is loaded.
        duck.execute(
            f"""
            create temp table records as
            select file_row_number + 1 as _row, * exclude (file_row_number)
            from read_parquet({_text(str(path))}, file_row_number = true)
            """
        )
    except duckdb.Error as error:
        raise FileError(f"{name}: cannot be read as Parquet: {_first_line(error)}") from error
    duck.execute("create temp view source as select * from records")
    return columns


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
