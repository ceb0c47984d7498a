"""Start Airflow runs and wait for them, telling the user how far they are."""

import json
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.local.airflow import LocalAirflow
from include.scheduling import RAW_ASSET
from include.settings import PROJECT_ROOT

Say = Callable[[str], None]

DAY_FORMAT = "%Y-%m-%d"
POLL_SECONDS = 1.0
DAG_SECONDS = 120
ACTIVE = ("queued", "running")
MATCH = "match_customers"
TRANSFORM = "transform"
TRAIN = "train_clv"
FORECAST = "forecast_clv"
FINANCE = "reconcile_finance"


class RunFailedError(RuntimeError):
    """A run that was waited for ended red; the text names it, its task and the last thing that task said."""


def wait_for_dags(airflow: LocalAirflow, dag_ids: Sequence[str]) -> None:
    """Wait until Airflow knows these Dags.

    Raises:
        RuntimeError: a Dag file has an error, or the Dags did not appear in two minutes.
    """
    api = airflow.api()
    os.utime(PROJECT_ROOT / "dags" / "ingest.py")  # a changed file is read at once, an old one in its turn
    deadline = time.monotonic() + DAG_SECONDS
    while missing := set(dag_ids) - set(api.dags()):
        errors = api.import_errors()
        if errors:
            raise RuntimeError(f"{errors[0]['filename']} could not be read:\n{errors[0]['stack_trace']}")
        if time.monotonic() > deadline:
            log = airflow.home / "airflow" / "dag-processor.log"
            raise RuntimeError(f"Airflow does not show {', '.join(sorted(missing))}; see {log}")
        time.sleep(POLL_SECONDS)


def run_interval(airflow: LocalAirflow, dag_id: str, run_id: str, begin: datetime, end: datetime) -> bool:
    """Start a run over [begin, end) unless it ended green before; return whether it was started.

    Args:
        airflow: the running Airflow.
        dag_id: an ingest Dag, not paused.
        run_id: name of the run; one that ended red is run again.
        begin: midnight of the first day, in the source's zone.
        end: midnight after the last day.
    """
    api = airflow.api()
    standing = api.run(dag_id, run_id)
    if standing is None:
        days = {"start": begin.strftime(DAY_FORMAT), "end": end.strftime(DAY_FORMAT)}
        api.trigger(dag_id, run_id, days, logical_date=begin)
        return True
    if standing["state"] == "failed":
        api.clear(dag_id, run_id)
        return True
    return standing["state"] in ACTIVE


def run_by_hand(airflow: LocalAirflow, dag_id: str) -> dict[str, Any]:
    """Start a Dag that takes no interval, wait until it ends, and return its run, green or red."""
    api, run_id = airflow.api(), f"by_hand_{datetime.now(UTC):%Y%m%dT%H%M%S}"
    api.set_paused(dag_id, False)
    api.trigger(dag_id, run_id, {})
    while (standing := api.run(dag_id, run_id)) is None or standing["state"] in ACTIVE:
        time.sleep(POLL_SECONDS)
    return standing


def backfill(airflow: LocalAirflow, dag_id: str, begin: datetime, end: datetime, *, at_once: int = 4) -> None:
    """Ask the scheduler for all intervals from ``begin`` to ``end`` that have not run green."""
    airflow.api().backfill(dag_id, begin, end, reprocess="failed", at_once=at_once)


def wait_until_ended(airflow: LocalAirflow, dag_ids: Sequence[str], say: Say, title: str) -> int:
    """Wait until none of these Dags has an active run; return how many runs are green in all.

    Raises:
        RunFailedError: one of them has a red run.
    """
    api, shown = airflow.api(), ""
    while True:
        active = api.run_count(dag_ids, *ACTIVE)
        green = api.run_count(dag_ids, "success")
        failed = api.run_count(dag_ids, "failed")
        progress = f"{title}: {green} green" + (f", {active} to go" if active else "")
        if progress != shown:
            say(progress)
            shown = progress
        if failed:
            raise RunFailedError(explain_failure(airflow, dag_ids))
        if not active:
            return green
        time.sleep(POLL_SECONDS)


def wait_for_transform(airflow: LocalAirflow, say: Say) -> None:
    """Wait until the transform Dag has taken every load that ended so far.

    A transform run takes all loads that ended before it was made; what ends later waits as an asset's event.

    Raises:
        RunFailedError: its last run is red.
        RuntimeError: no run came although loads ended.
    """
    api, shown = airflow.api(), ""
    deadline = time.monotonic() + DAG_SECONDS
    while True:
        waits = api.has_queued_events(TRANSFORM)
        last = next(iter(api.runs(TRANSFORM, limit=1)), None)
        active = last is not None and last["state"] in ACTIVE
        if last is not None and active:
            deadline = time.monotonic() + DAG_SECONDS
            states = {task["task_id"]: task["state"] for task in api.tasks(TRANSFORM, last["dag_run_id"])}
            doing = [name for name, state in states.items() if state in {"running", "up_for_retry"}]
            progress = f"marts: {', '.join(sorted(doing))}" if doing else shown
            if progress != shown:
                say(progress)
                shown = progress
        elif last is not None and last["state"] == "failed":
            raise RunFailedError(explain_failure(airflow, [TRANSFORM]))
        elif is_matching(airflow):
            deadline = time.monotonic() + DAG_SECONDS
            if shown != "customers: matching":
                shown = "customers: matching"
                say(shown)
        elif not waits and transform_covers(airflow):
            say("marts: green")
            return
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"the Dag {TRANSFORM} did not start after the loads; see {airflow.url}/dags/{TRANSFORM}"
            )
        time.sleep(POLL_SECONDS)


def pause_followers(airflow: LocalAirflow, paused: bool) -> None:
    """Hold back what follows every load, or let it go on; what is loaded meanwhile waits as asset events."""
    for dag_id in (MATCH, TRANSFORM):
        airflow.api().set_paused(dag_id, paused)


def is_matching(airflow: LocalAirflow) -> bool:
    """Say whether a load waits to be matched or is being matched; the transform follows."""
    api = airflow.api()
    last = next(iter(api.runs(MATCH, limit=1)), None)
    return api.has_queued_events(MATCH) or (last is not None and last["state"] in ACTIVE)


def transform_covers(airflow: LocalAirflow) -> bool:
    """Say whether every load that ended is in a transform run that is green or active, or has one coming."""
    api = airflow.api()
    if api.has_queued_events(TRANSFORM) or is_matching(airflow):
        return True
    loaded = api.last_event(RAW_ASSET)
    last = next(iter(api.runs(TRANSFORM, limit=1)), None)
    if last is None or last["state"] == "failed":
        return False
    return loaded is None or datetime.fromisoformat(last["queued_at"]) >= loaded


def explain_failure(airflow: LocalAirflow, dag_ids: Sequence[str]) -> str:
    """Say which run is red, in which task, what the task said last, and where its log is."""
    api, lines = airflow.api(), []
    for dag_id in dag_ids:
        for run in api.runs(dag_id, state="failed", limit=3):
            run_id = run["dag_run_id"]
            for task in api.tasks(dag_id, run_id):
                if task["state"] == "failed":
                    log = _log(airflow.home, task)
                    lines.append(f"{dag_id}, run {run_id}, task {task['task_id']}: {_last_error(log)}")
                    lines.append(f"  log: {log}")
                    lines.append(f"  page: {airflow.url}/dags/{dag_id}/runs/{run_id}/tasks/{task['task_id']}")
    return "\n".join(lines) or f"a run of {', '.join(dag_ids)} is red; see {airflow.url}"


def _log(home: Path, task: dict[str, Any]) -> Path:
    folder = home / "airflow" / "logs" / f"dag_id={task['dag_id']}" / f"run_id={task['dag_run_id']}"
    folder /= f"task_id={task['task_id']}"
    if task["map_index"] >= 0:
        folder /= f"map_index={task['map_index']}"
    return folder / f"attempt={task['try_number']}.log"


def _last_error(log: Path) -> str:
    """Return the last error of a task's log, which is JSON Lines."""
    said = "it left no log"
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return said
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("level") in {"error", "critical"}:
            said = str(entry.get("event", said))
            details = entry.get("error_detail") or []
            if details:
                said = f"{details[-1].get('exc_type')}: {details[-1].get('exc_value')}"
    return said
