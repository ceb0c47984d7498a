"""Make a server ready for Sokol: roles, schemas, grants, ops tables and the raw tables of the contracts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from include.settings import Settings, get_settings
from include.warehouse.contracts import Contract, ContractError, load_contracts
from include.warehouse.postgres import Warehouse, connect

OPS_SQL = Path(__file__).with_name("ops.sql")
IDENTITY_SQL = Path(__file__).with_name("identity.sql")
CLV_SQL = Path(__file__).with_name("clv.sql")
RECONCILIATION_SQL = Path(__file__).with_name("reconciliation.sql")
LEDGER_SQL = Path(__file__).with_name("ledger.sql")
BOOKS_SQL = Path(__file__).with_name("books.sql")

LOAD_COLUMNS: Mapping[str, str] = {
    "_load_id": "bigint not null",
    "_file_id": "bigint not null",
    "_row": "bigint not null",
    "_landing_seq": "bigint not null",
    "_key_hash": "bigint not null",
    "_row_hash": "uuid not null",
    "_extra": "jsonb",
}
"""What the loader adds to a feed; entities and slices have ``_deleted`` too, events ``_segment``."""

READ_THROUGH_MARTS = (
    "reconciliation_runs",
    "order_states",
    "receipt_states",
    "refund_states",
    "payout_states",
    "unsettled_states",
    "line_states",
)
"""Tables of ``finance`` that marts show as they stand; a reader of such a mart reads them in its own name."""


def prepare(settings: Settings | None = None, contracts: Mapping[str, Contract] | None = None) -> None:
    """Create what is missing in the warehouse and leave the rest; safe to run again and at once.

    Roles (least privilege): the loader owns ``raw``, ``identity``, ``clv`` and ``finance`` and writes
    ``ops``; the transformer reads these, owns ``staging``, ``intermediate`` and ``marts`` and may create its
    own tables in ``ops``; the reader reads ``marts``. Books belong to the administrator: the loader appends
    to them, and nobody changes them. The tables of the matcher and of the forecasts stand on the feeds of
    their decisions and are made where the contracts name these. A column or index that a contract has gained
    is added to its raw table.

    Raises:
        ContractError: when a contract has changed the type of a column that stands in ``raw``.
    """
    settings = settings or get_settings()
    contracts = load_contracts() if contracts is None else contracts
    _create_database(settings)
    with connect("admin", settings) as admin, admin.transaction():
        admin.lock("sokol:prepare")
        # The guards of the books refuse to be renewed and books to get a column, but for this transaction.
        admin.execute("set local event_triggers = off")
        books = [contract for contract in contracts.values() if contract.kind == "book"]
        for book in books:
            if admin.value("select to_regclass(%s)", [f"raw.{book.feed}"]):
                # A load holds its book before it writes to ops, so that the books come first here too.
                _run(admin, "lock table raw.{} in share row exclusive mode", book.feed)
        _create_roles(admin, settings)
        _create_schemas(admin, settings)
        admin.execute(OPS_SQL.read_text())
        _grant_ops(admin, settings)
        _run(admin, "set local role {}", settings.loader_user)
        for contract in contracts.values():
            if contract.kind != "book":
                _create_raw(admin, contract)
        if {"customer_map", "identity_overrides"} <= contracts.keys():
            admin.execute(IDENTITY_SQL.read_text())
        if {"clv_forecasts", "clv_series", "clv_segments"} <= contracts.keys():
            admin.execute(CLV_SQL.read_text())
        admin.execute(RECONCILIATION_SQL.read_text())
        admin.execute(LEDGER_SQL.read_text())
        admin.execute("reset role")
        admin.execute(BOOKS_SQL.read_text())
        for table in READ_THROUGH_MARTS:
            _show_own_rows(admin, table, settings)
        readers = (settings.loader_user, settings.transformer_user)
        _run(admin, "grant select on ops.financial_audit to {}, {}", *readers)
        for book in books:
            _create_raw(admin, book)
            _guard_book(admin, book, settings)


def _create_database(settings: Settings) -> None:
    with connect("admin", settings, database="postgres") as server:
        found = server.value("select 1 from pg_database where datname = %s", [settings.warehouse_database])
        if not found:
            try:
                _run(server, "create database {}", settings.warehouse_database)
            except psycopg.errors.DuplicateDatabase:
                return  # another process made it meanwhile


def _create_roles(admin: Warehouse, settings: Settings) -> None:
    for role in ("loader", "transformer", "reader"):
        user = getattr(settings, f"{role}_user")
        password = getattr(settings, f"{role}_password").get_secret_value()
        if not admin.value("select 1 from pg_roles where rolname = %s", [user]):
            _run(admin, "create role {} login nosuperuser nocreatedb nocreaterole", user)
        if password:
            admin.execute(
                sql.SQL("alter role {} password {}")
                .format(sql.Identifier(user), sql.Literal(password))
                .as_string()
            )
        _run(admin, "alter role {} set timezone to 'UTC'", user)


def _create_schemas(admin: Warehouse, settings: Settings) -> None:
    loader, transformer, reader = settings.loader_user, settings.transformer_user, settings.reader_user
    database = settings.warehouse_database
    _run(admin, "revoke all on database {} from public", database)
    _run(admin, "revoke all on schema public from public")
    for user in (loader, transformer, reader):
        _run(admin, "grant connect on database {} to {}", database, user)
    for user in (loader, transformer):
        _run(admin, "grant temporary on database {} to {}", database, user)
    # dbt asks for each of its schemas with "create schema if not exists", which wants this right.
    _run(admin, "grant create on database {} to {}", database, transformer)
    _run(admin, "create schema if not exists raw authorization {}", loader)
    _run(admin, "create schema if not exists identity authorization {}", loader)
    _run(admin, "create schema if not exists clv authorization {}", loader)
    _run(admin, "create schema if not exists finance authorization {}", loader)
    _run(admin, "create schema if not exists ops")
    for schema in ("staging", "intermediate", "marts"):
        _run(admin, "create schema if not exists {} authorization {}", schema, transformer)
    _run(admin, "grant usage on schema raw to {}", transformer)
    _run(admin, "grant usage on schema identity to {}", transformer)
    _run(admin, "grant usage on schema clv to {}", transformer)
    _run(admin, "grant usage on schema finance to {}", transformer)
    _run(admin, "grant usage on schema ops to {}", loader)
    _run(admin, "grant usage, create on schema ops to {}", transformer)
    _run(admin, "grant usage on schema ops to {}", reader)
    _run(admin, "grant usage on schema marts to {}", reader)
    readable = "alter default privileges for role {} in schema {} grant select on tables to {}"
    _run(admin, readable, loader, "raw", transformer)
    _run(admin, readable, loader, "identity", transformer)
    _run(admin, readable, loader, "clv", transformer)
    _run(admin, readable, loader, "finance", transformer)
    _run(admin, readable, transformer, "marts", reader)


def _grant_ops(admin: Warehouse, settings: Settings) -> None:
    loader, transformer = settings.loader_user, settings.transformer_user
    tables = (
        "landed_files",
        "loads",
        "quarantine",
        "releases",
        "conflicts",
        "restatements",
        "slices",
        "segments",
    )
    for table in tables:
        _run(admin, "grant select on ops.{} to {}", table, transformer)
        _run(admin, "grant select, insert on ops.{} to {}", table, loader)
    for table in ("landed_files", "quarantine", "slices", "segments"):
        _run(admin, "grant update on ops.{} to {}", table, loader)
    _run(admin, "grant usage, select on sequence ops.load_id_seq to {}", loader)
    for function in ("readable_tenants", "may_read_pii"):
        grant = f"grant execute on function ops.{function}(name) to {{}}, {{}}"
        _run(admin, grant, settings.reader_user, transformer)


def raw_columns(contract: Contract) -> dict[str, str]:
    """Return the columns of a feed's raw table with their Postgres types, in order."""
    columns = {c.name: c.data_type + (" not null" if c.required else "") for c in contract.columns}
    columns |= LOAD_COLUMNS
    if contract.kind == "event":
        return columns | {"_segment": "integer not null"}
    if contract.kind == "book":
        return columns
    return columns | {"_deleted": "boolean not null default false"}


def _create_raw(admin: Warehouse, contract: Contract) -> None:
    found = dict(
        admin.rows(
            """
            select attname::text, format_type(atttypid, atttypmod)
            from pg_attribute
            where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
            """,
            [f"raw.{contract.feed}"],
        )
    )
    if found:
        return _extend_raw(admin, contract, found)
    body = ", ".join(f'"{name}" {kind}' for name, kind in raw_columns(contract).items())
    partition = " partition by list (_segment)" if contract.kind == "event" else ""
    _run(admin, f"create table raw.{{}} ({body}){partition}", contract.feed)
    for statement in index_statements(contract, f"raw.{contract.feed}"):
        admin.execute(statement)
    return None


def _show_own_rows(admin: Warehouse, table: str, settings: Settings) -> None:
    """Let a reader see its tenants' rows of a table of ``finance``; the transformer and its owner see all."""
    transformer, reader = settings.transformer_user, settings.reader_user
    _run(admin, "grant select on finance.{} to {}", table, reader)
    policies = {
        "transformer_sees_all": (transformer, "true"),
        "reader_sees_own": (reader, "tenant_id in (select ops.readable_tenants(current_user))"),
    }
    standing = admin.rows("select polname from pg_policy where polrelid = %s::regclass", [f"finance.{table}"])
    for policy, (role, condition) in policies.items():
        if (policy,) not in standing:
            created = f"create policy {policy} on finance.{{}} for select to {{}} using ({condition})"
            _run(admin, created, table, role)
    # Said again it would wait for everybody who reads.
    if not admin.value("select relrowsecurity from pg_class where oid = %s::regclass", [f"finance.{table}"]):
        _run(admin, "alter table finance.{} enable row level security", table)


def _guard_book(admin: Warehouse, contract: Contract, settings: Settings) -> None:
    """Let the loader append to a book, and have each entry audited and each change refused."""
    told = ", ".join(f"'{column}'" for column in (contract.event_time, *contract.key))
    _run(admin, "grant select, insert on raw.{} to {}", contract.feed, settings.loader_user)
    _run(admin, "grant select on raw.{} to {}", contract.feed, settings.transformer_user)
    triggers = {
        "book_guard": "before update or delete or truncate on raw.{} "
        f"for each statement execute function ops.refuse_change('raw.{contract.feed}')",
        "book_audit": "after insert on raw.{} referencing new table as added "
        f"for each statement execute function ops.write_financial_audit({told})",
    }
    for trigger, when in triggers.items():
        _run(admin, f"create or replace trigger {trigger} {when}", contract.feed)
        _run(admin, f"alter table raw.{{}} enable always trigger {trigger}", contract.feed)


def index_statements(contract: Contract, table: str) -> list[str]:
    """Return the statements that make the indexes of a raw table or of one segment of it.

    The hash of the key is the only index with random entries; time and load id are in the order of
    arrival, so that a block range index of a few pages serves them.
    """
    statements = [f"create index on {table} (_key_hash)"]
    if contract.kind == "event":
        brin = f"create index on {table} using brin ({contract.event_time}, _load_id)"
        return [*statements, f"{brin} with (pages_per_range = 32)"]
    statements += [_index_statement(table, columns) for columns in contract.indexes]
    if contract.kind == "slice":
        statements.append(_index_statement(table, contract.slice))
    return [*statements, f"create index on {table} (_load_id)"]


def _extend_raw(admin: Warehouse, contract: Contract, found: Mapping[str, str]) -> None:
    wanted = {
        "text": "text",
        "timestamptz": "timestamp with time zone",
    }
    for column in contract.columns:
        kind = wanted.get(column.data_type, column.data_type)
        if column.name not in found:
            added = f"alter table raw.{{}} add column {{}} {column.data_type}"
            _run(admin, added, contract.feed, column.name)
        elif found[column.name] != kind:
            raise ContractError(
                f"raw.{contract.feed}.{column.name} is {found[column.name]}, the contract says {kind}: "
                "add a column of another name, or drop the raw tables and replay the landing zone"
            )
    if contract.kind == "event":
        return
    standing = _indexed_columns(admin, contract.feed)
    for index in contract.indexes:
        if index not in standing:
            admin.execute(_index_statement(f"raw.{contract.feed}", index))


def _indexed_columns(admin: Warehouse, feed: str) -> set[tuple[str, ...]]:
    found = admin.rows(
        """
        select array_agg(a.attname::text order by k.place)
        from pg_index i
        cross join unnest(i.indkey) with ordinality as k (attribute, place)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attribute
        where i.indrelid = %s::regclass
        group by i.indexrelid
        """,
        [f"raw.{feed}"],
    )
    return {tuple(columns) for (columns,) in found}


def _index_statement(table: str, columns: Sequence[str]) -> str:
    return f"create index on {table} ({', '.join(columns)})"


def _run(warehouse: Warehouse, statement: str, *names: str) -> None:
    template = sql.SQL(statement)
    warehouse.execute(template.format(*map(sql.Identifier, names)).as_string())
