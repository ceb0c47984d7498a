"""A mapping: one SQL select that makes rows of a feed from the records of a file."""

import hashlib
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from include.settings import Settings
from include.warehouse.contracts import Contract

BUILT_IN = "contract"
COLUMNS = "columns"

# The first of two passes of an ambiguous local time; an impossible local time becomes a text that no cast
# to a timestamp accepts, so that its row is refused with that text as the reason.
_MACROS = """
create temp macro _utc_of(t, zone) as
    case
        when timezone(zone, timezone(zone, t)) <> t then null
        when timezone(zone, timezone(zone, t) - interval 1 hour) = t then timezone(zone, t) - interval 1 hour
        when timezone(zone, timezone(zone, t) - interval 30 minute) = t
            then timezone(zone, t) - interval 30 minute
        else timezone(zone, t)
    end;
create temp macro local_to_utc(local, zone) as
    case
        when local is null or zone is null then null
        when try_cast(local as timestamp) is null then cast(local as varchar)
        else coalesce(
            strftime(_utc_of(try_cast(local as timestamp), zone), '%Y-%m-%d %H:%M:%S.%f+00'),
            'impossible local time ' || cast(local as varchar) || ' in ' || zone
        )
    end;
"""


class MappingError(ValueError):
    """A mapping that cannot be used: what is wrong in it and what to do."""


@dataclass(frozen=True)
class Mapping:
    """One mapping: its name, for people, and its SQL."""

    name: str
    sql: str

    @property
    def version(self) -> str:
        """Content hash of the SQL (16 hex digits)."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:16]


def read_mapping(path: Path, name: str | None = None) -> Mapping:
    """Read a mapping's file.

    Raises:
        MappingError: when it is not there or no text.
    """
    try:
        return Mapping(name or path.name, path.read_text(encoding="utf-8").strip().rstrip(";"))
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"mapping {path}: {error}") from error


def contract_mapping(contract: Contract) -> Mapping:
    """Return the built-in mapping for JSON Lines whose records have the contract's columns already."""
    columns = [c for c in contract.names if c != "tenant_id"]
    columns.append("_extra")
    if not contract.keeps_first:
        columns.append("_deleted")
    fields = ", ".join(f"record ->> '{column}' as {column}" for column in columns if column != "source")
    source = ", coalesce(record ->> 'source', getvariable('source')) as source" if "source" in columns else ""
    return Mapping(BUILT_IN, f"select _row, {fields}{source} from source")


def columns_mapping(contract: Contract) -> Mapping:
    """Return the built-in mapping for files that have the contract's columns already, one each."""
    fields = ", ".join(f'"{column}"' for column in contract.names if column != "tenant_id")
    return Mapping(COLUMNS, f"select _row, {fields} from source")


def find_mapping(contract: Contract, file: str, registration: str | None, settings: Settings) -> Mapping:
    """Find the mapping that a manifest names.

    Raises:
        MappingError: when its source is not registered or the file is not there.
    """
    if file == BUILT_IN:
        return contract_mapping(contract)
    if file == COLUMNS:
        return columns_mapping(contract)
    if registration is None:
        raise MappingError(f"mapping {file} of {contract.feed}: the file was landed without a registration")
    return read_mapping(settings.sources_dir / registration / file, f"{registration}/{file}")


def set_variables(
    duck: duckdb.DuckDBPyConnection,
    *,
    tenant_id: str,
    source: str,
    time_zone: str,
    interval_start: datetime | None,
    interval_end: datetime | None,
) -> None:
    """Give a mapping its variables and macros."""
    duck.execute(_MACROS)
    values: Dict[str, Any] = {
        "tenant_id": tenant_id,
        "source": source,
        "time_zone": time_zone,
        "interval_start": interval_start,
        "interval_end": interval_end,
    }
    for name, value in values.items():
        duck.execute(f"set variable {name} = ?", [value])


def describe(duck: duckdb.DuckDBPyConnection, mapping: Mapping, contract: Contract) -> dict[str, str]:
    """Check a mapping against the open file and the contract.

    Returns:
        The columns that it selects, with their DuckDB types.

    Raises:
        MappingError: when it is not one select, names what the file has not, lacks ``_row`` or a required
            column, or selects ``tenant_id``.
    """
    place = f"mapping {mapping.name} to {contract.feed}"
    try:
        statements = duck.extract_statements(mapping.sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise MappingError(f"{place}: it must be one select")
        rows = duck.execute(f"describe {mapping.sql}").fetchall()
    except duckdb.Error as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise MappingError(f"{place}: {' '.join(lines[:4])[:600]}") from error
    columns = {row[0]: row[1] for row in rows}
    if len(columns) != len({name.lower() for name in columns}) or len(columns) != len(rows):
        raise MappingError(f"{place}: it selects a column twice")
    if "_row" not in columns:
        raise MappingError(f"{place}: it must select _row, the number of the record (min(_row) of several)")
    if "tenant_id" in columns:
        raise MappingError(f"{place}: it selects tenant_id, which the registration gives")
    given = {"tenant_id", "source", *columns}
    if missing := [c.name for c in contract.columns if c.required and c.name not in given]:
        raise MappingError(f"{place}: it gives no {', '.join(missing)}, which the contract requires")
    if odd := [c for c in columns if c.startswith("_") and c not in ("_row", "_deleted")]:
        if mapping.name == BUILT_IN:
            return columns
        raise MappingError(f"{place}: names beginning with _ are the loader's; rename {', '.join(odd)}")
    return columns
