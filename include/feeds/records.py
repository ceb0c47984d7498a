"""The records of a landed file in DuckDB: the relation ``source`` that a mapping selects from."""

import codecs
import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from include.feeds.textlines import (
    MAX_RECORD_BYTES,
    Broken,
    Dialect,
    Good,
    arrow_batches,
    count_lines,
    csv_header,
    csv_records,
    has_csv_records,
    json_records,
)
from include.settings import Settings, get_settings

_OPTIONS = {"delimiter", "quote", "escape", "encoding", "skip"}
_NO_TEXT = {
    b"PK\x03\x04": "a ZIP or Excel file",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\x1f\x8b": "compressed twice",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
}
ONE_THREAD_BYTES = 8_000_000
"""Up to this size sharing the work between threads costs more than it saves."""
# What the hashes in the warehouse were made with: a DuckDB that says otherwise must not load.
_KNOWN_HASH = "0cc175b9c0f1b6a831c399e269772661"


class FileError(ValueError):
    """A file that cannot be read as what it was declared to be; the text names file, place and next step."""


@dataclass(frozen=True)
class Records:
    """An open file: ``duck`` has the relation ``source`` (``_row`` first) and the table ``broken``.

    ``broken`` (``_row``, ``line``, ``column_name``, ``reason``, ``content``) holds what is no record.
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
                "threads": 1,
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
        options: encoding (UTF-8 unless named or told by a byte order mark); of a CSV also delimiter, quote,
            escape, skip (lines before the header).
        settings: memory and the folder to spill to.

    Raises:
        FileError: when it is cut off, empty of a header, of another format, or has an unknown option.
    """
    options = dict(options or {})
    if unknown := sorted(set(options) - _OPTIONS):
        raise FileError(f"{name}: unknown options {unknown}; there are {sorted(_OPTIONS)}")
    with (
        session(settings) as duck,
        _unpacked(path, name, settings) as unpacked,
        _plain(unpacked, file_format, name, options, settings) as plain,
    ):
        if plain.stat().st_size > ONE_THREAD_BYTES:
            duck.execute("set threads = 2")
        duck.execute(
            "create temp table broken (_row bigint, line bigint, column_name text, reason text, content text)"
        )
        if file_format == "csv":
            columns = _read_csv(duck, plain, name, options)
        elif file_format == "jsonl":
            columns = _read_lines(duck, plain)
        else:
            columns = _read_parquet(duck, plain, name)
        [(count,)] = duck.execute("select count(*) from source").fetchall()
        [(broken,)] = duck.execute("select count(*) from broken").fetchall()
        # The records have their numbers now; from here on rows may come in any order, which is faster.
        duck.execute("set preserve_insertion_order = false")
        yield Records(duck, name, columns, count + broken, broken, _may_hold_nul(plain, file_format))


@contextmanager
def _unpacked(path: Path, name: str, settings: Settings | None) -> Iterator[Path]:
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
    """Look once over the bytes: can there be a NUL character."""
    if file_format == "parquet":
        return True
    signs = (b"\0", b"\\u0000") if file_format == "jsonl" else (b"\0",)
    tail = b""
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            if any(sign in chunk or sign in tail + chunk[:5] for sign in signs):
                return True
            tail = chunk[-5:]
    return False


@contextmanager
def _plain(
    path: Path, file_format: str, name: str, options: Mapping[str, Any], settings: Settings | None
) -> Iterator[Path]:
    """Give a text as UTF-8 with line ends that every reader knows; other files as they are."""
    if file_format == "parquet":
        yield path
        return
    with path.open("rb") as stream:
        head = stream.read(1 << 20)
    for sign, what in _NO_TEXT.items():
        if head.startswith(sign):
            raise FileError(f"{name}: this is {what}, no text; export it as {file_format} or set format")
    encoding = str(options.get("encoding") or _told_by_mark(head))
    try:
        codec = codecs.lookup(encoding).name
        "".encode(codec)
    except LookupError as error:
        raise FileError(f"{name}: there is no encoding {encoding!r}; set options.encoding") from error
    lone_returns = b"\r" in head and b"\n" not in head and codec == "utf-8"
    if codec == "utf-8" and not lone_returns:
        yield path
        return
    spill = (settings or get_settings()).home / "spill"
    with tempfile.NamedTemporaryFile(dir=spill) as rewritten:
        try:
            with path.open("r", encoding=codec, errors="surrogateescape", newline="") as text:
                while chunk := text.read(1 << 20):
                    plain = chunk.replace("\r", "\n") if lone_returns else chunk
                    rewritten.write(plain.encode("utf-8", "surrogateescape"))
        except UnicodeError as error:
            raise FileError(f"{name}: this is no {encoding}: {error}; set options.encoding") from error
        rewritten.flush()
        yield Path(rewritten.name)


def _told_by_mark(head: bytes) -> str:
    return "utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"


def _read_csv(
    duck: duckdb.DuckDBPyConnection, path: Path, name: str, options: Mapping[str, Any]
) -> tuple[str, ...]:
    quote = str(options.get("quote", '"'))
    dialect = Dialect(
        delimiter=str(options.get("delimiter", ",")),
        quote=quote,
        escape=str(options.get("escape", quote)),
        skip=int(options.get("skip", 0)),
    )
    header = _header(path, name, dialect)
    columns = ", ".join(_name(column) for column in header)
    kinds = "{" + ", ".join(f"{_text(column)}: 'varchar'" for column in header) + "}"
    fast = f"""
        create temp table records as
        select * from read_csv({_text(str(path))}, auto_detect = false, header = true, skip = {dialect.skip},
            columns = {kinds}, delim = {_text(dialect.delimiter)}, quote = {_text(dialect.quote)},
            escape = {_text(dialect.escape)}, null_padding = false, strict_mode = true,
            max_line_size = {MAX_RECORD_BYTES}, buffer_size = {4 * MAX_RECORD_BYTES})
    """
    count = _stands(duck, fast)
    if count is not None and has_csv_records(path, dialect, count):
        duck.execute(f"create temp view source as select rowid + 1 as _row, {columns} from records")
        return header
    _read_with_care(duck, csv_records(path, dialect, len(header)), header)
    duck.execute(f"create temp view source as select _row, {columns} from records")
    return header


def _read_lines(duck: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    fast = f"""
        create temp table records as
        select * from read_csv({_text(str(path))}, auto_detect = false, header = false,
            columns = {{'record': 'varchar'}}, delim = '\x01', quote = '', escape = '', null_padding = false,
            strict_mode = false, max_line_size = {MAX_RECORD_BYTES}, buffer_size = {4 * MAX_RECORD_BYTES})
    """
    present = "record is not null and trim(record) <> ''"
    objects = "json_valid(record) and json_type(try_cast(record as json)) = 'OBJECT'"
    # NaN and Infinity pass for JSON here and nowhere else: a file with such words is read line by line.
    constant = "contains(record, 'NaN') or contains(record, 'Infinity')"
    odd = f"{present} and (not ({objects}) or {constant})"
    if (
        _stands(duck, fast) != count_lines(path)
        or duck.execute(f"select 1 from records where {odd} limit 1").fetchall()
    ):
        _read_with_care(duck, json_records(path), ("record",))
        duck.execute(
            f"""
            insert into broken
            select _row, _row, null, 'no JSON that can be stored', left(record, 100000) from records
            where not ({objects})
            """
        )
        duck.execute(
            f"create temp view source as select _row, record::json as record from records where {objects}"
        )
        return ("record",)
    duck.execute(
        f"""
        create temp view source as
        select rowid + 1 as _row, record::json as record from records where {present}
        """
    )
    return ("record",)


def _stands(duck: duckdb.DuckDBPyConnection, reading: str) -> int | None:
    """Run the fast reader; returns how many records it found, None when it refused the file."""
    try:
        duck.execute(reading)
    except duckdb.Error:
        return None
    [(count,)] = duck.execute("select count(*) from records").fetchall()
    return int(count)


def _read_with_care(
    duck: duckdb.DuckDBPyConnection, found: Iterator[Good | Broken], columns: Sequence[str]
) -> None:
    """Fill ``records`` and ``broken`` record by record, where the fast reader refused or lost some."""
    duck.execute("drop table if exists records")
    kinds = ", ".join(f"{_name(column)} varchar" for column in columns)
    duck.execute(f"create temp table records (_row bigint, {kinds})")
    for good, broken in arrow_batches(found, len(columns)):
        duck.register("batch", good)
        duck.execute("insert into records select * from batch")
        duck.unregister("batch")
        if broken:
            faults = [(b.row, b.line, None, b.reason, b.content) for b in broken]
            duck.executemany("insert into broken values (?, ?, ?, ?, ?)", faults)


def _header(path: Path, name: str, dialect: Dialect) -> tuple[str, ...]:
    read = csv_header(path, dialect)
    if read is None:
        raise FileError(f"{name}: the file is empty; a CSV begins with a header of column names")
    if isinstance(read, Broken):
        raise FileError(f"{name}, line {read.line}: the header cannot be read: {read.reason}")
    header = tuple(column.strip() for column in read)
    place = f"{name}, line {dialect.skip + 1}"
    if any("\0" in column for column in header):
        raise FileError(f"{place}: the header holds a NUL byte; this is no CSV text")
    while len(header) > 1 and not header[-1]:
        header = header[:-1]
    lower = [column.lower() for column in header]
    if lower[0].startswith("sep="):
        raise FileError(
            f"{place}: {lower[0]} is a spreadsheet's hint and no header; set options: {{skip: 1}}"
        )
    if "" in lower:
        raise FileError(f"{place}: column {lower.index('') + 1} of the header has no name")
    if doubled := sorted({column for column in lower if lower.count(column) > 1}):
        raise FileError(f"{place}: the header names {doubled} more than once")
    if "_row" in lower:
        raise FileError(f"{place}: a column is called _row, which is the record's number here; rename it")
    other = [c for c in ";\t|," if c != dialect.delimiter and c in header[0]]
    if len(header) == 1 and other:
        raise FileError(
            f"{place}: one column {header[0][:60]!r} by {dialect.delimiter!r}; it looks delimited by "
            f"{other[0]!r}: set options: {{delimiter: {other[0]!r}}}"
        )
    return header


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
