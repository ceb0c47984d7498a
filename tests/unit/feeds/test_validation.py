"""Typing and validation, cell by cell, in DuckDB alone."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from include.feeds.load import Staged, stage
from include.feeds.mapping import Mapping, MappingError, contract_mapping, set_variables
from include.feeds.records import open_records
from include.settings import Settings
from include.warehouse.contracts import load_contracts

ORDER = {
    "order_id": "1",
    "status": "paid",
    "payment_method": "card",
    "currency": "USD",
    "gross_amount": "10.00",
    "is_test": "false",
    "ordered_at": "2026-01-01T10:00:00Z",
    "updated_at": "2026-01-01T10:00:00Z",
}


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def _judge(
    config: Settings, feed: str, *rows: dict[str, Any], mapping: Mapping | None = None
) -> dict[str, Any]:
    contract = load_contracts()[feed]
    path = config.home / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with open_records(path, "jsonl", name="rows", settings=config) as records:
        variables: dict[str, Any] = {"tenant_id": "acme", "source": "shop", "time_zone": "UTC"}
        set_variables(records.duck, **variables, interval_start=None, interval_end=None)
        staged = stage(records, contract, mapping or contract_mapping(contract))
        return {"reasons": _reasons(staged), "rows": _rows(staged), "records": records.count}


def _reasons(staged: Staged) -> list[tuple[str | None, str]]:
    if not staged.refused:
        return []
    return staged.duck.execute(
        "select r.column, r.reason from (select _row, unnest(reasons) as r from refused order by _row)"
    ).fetchall()


def _rows(staged: Staged) -> list[dict[str, Any]]:
    found = staged.duck.execute(f"select * from ({staged.clean()}) order by _row")
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_a_good_row_passes_and_gets_tenant_and_source(config: Settings) -> None:
    found = _judge(config, "orders", ORDER)
    assert found["reasons"] == []
    [row] = found["rows"]
    assert (row["tenant_id"], row["source"], str(row["gross_amount"])) == ("acme", "shop", "10.0000")


@pytest.mark.parametrize(
    ("changes", "column", "words"),
    [
        ({"order_id": None}, "order_id", "is missing"),
        ({"order_id": ""}, "order_id", "is missing"),
        ({"order_id": "a\0b"}, "order_id", "NUL"),
        ({"status": "shipped"}, "status", "'shipped' is none of pending"),
        ({"currency": "XXX"}, "currency", "no currency code"),
        ({"gross_amount": "12,5"}, "gross_amount", "'12,5' is not a number"),
        ({"gross_amount": "NaN"}, "gross_amount", "is not a number"),
        ({"gross_amount": "1e40"}, "gross_amount", "is not a number"),
        ({"gross_amount": "1.00001"}, "gross_amount", "more than 4 decimals"),
        ({"gross_amount": "1.001"}, "gross_amount", "more decimals than USD has"),
        ({"gross_amount": "100.5", "currency": "VND"}, "gross_amount", "more decimals than VND has"),
        ({"gross_amount": "-1"}, "gross_amount", "gross_amount is negative"),
        ({"vat_amount": "11"}, "vat_amount", "vat_amount is outside"),
        ({"is_test": "perhaps"}, "is_test", "is not true or false"),
        ({"ordered_at": "2026-02-30T00:00:00Z"}, "ordered_at", "is not a timestamp"),
        ({"ordered_at": "infinity"}, "ordered_at", "outside the years"),
        ({"paid_at": "2025-12-31T00:00:00Z"}, "paid_at", "paid_at is before ordered_at"),
    ],
)
def test_each_fault_is_named(
    config: Settings, changes: dict[str, Any], column: str | None, words: str
) -> None:
    found = _judge(config, "orders", {**ORDER, **changes}, {**ORDER, "order_id": "2"})
    assert [row["order_id"] for row in found["rows"]] == ["2"]
    assert any(c == column and words in reason for c, reason in found["reasons"]), found["reasons"]


@pytest.mark.parametrize(
    ("currency", "amount"), [("VND", "100"), ("KWD", "1.234"), ("USD", "1.20"), ("JPY", "5.0")]
)
def test_amounts_of_their_currency_pass(config: Settings, currency: str, amount: str) -> None:
    assert _judge(config, "orders", {**ORDER, "currency": currency, "gross_amount": amount})["reasons"] == []


def test_whole_numbers_are_not_rounded_in_silence(config: Settings) -> None:
    kol = {
        "kol_id": "k",
        "name": "K",
        "updated_at": "2026-01-01T00:00:00Z",
        "attribution_window_hours": "12.7",
    }
    [(column, reason)] = _judge(config, "kols", kol)["reasons"]
    assert (column, reason) == ("attribution_window_hours", "'12.7' is not a whole number")


def test_equal_content_has_equal_hashes_and_nothing_else(config: Settings) -> None:
    rows = [
        ORDER,
        {**ORDER, "gross_amount": "10"},
        {**ORDER, "email": "a", "phone": "b"},
        {**ORDER, "email": "ab"},
        {**ORDER, "phone": "ab"},
    ]
    hashes = [row["_rh"] for row in _judge(config, "orders", *rows)["rows"]]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4


def test_hashes_stay_what_they_are_in_the_warehouse(config: Settings) -> None:
    """A change here means that no row that stands will be recognised again: it needs a replay."""
    click = {"click_id": "c1", "is_prefetch": "false", "clicked_at": "2026-01-01T00:00:00Z"}
    [row] = _judge(config, "clicks", click)["rows"]
    key = hashlib.md5(b"acme\0c1\0").hexdigest()
    content = b"acme\0c1\0" + b"\0" * 9 + b"false\0" + b"1767225600000000\0"
    assert row["_h"] == int(key[:15], 16)
    assert row["_rh"] == hashlib.md5(content).hexdigest()


@pytest.mark.parametrize(
    ("local", "zone", "instant"),
    [
        ("2026-07-01 10:00", "Europe/London", "2026-07-01T09:00:00Z"),
        ("2026-10-25 01:30", "Europe/London", "2026-10-25T00:30:00Z"),
        ("2026-04-05 01:45", "Australia/Lord_Howe", "2026-04-04T14:45:00Z"),
        ("2026-01-01 00:30", "Asia/Ho_Chi_Minh", "2025-12-31T17:30:00Z"),
        ("2026-01-01 00:30", "Asia/Kathmandu", "2025-12-31T18:45:00Z"),
    ],
)
def test_local_times(config: Settings, local: str, zone: str, instant: str) -> None:
    sql = f"""
        select _row, 'c' as click_id, false as is_prefetch, local_to_utc('{local}', '{zone}') as clicked_at
        from source
    """
    [row] = _judge(config, "clicks", {"x": 1}, mapping=Mapping("m", sql))["rows"]
    assert row["clicked_at"].strftime("%Y-%m-%dT%H:%M:%SZ") == instant


def test_an_impossible_local_time_is_refused_by_name(config: Settings) -> None:
    sql = """
        select _row, 'c' as click_id, false as is_prefetch,
            local_to_utc('2026-03-29 01:30', 'Europe/London') as clicked_at
        from source
    """
    [(column, reason)] = _judge(config, "clicks", {"x": 1}, mapping=Mapping("m", sql))["reasons"]
    assert column == "clicked_at"
    assert "impossible local time 2026-03-29 01:30 in Europe/London" in reason


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select 1 as _row; select 2", "one select"),
        ("drop table records", "one select"),
        ("select _row, nothing from source", "nothing"),
        ("select record from source", "must select _row"),
        ("select _row, 'x' as tenant_id from source", "tenant_id"),
        ("select _row, 'x' as click_id from source", "gives no is_prefetch, clicked_at"),
        (
            "select null as _row, 'x' as click_id, false as is_prefetch, now() as clicked_at from source",
            "_row is null",
        ),
        (
            "select _row, 'x' as click_id, false as is_prefetch, now() as clicked_at, 1 as _mine from source",
            "the loader's",
        ),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(config: Settings, sql: str, words: str) -> None:
    with pytest.raises(MappingError, match=words):
        _judge(config, "clicks", {"x": 1}, mapping=Mapping("m", sql))
