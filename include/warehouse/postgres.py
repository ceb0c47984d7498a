"""The warehouse on Postgres: query to Arrow, execute, bulk load, merge by key, transaction, lock."""

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, LiteralString, Self
from urllib.parse import quote

import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
from psycopg import sql
from psycopg.rows import TupleRow

from include.settings import Settings, get_settings

Role = Literal["admin", "loader", "transformer", "reader"]
Parameters = Sequence[Any] | Mapping[str, Any] | None

_ARROW = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    25: pa.string(),
    700: pa.float32(),
    701: pa.float64(),
    1043: pa.string(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
}
_TEXT_OIDS = {114, 3802, 2950}  # json, jsonb, uuid: handed over as their text


class Warehouse:
    """One connection as one role; every statement outside ``transaction()`` commits by itself."""

    def __init__(self, connection: psycopg.Connection[TupleRow], url: str) -> None:
        self._connection = connection
        self.url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self._connection.close()

    def query(self, statement: str, params: Parameters = None) -> pa.Table:
        """Run a select and return its rows as an Arrow table.

        Args:
            statement: SQL with psycopg placeholders (``%s``, ``%(name)s``) when there are params.
            params: values of the placeholders.

        Returns:
            A table typed by the result's columns: numeric as decimal, json and uuid as text.
        """
        with self._connection.cursor() as cursor:
            cursor.execute(_trusted(statement), params)
            described = cursor.description or []
            rows = cursor.fetchall()
        values = list(zip(*rows, strict=True)) if rows else [()] * len(described)
        arrays = [_array(column.type_code, value) for column, value in zip(described, values, strict=True)]
        return pa.Table.from_arrays(arrays, names=[column.name for column in described])

    def rows(self, statement: str, params: Parameters = None) -> list[tuple[Any, ...]]:
        """Run a select and return its rows as Python tuples."""
        with self._connection.cursor() as cursor:
            return cursor.execute(_trusted(statement), params).fetchall()

    def value(self, statement: str, params: Parameters = None) -> Any:
        """Return the first value of the first row, or None when there is no row."""
        rows = self.rows(statement, params)
        return rows[0][0] if rows else None

    def execute(self, statement: str, params: Parameters = None) -> int:
        """Run a statement (without params: also several, split by semicolons).

        Returns:
            The number of rows that the statement touched, 0 where it touches none.
        """
        with self._connection.cursor() as cursor:
            cursor.execute(_trusted(statement), params)
            return max(cursor.rowcount, 0)

    def bulk_load(
        self,
        table: str,
        columns: Sequence[str],
        source: pa.Table | Iterable[bytes],
        *,
        freeze: bool = False,
    ) -> int:
        """Append rows to a table by COPY.

        Args:
            table: ``schema.table`` (or a temporary table's name).
            columns: the columns that the source has, in its order.
            source: an Arrow table, or chunks of CSV text without a header (an unquoted empty field is NULL).
            freeze: write rows as frozen; the table must have been created or truncated in this transaction.

        Returns:
            The number of rows appended.
        """
        names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
        options = sql.SQL("format csv, freeze" if freeze else "format csv")
        copy = sql.SQL("copy {} ({}) from stdin with ({})").format(_identifier(table), names, options)
        with self._connection.cursor() as cursor:
            with cursor.copy(copy) as stream:
                for chunk in _csv(source) if isinstance(source, pa.Table) else source:
                    stream.write(chunk)
            return max(cursor.rowcount, 0)

    def append(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Append Python tuples to a table by COPY; lists become arrays."""
        names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
        copy = sql.SQL("copy {} ({}) from stdin").format(_identifier(table), names)
        with self._connection.cursor() as cursor, cursor.copy(copy) as stream:
            for row in rows:
                stream.write_row(row)

    def merge(self, table: str, key: Sequence[str], source: pa.Table) -> int:
        """Make a table hold the given rows: update those whose key it has, insert the others.

        Args:
            table: ``schema.table``.
            key: columns that identify a row; their values must be unique in the source and not null.
            source: the rows; its columns are columns of the table.

        Returns:
            The number of rows inserted or really changed.
        """
        name = sql.Identifier
        columns = source.column_names
        rest = [column for column in columns if column not in key]
        staged = sql.Identifier("_merge_" + table.replace(".", "_"))
        pairs = [sql.SQL("t.{0} = s.{0}").format(name(column)) for column in key]
        clauses = [
            sql.SQL("merge into {} t using {} s on {}").format(
                _identifier(table), staged, sql.SQL(" and ").join(pairs)
            )
        ]
        if rest:
            differs = [sql.SQL("t.{0} is distinct from s.{0}").format(name(column)) for column in rest]
            sets = [sql.SQL("{0} = s.{0}").format(name(column)) for column in rest]
            clauses.append(
                sql.SQL("when matched and ({}) then update set {}").format(
                    sql.SQL(" or ").join(differs), sql.SQL(", ").join(sets)
                )
            )
        clauses.append(
            sql.SQL("when not matched then insert ({}) values ({})").format(
                sql.SQL(", ").join(map(name, columns)),
                sql.SQL(", ").join(sql.SQL("s.{}").format(name(column)) for column in columns),
            )
        )
        with self.transaction(), self._connection.cursor() as cursor:
            selected = sql.SQL(", ").join(map(name, columns))
            cursor.execute(
                sql.SQL("create temp table {} on commit drop as select {} from {} with no data").format(
                    staged, selected, _identifier(table)
                )
            )
            self.bulk_load("_merge_" + table.replace(".", "_"), columns, source)
            cursor.execute(sql.SQL(" ").join(clauses))
            changed = cursor.rowcount
            cursor.execute(sql.SQL("drop table {}").format(staged))
        return changed

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run what follows in one transaction: committed at the end, rolled back on an error."""
        with self._connection.transaction():
            yield

    def lock(self, name: str) -> None:
        """Wait for the advisory lock of this name and hold it to the end of the open transaction."""
        self.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """Wait for the advisory lock of this name and hold it over the transactions of what follows."""
        self.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [name])
        try:
            yield
        finally:
            self.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [name])

    def copy_out(self, statement: str, *, header: bool = False) -> Iterator[bytes]:
        """Yield the rows of a select as chunks of CSV text, when asked after a line of the columns' names."""
        options = f"format csv, header {str(header).lower()}"
        with (
            self._connection.cursor() as cursor,
            cursor.copy(_trusted(f"copy ({statement}) to stdout with ({options})")) as stream,
        ):
            for chunk in stream:
                yield bytes(chunk)


def connect(
    role: Role = "loader", settings: Settings | None = None, *, database: str | None = None
) -> Warehouse:
    """Open a connection to the warehouse as one of its roles; use it as a context manager.

    Raises:
        psycopg.OperationalError: when the server cannot be reached or refuses the role.
    """
    settings = settings or get_settings()
    user = getattr(settings, f"{role}_user")
    password = getattr(settings, f"{role}_password").get_secret_value()
    name = database or settings.warehouse_database
    credentials = quote(user, safe="") + (":" + quote(password, safe="") if password else "")
    url = f"postgresql://{credentials}@{settings.warehouse_host}:{settings.warehouse_port}/{quote(name)}"
    connection = psycopg.connect(
        host=settings.warehouse_host,
        port=settings.warehouse_port,
        user=user,
        password=password or None,
        dbname=name,
        autocommit=True,
        application_name=f"sokol {role}",
        options="-c timezone=UTC -c datestyle=ISO",
    )
    return Warehouse(connection, url)


def _identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def _trusted(statement: str) -> LiteralString:
    # Statements are written by this project or typed by the person at the prompt, never by a source.
    return statement


def _array(oid: int, values: Sequence[Any]) -> pa.Array:
    if oid in _TEXT_OIDS:
        return pa.array([_text(value) for value in values], pa.string())
    if oid == 1700 and not any(value is not None for value in values):
        return pa.array(values, pa.decimal128(38, 0))
    if oid == 1700:
        return pa.array(values)
    kind = _ARROW.get(oid)
    if kind is None:
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values, kind)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dict, list, int, float, bool)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


def _csv(table: pa.Table) -> Iterator[bytes]:
    options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in table.to_batches(max_chunksize=65_536):
        sink = io.BytesIO()
        # Arrow writes NULL as an unquoted empty field and the empty text as "", as COPY reads them.
        pacsv.write_csv(pa.Table.from_batches([batch]), sink, options)
        yield sink.getvalue()
