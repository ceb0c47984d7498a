"""Explanations by hand: entries of a book, at the prompt or by code, in turn, the same after a replay."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.feeds.decision import DecisionError, land_decision
from include.feeds.landing import LandedFile, land, manifests
from include.feeds.load import load_file
from include.feeds.replay import replay
from include.finance.__main__ import main
from include.finance.reconciliation.explanations import (
    BOOK,
    SOURCE,
    UnknownItemError,
    explain_item,
    withdraw_explanation,
)
from include.settings import Settings
from include.warehouse import connect, prepare
from tests.oracle import made
from tests.oracle.loading import load_rows

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = {"currency": "USD", "amount": "-12.00", "booked_on": "2026-02-28", "booked_at": "2026-02-28T10:00:00Z"}
WORDS: dict[str, Any] = {"category": "operating_cost", "entered_by": "ann", "reason": "rent of March"}


@pytest.fixture(scope="module")
def prepared(warehouse_settings: Settings) -> Settings:
    """Give a warehouse with a few records to explain."""
    landing = str(warehouse_settings.home / "prepared")
    own = warehouse_settings.model_copy(
        update={"warehouse_database": "explain_prepared", "landing_url": landing}
    )
    prepare(own)
    rows = {
        "orders": [made.order("o1", "2026-02-02T05:00:00Z")],
        "bank_lines": [
            {"tenant_id": made.TENANT, "account_id": account, "line_id": line, **LINE}
            for account, line in (("a1", "BL1"), ("a1", "BL2"), ("a2", "BL2"))
        ],
    }
    load_rows(own, rows, date(2026, 2, 1), date(2026, 3, 1), zones={made.TENANT: "UTC"})
    return own


@pytest.fixture
def settings(prepared: Settings, tmp_path: Path) -> Settings:
    """Give a copy of the prepared warehouse, and a landing zone of its own."""
    own = prepared.model_copy(
        update={"warehouse_database": "explain", "landing_url": str(tmp_path / "landing")}
    )
    renew(own)
    return own


def renew(settings: Settings) -> None:
    with connect("admin", settings, database="postgres") as server:
        server.execute("drop database if exists explain with (force)")
        server.execute("create database explain template explain_prepared")


def book(settings: Settings) -> list[tuple[Any, ...]]:
    with connect("loader", settings) as warehouse:
        columns = "item_source, item_id, category, counterpart_id, is_withdrawn, entered_by, reason"
        return warehouse.rows(f"select {columns} from raw.{BOOK} order by explained_at, explanation_id")


def test_an_explanation_is_an_entry_that_a_later_one_withdraws(settings: Settings) -> None:
    first = explain_item(
        made.TENANT, "bank_line", "BL1", counterpart_id="x", at=AT, settings=settings, **WORDS
    )
    assert (
        explain_item(made.TENANT, "bank_line", "BL1", counterpart_id="x", at=AT, settings=settings, **WORDS)
        == first
    )
    later: dict[str, Any] = {"entered_by": "bob", "reason": "a mistake", "settings": settings}
    withdraw_explanation(made.TENANT, "bank_line", "BL1", at=AT + timedelta(hours=1), **later)
    assert book(settings) == [
        ("a1", "BL1", "operating_cost", "x", False, "ann", "rent of March"),
        ("a1", "BL1", "operating_cost", "x", True, "bob", "a mistake"),
    ]
    with pytest.raises(UnknownItemError, match="no explanation of bank_line BL1 is in force"):
        withdraw_explanation(made.TENANT, "bank_line", "BL1", **later)
    again = explain_item(made.TENANT, "bank_line", "BL1", settings=settings, **WORDS)
    assert again != first
    with connect("loader", settings) as warehouse:
        audited = warehouse.rows(
            "select entered_by, reason, content ->> 'item_id' from ops.financial_audit order by 1"
        )
        assert audited == [("ann", "rent of March", "BL1")] * 2 + [("bob", "a mistake", "BL1")]


@pytest.mark.parametrize(
    ("item", "change", "error", "words"),
    [
        (("bank_line", "BL9"), {}, UnknownItemError, "tenant acme: there is no bank_line BL9"),
        (("bank_line", "BL2"), {}, UnknownItemError, "bank_line BL2 stands in a1, a2; name the source"),
        (
            ("bank_line", "BL1"),
            {"item_source": "a2"},
            UnknownItemError,
            "tenant acme, source a2: there is no",
        ),
        (("payout", "o1"), {}, UnknownItemError, "there is no payout o1"),
        (("cheque", "o1"), {}, ValueError, "side 'cheque' is none of order, payment, refund"),
        (("order", "o1"), {"category": "luck"}, ValueError, "category 'luck' is none of operating_cost"),
        (("order", "o1"), {"reason": " "}, ValueError, "needs reason"),
        (("order", "o1"), {"entered_by": ""}, ValueError, "needs entered_by"),
    ],
)
def test_what_cannot_be_explained_is_said_and_not_written(
    settings: Settings, item: tuple[str, str], change: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        explain_item(made.TENANT, *item, settings=settings, **{**WORDS, **change})
    assert book(settings) == []
    assert explain_item(made.TENANT, "bank_line", "BL2", item_source="a2", settings=settings, **WORDS)


def test_the_prompt(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("include.finance.reconciliation.explanations.get_settings", lambda: settings)
    item = ["--tenant", made.TENANT, "--side", "order", "--item", "o1", "--by", "ann"]
    assert main(["explain-item", *item, "--category", "write_off", "--reason", "lost in the post"]) == 0
    assert "order o1 is explained by " in capsys.readouterr().out
    assert main(["withdraw-explanation", *item, "--reason", "it was found"]) == 0
    assert "order o1 is open again by " in capsys.readouterr().out
    assert [row[1:5] for row in book(settings)] == [
        ("o1", "write_off", None, False),
        ("o1", "write_off", None, True),
    ]
    assert main(["withdraw-explanation", *item, "--reason", "again"]) == 2
    assert "no explanation of order o1 is in force" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["explain-item", *item, "--category", "luck", "--reason", "none"])


def entry(reason: str, explanation_id: str = "e1") -> bytes:
    said = '"side": "order", "item_id": "o1", "category": "other", "is_withdrawn": false, "entered_by": "ann"'
    at = '"explained_at": "2026-03-01T12:00:00Z"'
    return f'{{"explanation_id": "{explanation_id}", {said}, {at}, "reason": "{reason}"}}'.encode()


def decide(settings: Settings, reason: str, explanation_id: str = "e1") -> int:
    with connect("loader", settings) as warehouse:
        name = f"{reason}.jsonl"
        content = entry(reason, explanation_id)
        decided: dict[str, Any] = {"source": SOURCE, "name": name, "at": AT, "settings": settings}
        return land_decision(warehouse, BOOK, made.TENANT, content, **decided).rows_loaded


def left_landed(settings: Settings, reason: str) -> LandedFile:
    """Land an entry as a writer does that is killed before he loads it."""
    day = AT.replace(hour=0)
    return land(
        entry(reason),
        tenant_id=made.TENANT,
        source=SOURCE,
        name=f"{reason}.jsonl",
        interval_start=day,
        interval_end=day + timedelta(days=1),
        feeds={BOOK: "contract"},
        file_format="jsonl",
        settings=settings,
    )


def replayed(settings: Settings, seed: int) -> list[tuple[Any, ...]]:
    """Drop the database, replay the landing zone in some order, and return what stands in the book."""
    renew(settings)
    with connect("loader", settings) as warehouse:
        replay(warehouse, settings=settings, order="random", seed=seed)
    return book(settings)


def test_what_a_killed_writer_left_stands_before_the_next_entry(settings: Settings) -> None:
    left_landed(settings, "first")
    assert decide(settings, "second") == 0
    before = book(settings)
    assert [row[-1] for row in before] == ["first"]
    assert [replayed(settings, seed) for seed in (1, 2)] == [before] * 2


def test_without_turns_a_replay_would_come_to_another_book(settings: Settings) -> None:
    """Planted: an entry that is loaded before the one that was landed before it."""
    left_landed(settings, "first")
    second = left_landed(settings, "second")
    with connect("loader", settings) as warehouse:
        load_file(warehouse, second, BOOK, settings=settings)
    before = book(settings)
    assert [row[-1] for row in before] == ["second"]
    assert replayed(settings, 1) != before


def test_two_writers_at_once_take_turns(settings: Settings) -> None:
    with ThreadPoolExecutor(6) as pool:
        loaded = list(pool.map(lambda n: decide(settings, f"word-{n}"), range(6)))
    assert sorted(loaded) == [0] * 5 + [1]
    before = book(settings)
    [first, *_] = sorted(manifests(settings, f"{made.TENANT}/{SOURCE}"), key=lambda file: file.landed_at)
    assert f"{before[0][-1]}.jsonl" == first.name
    assert [replayed(settings, seed) for seed in (1, 2)] == [before] * 2


def test_a_refused_entry_says_why_and_frees_the_turn(settings: Settings) -> None:
    with pytest.raises(DecisionError, match="reason is blank"):
        decide(settings, " ")
    assert decide(settings, "told") == 1
    with connect("admin", settings) as admin, pytest.raises(psycopg.errors.RestrictViolation):
        admin.execute(f"delete from raw.{BOOK}")
