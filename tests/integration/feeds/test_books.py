"""A book only grows: what stands stays, what differs is a conflict, each row has its line in the audit."""

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.feeds.landing import manifests
from include.feeds.load import LoadResult, load_landed, load_pending
from include.feeds.quarantine import open_rows, release_by_hand
from include.feeds.replay import replay
from include.settings import Settings
from include.warehouse import Column, connect, fingerprint, prepare
from tests.integration.feeds import universe as u
from tests.integration.feeds.test_order import PHASES


def _load(config: Settings, *rows: u.Row, day: int = 0, name: str = "file") -> LoadResult:
    with connect("loader", config) as warehouse:
        landed = u.Given("entries", day, name, rows).land(config)
        [result] = load_landed(warehouse, landed, settings=config, contracts=u.CONTRACTS)
        return result


def _counts(result: LoadResult) -> tuple[int, int, int, int]:
    return result.rows_loaded, result.rows_unchanged, result.rows_conflicting, result.rows_quarantined


def _stand(config: Settings) -> dict[str, Decimal]:
    with connect("loader", config) as warehouse:
        return dict(warehouse.rows("select id, amount from raw.entries order by id"))


def test_what_stands_stays_and_what_differs_is_a_conflict(universe: Settings) -> None:
    assert _counts(_load(universe, u.entry("a", 3, "1"), u.entry("b", 3, "2"))) == (2, 0, 0, 0)
    again = _load(universe, u.entry("b", 3, "2"), u.entry("a", 3, "1"), u.entry("c", 3, "4"), name="again")
    assert _counts(again) == (1, 2, 0, 0)
    earlier = _load(universe, u.entry("a", 1, "9"), u.entry("c", 3, "4"), day=1, name="earlier")
    assert _counts(earlier) == (0, 1, 1, 0)
    assert _stand(universe) == {"a": 1, "b": 2, "c": 4}
    with connect("loader", universe) as warehouse:
        [(key, kept, row, reason)] = warehouse.rows("select key, kept, row, reason from ops.conflicts")
        assert (key, kept["amount"], row["amount"]) == ({"tenant_id": "acme", "id": "a"}, 1, 9)
        assert "stands already" in reason
        [totals] = warehouse.rows("select totals from ops.loads order by load_id desc limit 1")
        assert totals[0] == {
            "conflicting": {"USD": {"amount": "9.0000"}},
            "unchanged": {"USD": {"amount": "4.0000"}},
        }
        u.every_row_is_accounted_for(warehouse)


def test_of_one_file_the_earlier_decision_stands(universe: Settings) -> None:
    rows = (u.entry("a", 3, "1"), u.entry("a", 2, "2"), u.entry("a", 2, "2"), u.entry("b", 1, "3"))
    assert _counts(_load(universe, *rows)) == (2, 1, 1, 0)
    assert _stand(universe) == {"a": 2, "b": 3}
    with connect("loader", universe) as warehouse:
        u.every_row_is_accounted_for(warehouse)


def test_each_row_has_its_line_in_the_audit_and_none_that_did_not_come(universe: Settings) -> None:
    paid = {
        **u.entry("p", 2, "5"),
        "entry_type": "payout",
        "entered_by": "ann",
        "reason": "May",
        "ticket": "T-1",
    }
    untold = {**u.entry("q", 2, "5"), "entry_type": None}
    _load(universe, paid, untold, u.entry("r", 2, "1"))
    _load(universe, paid, {**untold, "reason": "June"}, name="again")
    _load(universe, {**paid, "currency": "none"}, name="refused")
    with connect("loader", universe) as warehouse:
        lines = warehouse.query("select * from ops.financial_audit order by key").to_pylist()
        finished = warehouse.value("select min(finished_at) from ops.loads")
    assert [line["action"] for line in lines] == ["payout", "insert", "accrual"]
    first = lines[0]
    assert first["recorded_at"] <= finished
    content = json.loads(first["content"])
    assert content.pop("tenant_id") == "acme"
    assert content.pop("happened_at") == "2026-01-02T10:00:00+00:00"
    assert content == {key: value for key, value in paid.items() if key not in ("ticket", "happened_at")} | {
        "amount": 5.0
    }
    said = {name: first[name] for name in ("book", "tenant_id", "entered_by", "reason", "db_user")}
    assert said == {
        "book": "entries",
        "tenant_id": "acme",
        "entered_by": "ann",
        "reason": "May",
        "db_user": universe.loader_user,
    }
    assert json.loads(first["key"]) == {"tenant_id": "acme", "id": "p"}
    assert first["decided_at"].isoformat() == "2026-01-02T10:00:00+00:00"


_ENTRIES = st.builds(u.entry, st.sampled_from("abc"), st.integers(1, 3), st.sampled_from(["1", "2"]))


@settings(max_examples=12, deadline=None, phases=PHASES, print_blob=True)
@given(
    files=st.lists(
        st.tuples(st.integers(0, 3), st.lists(_ENTRIES, min_size=1, max_size=4)), min_size=2, max_size=5
    ),
    seed=st.integers(0, 10**6),
)
def test_a_replay_in_any_order_comes_to_the_same_rows(
    universe_settings: Settings, files: Sequence[tuple[int, list[u.Row]]], seed: int
) -> None:
    with TemporaryDirectory() as folder:
        config = universe_settings.model_copy(update={"landing_url": folder})
        told = [u.Given("entries", day, f"f{n}", tuple(rows)) for n, (day, rows) in enumerate(files)]
        u.empty(config)
        for file in told:
            _load(config, *file.rows, day=file.day, name=file.name)
        first = _all(config)
        with connect("loader", config) as warehouse:
            allowed, stands = u.candidates("entries", told), u.standing(warehouse, "entries")
            assert set(stands) == set(allowed)
            assert all(row in allowed[key] for key, row in stands.items())
            assert warehouse.value("select count(*) from ops.conflicts") == u.conflicts(told)
        for again in ("replay", "pending"):
            u.empty(config)
            with connect("loader", config) as warehouse:
                if again == "replay":
                    replay(warehouse, settings=config, contracts=u.CONTRACTS, order="random", seed=seed)
                else:
                    load_pending(warehouse, settings=config, contracts=u.CONTRACTS)
            assert _all(config) == first, again


def _all(config: Settings) -> Any:
    with connect("loader", config) as warehouse:
        u.every_row_is_accounted_for(warehouse)
        lines = warehouse.rows(
            "select key, action, decided_at, entered_by, reason, content from ops.financial_audit order by 1"
        )
        return [fingerprint(warehouse, "raw"), u.bookkeeping(warehouse), lines]


def test_the_order_of_landing_decides_and_not_that_of_the_days(universe: Settings) -> None:
    """Planted: loaded by their days, or shuffled, these two files would change places."""
    _load(universe, u.entry("a", 2, "1"), day=3, name="first")
    _load(universe, u.entry("a", 1, "2"), day=0, name="second")
    landed = sorted(manifests(universe), key=lambda file: file.landing_seq)
    assert [file.name for file in landed] == ["second", "first"]
    for seed in range(4):
        random.Random(seed).shuffle(landed)
        u.empty(universe)
        with connect("loader", universe) as warehouse:
            replay(warehouse, settings=universe, contracts=u.CONTRACTS, order="random", seed=seed)
        assert _stand(universe) == {"a": 1}
    u.empty(universe)
    with connect("loader", universe) as warehouse:
        for file in sorted(manifests(universe), key=lambda file: file.landing_seq):
            load_landed(warehouse, file, settings=universe, contracts=u.CONTRACTS)
    assert _stand(universe) == {"a": 2}


def test_a_large_load_takes_no_index_or_row_away(universe: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.feeds.merge.OWN_SEGMENT_ROWS", 100)
    assert _counts(_load(universe, *(u.entry(f"e{n}", 1, "1") for n in range(200)))) == (200, 0, 0, 0)
    bill = {"status": "paid", "currency": "USD", "amount": "1", "version": "2026-01-01T10:00:00Z"}
    with connect("loader", universe) as warehouse:
        control = u.Given("bills", 0, "bills", tuple({"id": f"b{n}", **bill} for n in range(200)))
        statements: list[str] = []
        monkeypatch.setattr(warehouse, "execute", _noting(warehouse.execute, statements))
        load_landed(warehouse, control.land(universe), settings=universe, contracts=u.CONTRACTS)
    assert "truncate raw.bills" in statements


def _noting(execute: Any, statements: list[str]) -> Any:
    def noted(statement: str, *params: Any) -> Any:
        statements.append(statement)
        return execute(statement, *params)

    return noted


def test_prepare_extends_a_book_and_what_stood_is_unchanged(universe: Settings) -> None:
    first = (u.entry("a", 1, "1"), u.entry("b", 2, "2"))
    _load(universe, *first)
    book = u.CONTRACTS["entries"]
    wider = replace(
        book, columns=(*book.columns, Column("ticket", "text")), indexes=(("tenant_id", "ticket"),)
    )
    contracts = {**u.CONTRACTS, "entries": wider}
    for _ in range(2):
        prepare(universe, contracts)
    with connect("loader", universe) as warehouse:
        [result] = load_pending(warehouse, settings=universe, contracts=contracts)
        assert _counts(result) == (0, 2, 0, 0)
        more = u.Given(
            "entries", 1, "more", ({**u.entry("a", 1, "3")}, {**u.entry("c", 1, "3"), "ticket": "T"})
        )
        [result] = load_landed(warehouse, more.land(universe), settings=universe, contracts=contracts)
        assert _counts(result) == (1, 0, 1, 0)
        assert warehouse.rows("select id, ticket from raw.entries order by id") == [
            ("a", None),
            ("b", None),
            ("c", "T"),
        ]
        assert (
            warehouse.value("select content ->> 'ticket' from ops.financial_audit where key ->> 'id' = 'c'")
            == "T"
        )
        u.every_row_is_accounted_for(warehouse)
    with connect("admin", universe) as admin:
        for statement in ("alter table raw.entries add column more text", "delete from raw.entries"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                admin.execute(statement)


def test_prepare_waits_for_a_load_of_a_book_and_holds_nothing_that_it_needs(universe: Settings) -> None:
    with ThreadPoolExecutor(1) as pool, connect("loader", universe) as loader:
        with loader.transaction():
            loader.execute("lock table raw.entries in row exclusive mode")
            prepared = pool.submit(prepare, universe, u.CONTRACTS)
            while not loader.value("select count(*) from pg_locks where not granted"):
                assert not prepared.done()
            loader.execute("lock table ops.quarantine, ops.loads in row exclusive mode")
        prepared.result(60)


def test_an_entry_released_by_hand_stands_and_is_released_again_by_a_replay(universe: Settings) -> None:
    config: dict[str, Any] = {"settings": universe, "contracts": u.CONTRACTS}
    result = _load(universe, u.entry("a", 1, "1.005"), u.entry("b", 1, "1"))
    assert _counts(result) == (1, 0, 0, 1)
    with connect("loader", universe) as warehouse:
        [held] = open_rows(warehouse, "entries").to_pylist()
        why: dict[str, Any] = {"reason": "a slip", "released_by": "ann"}
        released = release_by_hand(warehouse, held["quarantine_id"], {"amount": "1.01"}, **why, **config)
        assert _counts(released) == (1, 0, 0, 0)
    first = _all(universe)
    u.empty(universe)
    with connect("loader", universe) as warehouse:
        replay(warehouse, order="random", seed=1, **config)
    assert _all(universe) == first
    assert _stand(universe) == {"a": Decimal("1.01"), "b": 1}


def test_a_line_that_is_missing_in_the_audit_is_noticed(universe: Settings, tmp_path: Path) -> None:
    """Planted defect: a row that came in while the trigger slept."""
    _load(universe, u.entry("a", 1, "1"))
    with connect("admin", universe) as admin:
        admin.execute("set event_triggers = off; alter table raw.entries disable trigger book_audit")
        _load(universe, u.entry("b", 1, "1"), name="unseen")
        with pytest.raises(AssertionError, match="1 entries and lines of the audit"):
            u.every_row_is_accounted_for(admin)
