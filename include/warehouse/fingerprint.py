"""Fingerprints: what a schema holds, as a row count and a hash per table that do not depend on row order."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from psycopg import sql

from include.warehouse.postgres import Warehouse

LOGS = frozenset({("marts", "kol_day_changes")})
"""Tables (schema, name) that tell what each build did, so that they differ where the marts do not."""


class TableFingerprint(NamedTuple):
    """Row count, and the sum over the rows of both halves of each row's md5 (decimal digits)."""

    rows: int
    hash: str


def fingerprint(
    warehouse: Warehouse,
    schema: str,
    *,
    views: bool = True,
    also: Iterable[str] = (),
) -> dict[str, TableFingerprint]:
    """Take the fingerprint of each table (and view) of a schema.

    A row's text is its columns in the order of their names, each with its length, NULL apart from the
    empty text, numerics without trailing zeros, instants in UTC. Columns that begin with ``_`` tell how
    a row came and not what it says; they are left out. So are the logs of builds (``LOGS``).

    Args:
        warehouse: a connection that may read the schema.
        schema: its name.
        views: False leaves views out.
        also: columns beginning with ``_`` that count nevertheless, where a table has them.

    Returns:
        Table name to fingerprint, sorted by name; partitions are counted in their parent.
    """
    kinds = ["r", "p", "m", *(["v"] if views else [])]
    tables = warehouse.rows(
        """
        select c.relname::text
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = %s and c.relkind = any (%s) and not c.relispartition
        order by 1
        """,
        [schema, kinds],
    )
    return {
        table: _of_table(warehouse, schema, table, set(also))
        for (table,) in tables
        if (schema, table) not in LOGS
    }


def total(fingerprints: Mapping[str, TableFingerprint]) -> str:
    """Return one hash over the fingerprints of all tables (32 hex digits)."""
    text = "\n".join(f"{table} {value.rows} {value.hash}" for table, value in sorted(fingerprints.items()))
    return hashlib.md5(text.encode()).hexdigest()


def _of_table(warehouse: Warehouse, schema: str, table: str, also: set[str]) -> TableFingerprint:
    columns = warehouse.rows(
        """
        select a.attname::text, format_type(a.atttypid, null)
        from pg_attribute a
        where a.attrelid = format('%%I.%%I', %s::text, %s::text)::regclass
            and a.attnum > 0 and not a.attisdropped
        order by a.attname collate "C"
        """,
        [schema, table],
    )
    parts = [_canonical(name, kind) for name, kind in columns if not name.startswith("_") or name in also]
    row = " || ".join(parts) or "''"
    statement = f"""
        with hashed as (select md5({row}) as h from {{}})
        select count(*),
            coalesce(sum(('x' || left(h, 16))::bit(64)::bigint::numeric), 0)::text
            || ':' || coalesce(sum(('x' || right(h, 16))::bit(64)::bigint::numeric), 0)::text
        from hashed
    """
    named = sql.SQL(statement).format(sql.Identifier(schema, table)).as_string()
    [(rows, digest)] = warehouse.rows(named)
    return TableFingerprint(rows, digest)


def _canonical(name: str, kind: str) -> str:
    column = sql.Identifier(name).as_string().replace("{", "{{").replace("}", "}}")
    text = f"{column}::text"
    if kind == "numeric":
        text = f"trim_scale({column})::text"
    elif kind == "timestamp with time zone":
        text = f"({column} at time zone 'UTC')::text"
    label = sql.Literal(name).as_string().replace("{", "{{").replace("}", "}}")
    return f"{label} || coalesce('=' || octet_length({text}) || ':' || {text}, '~') || ';'"
