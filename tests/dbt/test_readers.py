"""A reader sees its own tenants' rows of every mart, whatever it tries, and rebuilt marts stay guarded."""

import psycopg
import pytest

from include.settings import Settings
from include.transform import build
from include.warehouse import Warehouse, connect

UNGUARDED = """
    select class.relname::text
    from pg_class as class
    inner join pg_namespace as namespace on class.relnamespace = namespace.oid
    where
        (
            namespace.nspname = 'marts'
            or class.oid in (
                select read.refobjid
                from pg_depend as read
                inner join pg_rewrite as rule on rule.oid = read.objid
                inner join pg_class as mart on mart.oid = rule.ev_class
                where mart.relnamespace = 'marts'::regnamespace and read.refclassid = 'pg_class'::regclass
            )
        )
        and class.relkind in ('r', 'p', 'v', 'm', 'f')
        and exists (
            select 1 from pg_attribute
            where attrelid = class.oid and attname = 'tenant_id' and not attisdropped
        )
        and not case
            when class.relkind = 'v' then 'security_invoker=true' = any(coalesce(class.reloptions, '{}'))
            else
                class.relrowsecurity and (class.relforcerowsecurity or namespace.nspname = 'finance')
                and (select count(*) from pg_policy where polrelid = class.oid) = 2
        end
    order by 1
"""
"""Marts, and what their views read, that show a reader more than its own; the loader writes finance."""
MARTS = """
    select class.relname::text, bool_or(attribute.attname = 'tenant_id')
    from pg_class as class
    inner join pg_namespace as namespace on class.relnamespace = namespace.oid
    inner join pg_attribute as attribute on attribute.attrelid = class.oid
    where namespace.nspname = 'marts' and class.relkind in ('r', 'p', 'v', 'm', 'f')
    group by 1
    order by 1
"""

PERSONAL = {"customer_contacts"}
"""Marts in clear; who may read them is tested in test_personal_data."""


def tenants_seen(warehouse: Warehouse, mart: str) -> set[str]:
    return {row[0] for row in warehouse.rows(f"select distinct tenant_id from marts.{mart}")}


def allow(settings: Settings, *tenants: str) -> None:
    """Give the reader access to these tenants and no others."""
    with connect("admin", settings) as admin, admin.transaction():
        admin.execute("delete from ops.tenant_access")
        for tenant in tenants:
            admin.execute("insert into ops.tenant_access values (%s, %s)", [settings.reader_user, tenant])


def marts(settings: Settings) -> dict[str, bool]:
    """Return every relation in the schema marts and whether its rows belong to tenants."""
    with connect("admin", settings) as admin:
        return dict(admin.rows(MARTS))


def test_a_reader_sees_only_its_tenants_in_every_mart(shops: Settings) -> None:
    found = marts(shops)
    assert len(found) >= 9
    assert [name for name, of_tenants in found.items() if not of_tenants] == ["dim_date"]
    with connect("admin", shops) as admin:
        full = {name: tenants_seen(admin, name) for name, of_tenants in found.items() if of_tenants}
    assert set().union(*full.values()) == {"acme", "kolkata"}
    of_views = ("reconciliation_items", "reconciliation_summary", "paid_orders", "paid_orders_by_day")
    assert [full[name] for name in of_views] == [{"acme", "kolkata"}] * 4
    assert full["settlement"] == {"acme"}
    for allowed in ((), ("kolkata",), ("acme", "kolkata")):
        allow(shops, *allowed)
        with connect("reader", shops) as reader:
            seen = {name: tenants_seen(reader, name) for name in full}
        assert seen == {
            name: set() if name in PERSONAL else tenants & set(allowed) for name, tenants in full.items()
        }


def test_every_mart_is_guarded_and_stays_so_when_it_is_rebuilt(shops: Settings) -> None:
    with connect("admin", shops) as admin:
        assert admin.rows(UNGUARDED) == []
        before = admin.value("select 'marts.kol_roi'::regclass::oid")
    build(shops, full_refresh=True, select=["kol_roi"], with_tests=False)
    with connect("admin", shops) as admin:
        assert admin.value("select 'marts.kol_roi'::regclass::oid") != before
        assert admin.rows(UNGUARDED) == []
    allow(shops, "acme")
    with connect("reader", shops) as reader:
        assert tenants_seen(reader, "kol_roi") == {"acme"}


@pytest.mark.parametrize(
    "defect",
    [
        "alter table marts.kol_roi no force row level security",
        "alter table marts.kol_roi disable row level security",
        "drop policy reader_sees_own on marts.kol_roi",
        "create table marts.forgotten as select tenant_id from marts.dim_kol",
        "create view marts.forgotten as select tenant_id from marts.dim_kol",
        "alter table finance.order_states disable row level security",
        "drop policy reader_sees_own on finance.order_states",
        "alter table intermediate.int_orders__credit disable row level security",
    ],
)
def test_an_unguarded_mart_is_found(shops: Settings, defect: str) -> None:
    with connect("admin", shops) as admin:
        with pytest.raises(psycopg.errors.DivisionByZero), admin.transaction():
            admin.execute(defect)
            [(found,)] = admin.rows(UNGUARDED)
            assert found in ("kol_roi", "forgotten", "order_states", "int_orders__credit")
            admin.execute("select 1 / 0")
        assert admin.rows(UNGUARDED) == []


@pytest.mark.parametrize(
    "attempt",
    [
        "set role {transformer}",
        "set role {admin}",
        "set session authorization {transformer}",
        "alter role {reader} bypassrls",
        "alter table marts.kol_roi disable row level security",
        "drop policy reader_sees_own on marts.kol_roi",
        "create policy mine on marts.kol_roi using (true)",
        "insert into ops.tenant_access values ('{reader}', 'acme')",
        "select * from ops.tenant_access",
        "update marts.kol_roi set orders = 0",
        "delete from marts.tracked_orders",
        "select * from raw.orders",
        "select * from intermediate.int_orders__events",
        "select * from staging.stg_orders",
        "select * from finance.order_states",
        "select * from intermediate.int_orders__credit",
        "create table marts.mine (a integer)",
        "create or replace function ops.readable_tenants(reader name) returns setof text "
        "language sql as $$ select 'acme' $$",
    ],
)
def test_a_reader_cannot_get_around_it(shops: Settings, attempt: str) -> None:
    statement = attempt.format(
        transformer=shops.transformer_user, admin=shops.admin_user, reader=shops.reader_user
    )
    with connect("reader", shops) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(statement)


def test_switching_row_security_off_is_an_error_and_no_way_out(shops: Settings) -> None:
    allow(shops, "kolkata")
    with connect("reader", shops) as reader, reader.transaction():
        reader.execute("set local row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.rows("select * from marts.kol_roi")


def test_a_function_of_the_readers_own_sees_no_more(shops: Settings) -> None:
    """The planner must not let a leaky condition see rows before the policy does."""
    allow(shops, "kolkata")
    with connect("reader", shops) as reader:
        assert reader.rows("select 1 from marts.kol_roi where 1 / (tenant_id <> 'acme')::integer > 0")
        assert tenants_seen(reader, "dim_kol") == {"kolkata"}
