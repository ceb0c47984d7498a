"""No role of the project and no administrator changes a book, the audit or their guards by any statement."""

from collections.abc import Iterator
from typing import Any, get_args

import psycopg
import pytest

from include.settings import Settings
from include.warehouse import Role, Warehouse, connect, load_contracts, prepare

BOOK = "{book}.finance_explanations"
AUDIT = "{ops}.financial_audit"
COLUMNS = "(book, tenant_id, key, action, decided_at, entered_by, reason, content)"
FORGED = "values ('b', 't', '{{}}', 'insert', now(), 'nobody', 'none', '{{}}')"

ROWS = (
    f"update {BOOK} set reason = 'another'",
    f"update {BOOK} set _landing_seq = _landing_seq",
    f"delete from {BOOK}",
    f"delete from {BOOK} where false",
    f"truncate {BOOK}",
    f"merge into {BOOK} as b using (select 1) as x on true when matched then delete",
    f"set session_replication_role = replica; delete from {BOOK}",
    f"update {AUDIT} set reason = 'another'",
    f"delete from {AUDIT}",
    f"truncate {AUDIT}",
    f"insert into {AUDIT} {COLUMNS} {FORGED}",
    f"set session_replication_role = replica; insert into {AUDIT} {COLUMNS} {FORGED}",
)
TABLES = (
    f"drop table {BOOK}",
    f"drop table {BOOK} cascade",
    f"create temp table pg_trigger (tgname name, tgfoid oid); drop table {BOOK}",
    f"set session_replication_role = replica; drop table {BOOK}",
    "drop schema {book} cascade",
    "alter schema {book} rename to elsewhere",
    f"alter table {BOOK} disable trigger all",
    f"alter table {BOOK} disable trigger {{guard}}",
    f"alter table {BOOK} owner to sokol_loader",
    f"alter table {BOOK} rename to elsewhere",
    f"alter index {BOOK} rename to elsewhere",
    f"alter table {BOOK} rename column reason to grounds",
    f"alter table {BOOK} set schema public",
    f"alter table {BOOK} add column more text",
    f"alter table {BOOK} drop column reason",
    f"alter table {BOOK} alter column reason type text using 'another'",
    f"alter table {BOOK} enable row level security",
    f"create table {{book}}.child () inherits ({BOOK})",
    f"create table {{book}}.p (like {BOOK}); alter table {BOOK} inherit {{book}}.p",
    f"create table {{book}}.p (like {BOOK}) partition by list (tenant_id); "
    f"alter table {{book}}.p attach partition {BOOK} default",
    f"create rule r as on insert to {BOOK} do instead nothing",
    f"create policy p on {BOOK}",
    f"create trigger t before insert on {BOOK} for each row execute function tsvector_update_trigger()",
    f"drop table {AUDIT}",
    f"alter table {AUDIT} disable trigger all",
    f"alter table {AUDIT} add column more text",
)
GUARDS = (
    f"drop trigger {{guard}} on {BOOK}",
    f"drop trigger {{audit}} on {BOOK}",
    f"alter trigger {{guard}} on {BOOK} rename to elsewhere",
    "drop schema {ops} cascade",
    "drop schema {book}, {ops} cascade",
    "drop function {ops}.refuse_change() cascade",
    "drop function {ops}.write_financial_audit() cascade",
    "drop function {ops}.refuse_drop() cascade",
    "drop function {ops}.refuse_alter() cascade",
    "drop function {ops}.watch_guards() cascade",
    "drop routine {ops}.refuse_drop, {ops}.refuse_alter, {ops}.watch_guards cascade",
    "set session_replication_role = replica; drop function {ops}.watch_guards() cascade",
    "alter function {ops}.refuse_change() rename to elsewhere",
    "alter function {ops}.watch_guards() security invoker",
    "create or replace function {ops}.refuse_change() returns trigger language plpgsql as 'begin end'",
    "create or replace function {ops}.refuse_alter() returns event_trigger language plpgsql as 'begin end'",
    "create or replace function {ops}.watch_guards() returns event_trigger language plpgsql as 'begin end'",
    "drop table {ops}.guards_of_books cascade",
)
STATEMENTS = (*ROWS, *TABLES, *GUARDS)
BOOKS = sorted(feed for feed, contract in load_contracts().items() if contract.kind == "book")

REAL = {"book": "raw", "ops": "ops", "guard": "book_guard", "audit": "book_audit"}
TWIN = {"book": "twin", "ops": "twin_ops", "guard": "twin_guard", "audit": "twin_audit"}

REFUSED = (
    psycopg.errors.RestrictViolation,  # by the guards
    psycopg.errors.ForeignKeyViolation,  # guards_of_books_must_stay
    psycopg.errors.ObjectInUse,  # guards_of_books has a row that no commit accepts
    psycopg.errors.InsufficientPrivilege,
)
MAKE_TWIN = """
create schema twin;
create schema twin_ops;
create table twin.finance_explanations (like raw.finance_explanations);
insert into twin.finance_explanations select * from raw.finance_explanations;
create table twin_ops.financial_audit (like ops.financial_audit including defaults including identity);
create table twin_ops.guards_of_books (seen text);
create function twin_ops.refuse_change() returns trigger language plpgsql as 'begin return new; end';
create function twin_ops.write_financial_audit() returns trigger language plpgsql as 'begin return new; end';
create function twin_ops.refuse_drop() returns event_trigger language plpgsql as 'begin end';
create function twin_ops.refuse_alter() returns event_trigger language plpgsql as 'begin end';
create function twin_ops.watch_guards() returns event_trigger language plpgsql as 'begin end';
create trigger twin_guard before insert on twin.finance_explanations
for each row execute function twin_ops.refuse_change();
create trigger twin_audit before insert on twin.finance_explanations
for each row execute function twin_ops.write_financial_audit();
"""


@pytest.fixture(scope="module")
def guarded(warehouse_settings: Settings) -> Settings:
    """Give a warehouse with a row in its book."""
    prepare(warehouse_settings)
    with connect("loader", warehouse_settings) as loader:
        loader.execute(
            """
            insert into raw.finance_explanations (
                tenant_id, explanation_id, side, item_id, category, is_withdrawn, explained_at, entered_by,
                reason, _load_id, _file_id, _row, _landing_seq, _key_hash, _row_hash
            ) values (
                'acme', 'e1', 'order', 'o1', 'other', false, now(), 'ann',
                'a trial', 0, 0, 1, 1, 1, gen_random_uuid()
            )
            """
        )
    return warehouse_settings


@pytest.fixture
def twin(guarded: Settings) -> Iterator[Warehouse]:
    """Give a connection as the administrator, to a database with an unguarded twin of each guarded thing."""
    with connect("admin", guarded) as admin:
        admin.execute(MAKE_TWIN)
        yield admin
        admin.execute("set session_replication_role = origin")
        admin.execute("drop schema if exists twin, twin_ops, elsewhere cascade")
        admin.execute("drop table if exists public.finance_explanations")


def state(settings: Settings) -> Any:
    """Return all that must stay: rows, columns, owners and guards."""
    with connect("admin", settings) as admin:
        return [
            admin.rows("select b::text from raw.finance_explanations b order by 1"),
            admin.rows("select a::text from ops.financial_audit a order by 1"),
            admin.rows(
                """
                select c.oid::regclass::text, c.relowner, c.relrowsecurity, attname::text, atttypid
                from pg_class c join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped
                where c.oid in ('raw.finance_explanations'::regclass, 'ops.financial_audit'::regclass)
                order by 1, 4
                """
            ),
            admin.rows(
                "select oid, tgname::text, tgenabled from pg_trigger where tgname like 'book%' order by 1"
            ),
            admin.rows("select oid, evtname::text, evtenabled from pg_event_trigger order by 1"),
            admin.rows(
                """
                select oid, proname, proowner, prosrc from pg_proc
                where pronamespace = 'ops'::regnamespace order by 1
                """
            ),
            admin.rows("select count(*) from ops.guards_of_books"),
        ]


@pytest.mark.parametrize("role", get_args(Role))
@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_role_is_refused(guarded: Settings, role: Role, statement: str) -> None:
    before = state(guarded)
    with connect(role, guarded) as warehouse:
        assert warehouse.value("select session_user") == getattr(guarded, f"{role}_user")
        with pytest.raises(REFUSED) as refused:
            warehouse.execute(statement.format(**REAL))
        if role == "admin":
            assert not isinstance(refused.value, psycopg.errors.InsufficientPrivilege)
    assert state(guarded) == before


@pytest.mark.parametrize("book", BOOKS)
def test_every_book_is_guarded_as_the_one_above(guarded: Settings, book: str) -> None:
    before = state(guarded)
    roles: tuple[Role, ...] = ("loader", "admin")
    for role in roles:
        for statement in (*ROWS, *TABLES):
            if "{book}." in statement:
                with connect(role, guarded) as warehouse, pytest.raises(REFUSED):
                    warehouse.execute(statement.replace("finance_explanations", book).format(**REAL))
    assert state(guarded) == before


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_same_is_done_to_what_is_not_guarded(twin: Warehouse, statement: str) -> None:
    """Control: the statements are sound and the administrator may do them, so that only the guards refuse."""
    twin.execute(statement.format(**TWIN))


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (ROWS[0], "raw.finance_explanations only grows, so UPDATE is refused: append an entry that corrects"),
        (
            "drop schema {book} cascade",
            "raw.finance_explanations only grows, so DROP SCHEMA is refused: append",
        ),
        (f"alter table {BOOK} rename to elsewhere", "raw.finance_explanations only grows, so ALTER TABLE is"),
        (f"insert into {AUDIT} {COLUMNS} {FORGED}", "ops.financial_audit is written by the triggers of"),
        ("drop schema {ops} cascade", "guards_of_books"),
        ("drop function {ops}.refuse_drop() cascade", "the guards of the books stay as they are"),
        ("drop function {ops}.watch_guards() cascade", "guards_of_books_must_stay"),
    ],
)
def test_the_refusal_names_the_table_and_the_next_step(guarded: Settings, statement: str, words: str) -> None:
    with connect("admin", guarded) as admin, pytest.raises(psycopg.Error, match=words):
        admin.execute(statement.format(**REAL))


def test_only_the_trigger_of_a_book_writes_the_audit(guarded: Settings) -> None:
    forged = f"insert into ops.financial_audit {COLUMNS} {FORGED.format()}"
    with connect("admin", guarded) as admin:
        admin.execute(
            f"""
            create table public.trap (a int);
            create function public.forge() returns trigger language plpgsql
            as $$ begin {forged}; return null; end $$;
            create trigger forge after insert on public.trap for each row execute function public.forge()
            """
        )
        lines = admin.value("select count(*) from ops.financial_audit")
        with pytest.raises(psycopg.errors.RestrictViolation, match="by the triggers of the books alone"):
            admin.execute("insert into public.trap values (1)")
        admin.execute("drop table public.trap; drop function public.forge()")
        admin.execute(
            """
            insert into raw.finance_explanations
            select (jsonb_populate_record(b, '{"explanation_id": "e2"}')).*
            from raw.finance_explanations b limit 1
            """
        )
        assert admin.value("select count(*) from ops.financial_audit") == lines + 1


@pytest.mark.parametrize(("role", "schema"), [("loader", "raw"), ("transformer", "ops")])
def test_no_role_lets_a_table_of_its_own_write_the_audit(guarded: Settings, role: Role, schema: str) -> None:
    trigger = f"""
        create trigger forge after insert on {schema}.forgery referencing new table as added
        for each statement execute function
    """
    with connect(role, guarded) as warehouse:
        warehouse.execute(f"create table {schema}.forgery (tenant_id text, entered_by text, reason text)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="write_financial_audit"):
            warehouse.execute(f"{trigger} ops.write_financial_audit('reason', 'tenant_id')")
        warehouse.execute(f"{trigger} suppress_redundant_updates_trigger(); drop table {schema}.forgery")


def test_the_administrator_is_named_when_he_appends(guarded: Settings) -> None:
    with connect("admin", guarded) as admin:
        names = dict(admin.rows("select key ->> 'explanation_id', db_user::text from ops.financial_audit"))
    assert names == {"e1": guarded.loader_user, "e2": guarded.admin_user}


def test_rows_stay_even_without_event_triggers(guarded: Settings) -> None:
    before = state(guarded)
    with connect("admin", guarded) as admin:
        for statement in ROWS:
            with pytest.raises(psycopg.errors.RestrictViolation):
                admin.execute("set event_triggers = off; " + statement.format(**REAL))
    assert state(guarded) == before


def test_no_role_of_the_project_may_switch_event_triggers_off(guarded: Settings) -> None:
    roles: tuple[Role, ...] = ("loader", "transformer", "reader")
    for role in roles:
        for statement in ("set event_triggers = off", "set session_replication_role = replica"):
            with connect(role, guarded) as warehouse, pytest.raises(psycopg.errors.InsufficientPrivilege):
                warehouse.execute(statement)


def test_a_whole_database_can_be_dropped(guarded: Settings) -> None:
    other = guarded.model_copy(update={"warehouse_database": "sokol_dropped"})
    prepare(other)
    with connect("admin", guarded) as admin:
        admin.execute("drop database sokol_dropped")
        assert admin.value("select count(*) from pg_database where datname = 'sokol_dropped'") == 0
