"""The warehouse layer on a real Postgres: types, loading, merging, locks, roles, fingerprints."""

import importlib
import re
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from include.settings import Settings
from include.warehouse import ContractError, Warehouse, connect, fingerprint, load_contracts, prepare
from include.warehouse.__main__ import main
from include.warehouse.contracts import parse_contract
from include.warehouse.fingerprint import total


@pytest.fixture
def admin(warehouse_settings: Settings) -> Iterator[Warehouse]:
    with connect("admin", warehouse_settings) as warehouse:
        warehouse.execute("drop schema if exists trial cascade; create schema trial")
        yield warehouse
        warehouse.execute("drop schema trial cascade")


def test_query_gives_typed_arrow(admin: Warehouse) -> None:
    table = admin.query(
        """
        select 1::bigint as a, 'x' as b, 1.50::numeric as c, true as d, date '2026-01-02' as e,
            timestamptz '2026-01-02 03:00+01' as f, '{"k": 1}'::jsonb as g, null::numeric as h
        """
    )
    types = [str(field.type) for field in table.schema]
    assert types[:2] == ["int64", "string"]
    assert types[3:7] == ["bool", "date32[day]", "timestamp[us, tz=UTC]", "string"]
    [row] = table.to_pylist()
    assert row["c"] == Decimal("1.50")
    assert row["f"].isoformat() == "2026-01-02T02:00:00+00:00"
    assert (row["g"], row["h"]) == ('{"k": 1}', None)


def test_bulk_load_keeps_null_and_empty_apart(admin: Warehouse) -> None:
    admin.execute("create table trial.t (a bigint, b text, c timestamptz)")
    texts = [None, "", 'quoted "x", and\nmore']
    table = pa.table({"a": [1, 2, 3], "b": texts, "c": pa.array([0, None, 1], pa.timestamp("us", "UTC"))})
    assert admin.bulk_load("trial.t", ["a", "b", "c"], table) == 3
    assert [b for (b,) in admin.rows("select b from trial.t order by a")] == texts
    assert admin.bulk_load("trial.t", ["a", "b"], [b"4,\n", b'5,""\n']) == 2
    assert admin.rows("select b from trial.t where a > 3 order by a") == [(None,), ("",)]


def test_merge_inserts_updates_and_leaves_equal_rows(admin: Warehouse) -> None:
    admin.execute("create table trial.t (k text, v text); insert into trial.t values ('a', '1'), ('b', null)")
    source = pa.table({"k": ["a", "b", "c"], "v": ["1", "2", None]})
    assert admin.merge("trial.t", ["k"], source) == 2
    assert admin.merge("trial.t", ["k"], source) == 0
    assert admin.rows("select k, v from trial.t order by k") == [("a", "1"), ("b", "2"), ("c", None)]


def test_a_transaction_is_whole(admin: Warehouse) -> None:
    admin.execute("create table trial.t (k text)")
    with pytest.raises(RuntimeError), admin.transaction():
        admin.execute("insert into trial.t values ('x')")
        raise RuntimeError
    assert admin.value("select count(*) from trial.t") == 0


def test_a_lock_is_held_to_commit(warehouse_settings: Settings) -> None:
    order: list[str] = []

    def second() -> None:
        with connect("loader", warehouse_settings) as other, other.transaction():
            other.lock("trial")
            order.append("second")

    with connect("loader", warehouse_settings) as first, first.transaction():
        first.lock("trial")
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.3)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("reader", "select count(*) from raw.orders"),
        ("reader", "select count(*) from ops.loads"),
        ("reader", "create table marts.mine (a int)"),
        ("loader", "create table marts.mine (a int)"),
        ("loader", "delete from ops.loads"),
        ("loader", "update ops.loads set rows_read = 0"),
        ("transformer", "delete from raw.orders"),
        ("transformer", "insert into ops.loads (load_id) values (1)"),
        ("transformer", "drop table ops.loads"),
    ],
)
def test_roles_may_not(warehouse_settings: Settings, role: str, statement: str) -> None:
    with (
        connect(role, warehouse_settings) as warehouse,  # type: ignore[arg-type]
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.WrongObjectType)),
    ):
        warehouse.execute(statement)


def test_roles_may(warehouse_settings: Settings) -> None:
    with connect("transformer", warehouse_settings) as transformer:
        transformer.query("select count(*) from raw.orders")
        transformer.execute("create table marts.shown (a int); create table ops.of_a_build (a int)")
        with connect("reader", warehouse_settings) as reader:
            assert reader.value("select count(*) from marts.shown") == 0
        transformer.execute("drop table marts.shown, ops.of_a_build")


def test_prepare_again_changes_nothing_and_adds_new_columns_and_indexes(warehouse_settings: Settings) -> None:
    prepare(warehouse_settings)
    meta = {"kind": "entity", "key": ["tenant_id"]}
    table: dict[str, Any] = {
        "name": "trial_feed",
        "config": {"meta": meta},
        "columns": [{"name": "tenant_id", "data_type": "text", "config": {"meta": {"required": True}}}],
    }
    more = {**table, "columns": [*table["columns"], {"name": "note", "data_type": "text"}]}
    other = {**table, "columns": [*table["columns"], {"name": "note", "data_type": "bigint"}]}
    indexed = {**more, "config": {"meta": {**meta, "indexes": [["tenant_id", "note"]]}}}
    indexes = "select count(*) from pg_index where indrelid = 'raw.trial_feed'::regclass"
    with connect("admin", warehouse_settings) as warehouse:
        counts = []
        for version in (table, more, more, indexed, indexed):
            prepare(warehouse_settings, {"trial_feed": parse_contract(version, "trial")})
            counts.append(warehouse.value(indexes))
        assert counts == [2, 2, 2, 3, 3]
        assert warehouse.value("select count(note) from raw.trial_feed") == 0
        with pytest.raises(ContractError, match=r"raw\.trial_feed\.note is text, the contract says bigint"):
            prepare(warehouse_settings, {"trial_feed": parse_contract(other, "trial")})
        warehouse.execute("drop table raw.trial_feed")


def test_every_contract_has_its_raw_table(warehouse_settings: Settings) -> None:
    with connect("transformer", warehouse_settings) as warehouse:
        for feed, contract in load_contracts().items():
            columns = warehouse.query(f"select * from raw.{feed} limit 0").column_names
            assert tuple(columns[: len(contract.names)]) == contract.names


def test_fingerprints_see_content_and_nothing_else(admin: Warehouse) -> None:
    admin.execute(
        """
        create table trial.a (n numeric, t text, at timestamptz, _load_id bigint);
        insert into trial.a values (1.50, '', '2026-01-01 00:00+00', 1), (2, null, null, 2);
        create table trial.b (_load_id bigint, at timestamptz, t text, n numeric);
        insert into trial.b values (9, null, null, 2.000), (8, '2026-01-01 07:00+07', '', 1.5);
        create view trial.v as select * from trial.a
        """
    )
    found = fingerprint(admin, "trial")
    assert found["a"] == found["b"] == found["v"]
    assert found["a"].rows == 2
    assert "v" not in fingerprint(admin, "trial", views=False)
    assert (
        fingerprint(admin, "trial", also=["_load_id"])["a"]
        != fingerprint(admin, "trial", also=["_load_id"])["b"]
    )
    before = total(found)
    for change in (
        "update trial.a set t = null where n = 1.5",
        "update trial.a set n = 2.01 where n = 2",
        "insert into trial.a select * from trial.a",
    ):
        admin.execute(change)
        changed = total(fingerprint(admin, "trial"))
        assert changed != before
        before = changed


def test_logs_of_builds_are_left_out_of_fingerprints(
    admin: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.execute("create table trial.a (n bigint); create table trial.log (build_id bigint)")
    assert set(fingerprint(admin, "trial")) == {"a", "log"}
    module = importlib.import_module("include.warehouse.fingerprint")
    monkeypatch.setattr(module, "LOGS", {("trial", "log")})
    assert set(fingerprint(admin, "trial")) == {"a"}


def test_the_prompt(
    warehouse_settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.warehouse.postgres.get_settings", lambda: warehouse_settings)
    assert main(["query", "select 1 as a, null as b", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "a,b\n1,\n"
    assert main(["query", "select 1.5 as a", "--format", "json"]) == 0
    assert '"a": "1.5"' in capsys.readouterr().out
    assert main(["query", "select nothing", "--format", "csv"]) == 1
    assert 'column "nothing" does not exist' in capsys.readouterr().err
    assert main(["fingerprint", "raw", "--format", "csv", "--mode", "replay"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert len([line for line in shown if re.fullmatch(r"orders,\d+,-?\d+:-?\d+,replay", line)]) == 1
