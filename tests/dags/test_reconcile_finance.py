"""A night runs for each tenant by itself: nobody's fault stops the others, and nothing red is hidden."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pytest

from include.finance import night
from include.settings import PROJECT_ROOT
from tests.dags import governance

DAG_ID = "reconcile_finance"
Key = tuple[str, str]
"""Tenant, or nothing, and task."""


@pytest.fixture(scope="module")
def dag() -> Any:
    """Give the Dag with a metadata database behind it, its tasks without retries."""
    from airflow.utils.db import initdb

    initdb()
    found = governance.bag(PROJECT_ROOT / "dags").dags[DAG_ID]
    for task in found.tasks:
        task.retries = 0
    return found


def run(
    dag: Any, monkeypatch: pytest.MonkeyPatch, *, failing: Collection[Key] = (), **how: Any
) -> tuple[str, dict[Key, str], list[tuple[str, str, Any]]]:
    """Run the Dag over three tenants; return its state, those of its tasks, and the steps that were taken."""
    taken: list[tuple[str, str, Any]] = []

    def take_step(name: str, tenant: str, *, day: Any, settings: Any) -> str:
        taken.append((name, tenant, day))
        if (tenant, name) in failing:
            raise RuntimeError(f"{name} of {tenant} fails")
        return name

    def refresh(settings: Any) -> str:
        taken.append(("refresh", "", None))
        return "built"

    monkeypatch.setattr(night, "published", lambda settings: ["kauri", "lotus", "maple"])
    monkeypatch.setattr(night, "take_step", take_step)
    monkeypatch.setattr(night, "refresh", refresh)
    ended = dag.test(**how)
    whose = {-1: "", 0: "kauri", 1: "lotus", 2: "maple"}
    states = {
        (whose[task.map_index], task.task_id.split(".")[-1]): str(task.state)
        for task in ended.get_task_instances()
    }
    return str(ended.state), states, taken


def test_a_night_takes_the_steps_of_each_tenant_in_order(dag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    state, states, taken = run(dag, monkeypatch, logical_date=datetime(2026, 3, 2, 10, tzinfo=UTC))
    assert state == "success"
    assert set(states.values()) == {"success"}
    built = taken.index(("refresh", "", None))
    for tenant in ("kauri", "lotus", "maple"):
        before = [name for name, whose, _ in taken[:built] if whose == tenant]
        after = [name for name, whose, _ in taken[built:] if whose == tenant]
        assert before == ["reconcile", "post_commission", "post_journal"]
        assert after[0] == "write_pack"
        assert set(after[1:]) == {"alert", "gate"}
    assert {day for name, _, day in taken if name != "refresh"} == {"2026-03-01"}  # the day that is over


def test_what_is_red_stops_nobody_else_and_is_not_hidden(dag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = {("kauri", "gate"), ("lotus", "post_commission"), ("maple", "alert")}
    state, states, taken = run(dag, monkeypatch, failing=failing, run_conf={"day": "2026-01-31"})
    assert state == "failed"
    assert {key for key, found in states.items() if found == "failed"} == failing
    assert {key for key, found in states.items() if found == "upstream_failed"} == {
        ("lotus", "post_journal"),
        ("", "books_are_kept"),
    }
    assert {day for name, _, day in taken if name != "refresh"} == {
        "2026-01-31"
    }  # what was asked for by hand


def test_the_gate_is_not_tried_again_and_the_day_before_is_over_everywhere() -> None:
    found = governance.bag(PROJECT_ROOT / "dags").dags[DAG_ID]
    assert found.task_dict["report.gate"].retries == 0
    assert found.task_dict["books.reconcile"].retries > 0
    assert (found.timetable.expression, found.max_active_runs) == ("0 10 * * *", 1)
