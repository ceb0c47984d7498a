"""Rules by which a tenant's money is reconciled: entries of a book, in force from the next night on."""

import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from include.feeds import decision
from include.feeds.decision import DecisionError
from include.finance import books
from include.finance.__main__ import main
from include.finance.reconciliation.rules import BOOK, Rules, rules_of, set_rules
from include.settings import Settings
from include.warehouse import connect
from tests.oracle import made
from tests.oracle.loading import load_rows

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(warehouse_settings: Settings) -> Settings:
    """Give a warehouse with a tenant."""
    tenant = {"tenants": [made.tenant()]}
    load_rows(warehouse_settings, tenant, date(2026, 2, 1), date(2026, 3, 1), zones={made.TENANT: "UTC"})
    return warehouse_settings


def in_force(settings: Settings, tenant: str = made.TENANT) -> Rules:
    with connect("transformer", settings) as warehouse:
        return rules_of(warehouse, tenant)


def test_what_was_decided_last_is_in_force_and_the_rest_stays(settings: Settings) -> None:
    assert in_force(settings) == Rules()
    said: dict[str, Any] = {"entered_by": "ann", "reason": "the bank rounds", "settings": settings}
    set_rules(made.TENANT, {"tolerance": "0.05", "lag_days": '{"": 2, "stripe": 3}'}, at=AT, **said)
    set_rules(made.TENANT, {"own_words": ["rent"]}, at=AT + timedelta(hours=1), **said)
    expected = Rules(tolerance=Decimal("0.05"), lag_days={"": 2, "stripe": 3}, own_words=("rent",))
    assert in_force(settings) == expected
    assert in_force(settings).version == expected.version
    assert in_force(settings, "another") == Rules()
    # The same decision of the same instant is one entry.
    set_rules(made.TENANT, {}, at=AT + timedelta(hours=1), **said)
    with connect("loader", settings) as warehouse:
        assert warehouse.value("select count(*) from raw.finance_rules") == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tolerence": 1}, "tolerence: Unexpected keyword argument; there are tolerance, near_share"),
        ({"tolerance": -1}, "tolerance: Input should be greater than or equal to 0"),
        ({"courier_days": "few"}, "courier_days: Input should be a valid integer"),
    ],
)
def test_a_wrong_rule_is_named(settings: Settings, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        set_rules(made.TENANT, changes, entered_by="ann", reason="why", settings=settings)


def test_nobody_and_unknown_tenants_decide_nothing(settings: Settings) -> None:
    with pytest.raises(ValueError, match="a decision on rules needs entered_by"):
        set_rules(made.TENANT, {}, entered_by=" ", reason="why", settings=settings)
    with pytest.raises(ValueError, match="there is no tenant nobody"):
        set_rules("nobody", {}, entered_by="ann", reason="why", settings=settings)


def test_a_decision_whose_writer_was_killed_is_not_undone_by_the_next(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was landed stands: the next decision is on top of it, though nobody has loaded it."""
    said: dict[str, Any] = {"entered_by": "ann", "reason": "why", "settings": settings}
    with monkeypatch.context() as killing:
        killing.setattr(decision, "load_file", lambda *_, **__: sys.exit(9))
        with pytest.raises(SystemExit):
            set_rules(made.TENANT, {"courier_days": 9}, at=AT + timedelta(hours=2), **said)
    set_rules(made.TENANT, {"gateway_minutes": 45}, at=AT + timedelta(hours=3), **said)
    assert (in_force(settings).courier_days, in_force(settings).gateway_minutes) == (9, 45)


def test_at_the_prompt(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("include.finance.reconciliation.rules.get_settings", lambda: settings)
    common = ["set-rules", "--tenant", made.TENANT, "--by", "bob", "--reason", "slow courier"]
    assert main([*common, "courier_days=6"]) == 0
    assert "courier_days         6" in capsys.readouterr().out
    assert main([*common, "courier_days"]) == 2
    assert "'courier_days' is no NAME=VALUE" in capsys.readouterr().err


def test_rows_that_contradict_what_stands_are_entered_all_or_none(settings: Settings) -> None:
    said: dict[str, Any] = {"source": "sokol_test", "at": AT + timedelta(days=1), "settings": settings}
    with connect("loader", settings) as warehouse:
        stands = "select rules_id, rules, decided_at, entered_by, reason from raw.finance_rules"
        one = warehouse.query(f"{stands} limit 1")
        other = one.set_column(4, "reason", pa.array(["another"]))
        new = other.set_column(0, "rules_id", pa.array(["new"]))
        before = warehouse.value("select count(*) from raw.finance_rules")
        books.append_rows(warehouse, BOOK, made.TENANT, one.slice(0, 0), what="none", **said)
        with pytest.raises(DecisionError, match="1 rows contradict rows that stand, so none is entered"):
            rows = pa.concat_tables([other, new])
            books.append_rows(warehouse, BOOK, made.TENANT, rows, what="odd", **said)
        assert warehouse.value("select count(*) from raw.finance_rules") == before
