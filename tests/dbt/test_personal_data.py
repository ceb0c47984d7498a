"""Personal data is seen by the roles that may see it, of their own tenants, and masked for all others."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pytest

from include.settings import Settings
from include.transform import build
from include.warehouse import Warehouse, connect
from tests.dbt.test_readers import allow

ANALYST, MARKETER = "an_analyst", "a_marketer"
PERSON = (
    "select full_name, email, phone, birth_date, birth_year "
    "from marts.customer_360 where customer_id = 'shop:7'"
)
MASKED = ("N***", "A***@x.example", "***567", None, 1990)
CLEAR = ("Nguyễn An", "An.Nguyen@x.example", "0901234567", date(1990, 1, 31), 1990)
UNGUARDED = """
    select distinct class.relname::text
    from pg_attribute as attribute
    inner join pg_class as class on attribute.attrelid = class.oid
    where
        class.relnamespace = 'marts'::regnamespace
        and class.relkind in ('r', 'p', 'm', 'f')
        and attribute.attname in (
            'full_name', 'first_name', 'last_name', 'email', 'email_hash', 'phone', 'birth_date', 'street',
            'loyalty_card', 'national_id'
        )
        and not exists (
            select 1 from pg_policy
            where
                polrelid = class.oid
                and pg_get_expr(polqual, polrelid) like '%readable_tenants%AND%may_read_pii%'
        )
"""
"""Tables of the marts that hold something personal and show it to every reader."""


@pytest.fixture(scope="module")
def readers(shops: Settings) -> Iterator[Settings]:
    """Two roles that read one tenant each like any reader; one of them may see personal data."""
    with connect("admin", shops) as admin:
        for role in (ANALYST, MARKETER):
            admin.execute(f"create role {role} in role {shops.reader_user}")
        admin.execute(
            f"insert into ops.tenant_access values ('{ANALYST}', 'acme'), ('{MARKETER}', 'acme');"
            f"insert into ops.pii_access (role_name) values ('{MARKETER}')"
        )
        yield shops
        admin.execute(
            f"delete from ops.tenant_access where role_name in ('{ANALYST}', '{MARKETER}'); "
            f"delete from ops.pii_access; drop role {ANALYST}; drop role {MARKETER}"
        )


@contextmanager
def acting_as(settings: Settings, role: str) -> Iterator[Warehouse]:
    with connect("admin", settings) as warehouse:
        warehouse.execute(f"set role {role}")
        yield warehouse


def seen(settings: Settings, role: str, query: str) -> list[Any]:
    with acting_as(settings, role) as warehouse:
        return warehouse.rows(query)


def test_a_plain_reader_sees_masks(readers: Settings) -> None:
    assert seen(readers, ANALYST, PERSON) == [MASKED]
    rows = seen(
        readers,
        ANALYST,
        "select c::text, f::text from marts.customer_360 c join marts.customer_figures f using (customer_id)",
    )
    assert len(rows) >= 3
    for secret in ("Nguy", "An.Nguyen", "0901234", "1990-01"):
        assert not any(secret in text for row in rows for text in row)


def test_a_reader_with_the_right_sees_values(readers: Settings) -> None:
    assert seen(readers, MARKETER, PERSON) == [CLEAR]
    assert seen(
        readers, MARKETER, "select tenant_id, email from marts.customer_contacts where customer_id = 'shop:7'"
    ) == [("acme", "An.Nguyen@x.example")]


def test_the_right_is_taken_back_at_once(readers: Settings) -> None:
    with connect("admin", readers) as admin:
        admin.execute(f"delete from ops.pii_access where role_name = '{MARKETER}'")
        try:
            assert seen(readers, MARKETER, PERSON) == [MASKED]
        finally:
            admin.execute(f"insert into ops.pii_access (role_name) values ('{MARKETER}')")
    assert seen(readers, MARKETER, PERSON) == [CLEAR]


def test_nobody_sees_another_tenants_people(readers: Settings) -> None:
    allow(readers, "acme")
    with connect("admin", readers) as admin:
        assert admin.rows("select full_name from marts.customer_contacts where tenant_id = 'kolkata'") == [
            ("Chi",)
        ]
        admin.execute(f"insert into ops.tenant_access values ('{ANALYST}', 'acme'), ('{MARKETER}', 'acme')")
    for role in (ANALYST, MARKETER):
        for mart in (
            "customer_360",
            "customer_figures",
            "customer_contacts",
            "rfm_quintiles",
            "identity_quality",
        ):
            found = seen(readers, role, f"select distinct tenant_id from marts.{mart}")
            expected = [] if (role, mart) == (ANALYST, "customer_contacts") else [("acme",)]
            assert found == expected, (role, mart)


@pytest.mark.parametrize(
    "query",
    [
        "select * from marts.customer_contacts",
        "select * from marts.customer_contacts where 1 / (tenant_id <> 'acme')::integer > 0",
        "select 1 from marts.customer_360 where email like 'An.%' or birth_date is not null",
        "select * from pg_stats where tablename = 'customer_contacts'",
    ],
)
def test_a_plain_reader_gets_no_row_of_the_contacts(readers: Settings, query: str) -> None:
    assert seen(readers, ANALYST, query) == []


@pytest.mark.parametrize(
    "attempt",
    [
        "insert into ops.pii_access (role_name) values (current_user)",
        "select * from ops.pii_access",
        f"set role {MARKETER}",
        "select * from intermediate.int_customers__records",
        "select * from raw.customers",
        "drop policy reader_sees_own on marts.customer_contacts",
        "alter table marts.customer_contacts disable row level security",
        "create or replace function ops.may_read_pii(reader name) returns boolean "
        "language sql as $$ select true $$",
        "create policy mine on marts.customer_contacts using (true)",
        "set row_security = off; select * from marts.customer_contacts",
    ],
)
def test_a_plain_reader_cannot_get_around_it(readers: Settings, attempt: str) -> None:
    with connect("reader", readers) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(attempt)


def test_a_rebuilt_mart_stays_masked(readers: Settings) -> None:
    marts = ["customer_contacts", "customer_figures", "customer_360"]
    build(readers, full_refresh=True, select=marts, with_tests=False)
    assert seen(readers, ANALYST, PERSON) == [MASKED]
    assert seen(readers, MARKETER, PERSON) == [CLEAR]


@pytest.mark.parametrize(
    "defect",
    [
        "create policy everyone on marts.customer_contacts for select to sokol_reader using (true); "
        "drop policy reader_sees_own on marts.customer_contacts",
        "alter table marts.customer_figures add column email text",
        "create table marts.forgotten as select email from marts.customer_contacts",
    ],
)
def test_an_unguarded_column_is_found(readers: Settings, defect: str) -> None:
    with connect("admin", readers) as admin:
        assert admin.rows(UNGUARDED) == []
        with pytest.raises(psycopg.errors.DivisionByZero), admin.transaction():
            admin.execute(defect)
            assert len(admin.rows(UNGUARDED)) == 1
            admin.execute("select 1 / 0")
        assert admin.rows(UNGUARDED) == []
