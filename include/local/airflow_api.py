"""Airflow's REST API, as much of it as starting runs and watching them takes."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

TIMEOUT_SECONDS = 30
TOKEN_SECONDS = 3600
PAGE = 100


class AirflowUnreachableError(RuntimeError):
    """The API server gave no answer."""


class AirflowRefusedError(RuntimeError):
    """The API server answered with an error.

    Args:
        status: HTTP status.
        detail: what it said.
    """

    def __init__(self, method: str, path: str, status: int, detail: str) -> None:
        super().__init__(f"Airflow refused {method} {path}: {status} {detail}")
        self.status = status


class AirflowApi:
    """A signed-in client; the token is renewed when it grows old."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._credentials = {"username": user, "password": password}
        self._token = ""
        self._token_until = 0.0

    def health(self) -> dict[str, Any]:
        """Return each part's health; raises AirflowUnreachableError while there is no answer."""
        return dict(self._send("GET", "/api/v2/monitor/health", signed=False))

    def dags(self) -> dict[str, dict[str, Any]]:
        """Return the Dags that Airflow knows, by id."""
        answer = self._send("GET", "/api/v2/dags?limit=100&exclude_stale=true")
        return {dag["dag_id"]: dag for dag in answer["dags"]}

    def import_errors(self) -> list[dict[str, Any]]:
        """Return the Dag files that could not be read, with their stack traces."""
        return list(self._send("GET", "/api/v2/importErrors")["import_errors"])

    def set_paused(self, dag_id: str, paused: bool) -> None:
        """Pause a Dag or let it run."""
        self._send("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": paused})

    def trigger(
        self, dag_id: str, run_id: str, conf: Mapping[str, Any], *, logical_date: datetime | None = None
    ) -> None:
        """Start one run by hand; of runs that wait for a worker the earliest logical date goes first."""
        dated = logical_date.isoformat() if logical_date else None
        body = {"dag_run_id": run_id, "logical_date": dated, "conf": dict(conf)}
        self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)

    def clear(self, dag_id: str, run_id: str) -> None:
        """Let a run's tasks run again."""
        body = {"dry_run": False}
        self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id)}/clear", body)

    def backfill(
        self, dag_id: str, begin: datetime, end: datetime, *, reprocess: str = "none", at_once: int = 4
    ) -> int:
        """Create the runs of all intervals whose logical date is in [begin, end]; return the backfill's id.

        Args:
            dag_id: a periodic Dag.
            begin: first logical date.
            end: last logical date.
            reprocess: which intervals that have a run are run again: ``none``, ``failed`` or ``completed``.
            at_once: how many of its runs may be active.
        """
        body = {
            "dag_id": dag_id,
            "from_date": begin.isoformat(),
            "to_date": end.isoformat(),
            "reprocess_behavior": reprocess,
            "max_active_runs": at_once,
            "run_backwards": False,
            "dag_run_conf": {},
        }
        return int(self._send("POST", "/api/v2/backfills", body)["id"])

    def backfill_ended(self, backfill_id: int) -> bool:
        """Say whether all runs of a backfill have ended."""
        return self._send("GET", f"/api/v2/backfills/{backfill_id}")["completed_at"] is not None

    def run_count(self, dag_ids: Sequence[str], *states: str) -> int:
        """Count the runs of some Dags that are in one of the states."""
        body = {"dag_ids": list(dag_ids), "states": list(states), "page_limit": 1}
        return int(self._send("POST", "/api/v2/dags/~/dagRuns/list", body)["total_entries"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """Return one run, or None when there is none of this id."""
        try:
            return dict(self._send("GET", f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id)}"))
        except AirflowRefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task of a run has returned."""
        place = f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id)}/taskInstances/{task_id}"
        value = self._send("GET", f"{place}/xcomEntries/return_value")["value"]
        return json.loads(value) if isinstance(value, str) else value

    def runs(self, dag_id: str, *, limit: int = 100, state: str | None = None) -> list[dict[str, Any]]:
        """Return a Dag's latest runs, newest first."""
        query = {"limit": str(limit), "order_by": "-id"} | ({"state": state} if state else {})
        path = f"/api/v2/dags/{dag_id}/dagRuns?{urllib.parse.urlencode(query)}"
        return list(self._send("GET", path)["dag_runs"])

    def all_runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return every run of a Dag, oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            path = f"/api/v2/dags/{dag_id}/dagRuns?limit={PAGE}&offset={len(found)}&order_by=id"
            answer = self._send("GET", path)
            found += answer["dag_runs"]
            if not answer["dag_runs"] or len(found) >= answer["total_entries"]:
                return found

    def has_queued_events(self, dag_id: str) -> bool:
        """Say whether asset events wait for a Dag that follows them."""
        try:
            answer = self._send("GET", f"/api/v2/dags/{dag_id}/assets/queuedEvents")
        except AirflowRefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return int(answer["total_entries"]) > 0

    def last_event(self, asset: str) -> datetime | None:
        """Return when an asset was last said to be new; None when it never was."""
        query = urllib.parse.urlencode({"order_by": "-timestamp", "limit": str(PAGE), "name_pattern": asset})
        events = self._send("GET", f"/api/v2/assets/events?{query}")["asset_events"]
        times = [datetime.fromisoformat(event["timestamp"]) for event in events if event["name"] == asset]
        return max(times, default=None)

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id)}/taskInstances?limit=100"
        return list(self._send("GET", path)["task_instances"])

    def _send(self, method: str, path: str, body: Any = None, *, signed: bool = True) -> Any:
        headers = {"Accept": "application/json"}
        if signed:
            if time.monotonic() >= self._token_until:
                self._token = self._send("POST", "/auth/token", self._credentials, signed=False)[
                    "access_token"
                ]
                self._token_until = time.monotonic() + TOKEN_SECONDS
            headers["Authorization"] = f"Bearer {self._token}"
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AirflowRefusedError(
                method, path, error.code, error.read().decode(errors="replace")
            ) from error
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            raise AirflowUnreachableError(f"no answer from {self.url}{path}: {error}") from error
        return json.loads(text) if text else None
