"""Contracts: all of the project's are sound, and each fault of one is refused."""

import copy
from typing import Any

import pytest

from include.warehouse.contracts import ContractError, load_contracts, parse_contract
from include.warehouse.prepare import raw_columns

GOOD: dict[str, Any] = {
    "name": "bills",
    "config": {
        "meta": {
            "kind": "entity",
            "key": ["tenant_id", "id"],
            "version": "updated_at",
            "money": {"currency": "currency", "amounts": ["amount"]},
            "rules": [{"check": "amount > 0", "error": "amount is not positive"}],
        }
    },
    "columns": [
        {"name": "tenant_id", "data_type": "text", "config": {"meta": {"required": True}}},
        {"name": "id", "data_type": "text", "config": {"meta": {"required": True}}},
        {"name": "currency", "data_type": "text"},
        {"name": "amount", "data_type": "numeric(20,4)"},
        {"name": "updated_at", "data_type": "timestamptz", "config": {"meta": {"required": True}}},
    ],
}


BOOK: dict[str, Any] = {
    "name": "entries",
    "config": {
        "meta": {
            "kind": "book",
            "key": ["tenant_id", "id"],
            "event_time": "decided_at",
            "is_decision": True,
        }
    },
    "columns": [
        {"name": name, "data_type": kind, "config": {"meta": {"required": True}}}
        for name, kind in (
            ("tenant_id", "text"),
            ("id", "text"),
            ("decided_at", "timestamptz"),
            ("entered_by", "text"),
            ("reason", "text"),
        )
    ],
}


def _book(column: int = 0, change: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    table = copy.deepcopy(BOOK)
    table["config"]["meta"].update(meta)
    table["columns"][column].update(change or {})
    return table


def _with(**meta: Any) -> dict[str, Any]:
    table = copy.deepcopy(GOOD)
    table["config"]["meta"].update(meta)
    return table


def test_all_contracts_of_the_project_are_sound() -> None:
    contracts = load_contracts()
    assert {"orders", "clicks", "ad_spend", "tenants"} <= set(contracts)
    assert contracts["orders"].state_order[-1] == "cancelled"
    assert contracts["ad_spend"].slice == ("tenant_id", "platform", "account_id", "spend_date")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (_with(kind="table"), "kind 'table' is not"),
        (_with(key=["id"]), "must begin with tenant_id"),
        (_with(version="changed_at"), "columns it does not have"),
        (_with(kind="event"), "needs event_time"),
        (_with(kind="slice"), "needs slice"),
        (_with(key=["tenant_id", "currency"]), "must be required"),
        ({**GOOD, "columns": [{**GOOD["columns"][0], "data_type": "money"}]}, "unknown type 'money'"),
        ({**GOOD, "config": {"meta": {"kind": "entity"}}}, "lacks 'key'"),
        (_with(kind="book", is_decision=True), "bills: a book needs event_time"),
        (_book(event_time=None), "entries: a book needs event_time"),
        (_book(is_decision=False), "entries: a book holds decisions"),
        (_book(3, {"name": "author"}), r"needs the required text column entered_by \(who\)"),
        (_book(4, {"name": "grounds"}), r"needs the required text column reason \(why\)"),
        (_book(4, {"config": {}}), "needs the required text column reason"),
        (_book(3, {"data_type": "bigint"}), "needs the required text column entered_by"),
        (_book(2, {"config": {}}), "must be required: .'decided_at'"),
    ],
)
def test_a_fault_is_refused_with_its_place(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ContractError, match=words) as caught:
        parse_contract(table, "bills.yml")
    assert "bills" in str(caught.value)


def test_a_book_keeps_what_stands_and_marks_nothing_deleted() -> None:
    book = parse_contract(BOOK, "entries.yml")
    assert book.keeps_first
    assert "_deleted" not in raw_columns(book)
    assert "_deleted" in raw_columns(parse_contract(GOOD, "x"))
    assert not parse_contract(GOOD, "x").keeps_first


def test_the_version_follows_what_decides_and_not_the_words() -> None:
    digest = parse_contract(GOOD, "x").digest
    described = copy.deepcopy(GOOD)
    described["columns"][3]["description"] = "What is owed."
    assert parse_contract(described, "x").digest == digest
    for change in (_with(version=None), _with(rules=[])):
        assert parse_contract(change, "x").digest != digest
