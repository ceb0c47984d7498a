"""The demo: simulated shops from their files to the KOL comparison, through the scheduler."""

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path

from include.connectors.registry import Source
from include.local import report, runs, stack
from include.local.airflow import LocalAirflow
from include.settings import PROJECT_ROOT, Settings

SEED = 7
SCALE = 1.0
DAYS = 120
DAILY = 3
HISTORY_RUN = "history"


@dataclass(frozen=True)
class Interval:
    """Local days [begin, end)."""

    begin: date
    end: date

    @property
    def days(self) -> int:
        """How many days it spans."""
        return (self.end - self.begin).days


def run(*, scale: float = SCALE, seed: int = SEED, days: int = DAYS) -> None:
    """Start the stack, make the shops' files, run every Dag through the scheduler and print the outcome.

    Run again it finds all of that done and changes nothing.

    Raises:
        RunFailedError: a run ended red; the text says which, and where its log is.
    """
    airflow, settings = _start_and_generate(scale=scale, seed=seed, days=days)
    sources = _register(settings)
    stack.say(f"registered {len(sources)} sources: {', '.join(source.name for source in sources)}")
    _run_dags(airflow, settings, sources)
    report.print_outcome(settings, airflow)


def _start_and_generate(*, scale: float, seed: int, days: int) -> tuple[LocalAirflow, Settings]:
    """Do at once what does not wait for each other: the shops' files, and the warehouse with Airflow."""

    def servers() -> tuple[LocalAirflow, Settings]:
        server = stack.start_postgres()
        stack.say(f"Postgres is ready on {server.host}:{server.port}")
        settings = stack.prepare()
        airflow = stack.start_airflow(server)
        stack.say(f"Airflow is ready at {airflow.url}")
        return airflow, settings

    with ThreadPoolExecutor(2) as pool:
        made = pool.submit(_generate, Settings().demo_dir, scale=scale, seed=seed, days=days)
        started = pool.submit(servers)
        made.result()
        return started.result()


def _generate(folder: Path, *, scale: float, seed: int, days: int) -> None:
    """Make the shops' files unless the same ones stand there already."""
    wanted = {"seed": seed, "scale": scale, "days": days, "daily": DAILY}
    stamp = folder / "generated.json"
    if stamp.exists():
        if json.loads(stamp.read_text()) == wanted:
            stack.say(f"the shops' files are in {folder}")
            return
        raise RuntimeError(
            f"{folder} holds other simulated shops ({stamp.read_text().strip()}): `make clean` removes them"
        )
    options = [f"--{name}={value}" for name, value in wanted.items()]
    command = [sys.executable, "-m", "include.demo", "generate", f"--out={folder}", *options]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the simulated shops could not be made:\n{(done.stdout + done.stderr)[-3000:]}")
    stamp.write_text(json.dumps(wanted))
    stack.say(f"made the shops' files in {folder}")


def _register(settings: Settings) -> list[Source]:
    from include.connectors.ingest import register

    return [
        register(place, settings).source for place in sorted(settings.demo_dir.glob("sources/*/source.yml"))
    ]


def _run_dags(airflow: LocalAirflow, settings: Settings, sources: Sequence[Source]) -> None:
    dag_ids = [f"ingest_{source.name}" for source in sources]
    api = airflow.api()
    runs.wait_for_dags(airflow, [*dag_ids, runs.MATCH, runs.TRANSFORM])
    plans = {source.name: intervals(settings.demo_dir, source) for source in sources}
    already = [api.run(dag_id, HISTORY_RUN) for dag_id in dag_ids]
    if all(standing is None for standing in already):
        # While all of this comes in there is nothing worth building; afterwards every load is followed.
        runs.pause_followers(airflow, True)
    for dag_id in dag_ids:
        api.set_paused(dag_id, False)
    for source, dag_id in zip(sources, dag_ids, strict=True):
        history, *daily = plans[source.name]
        begin, end = (datetime.combine(day, time(), source.zone) for day in (history.begin, history.end))
        runs.run_interval(airflow, dag_id, HISTORY_RUN, begin, end)
        if daily:
            first, last = (datetime.combine(daily[at].begin, time(), source.zone) for at in (0, -1))
            runs.backfill(airflow, dag_id, first, last)
    runs.wait_until_ended(airflow, dag_ids, stack.say, "history and daily runs")
    runs.pause_followers(airflow, False)
    if not runs.transform_covers(airflow):  # an earlier demo was interrupted, or its marts are red
        api.trigger(runs.MATCH, f"demo_{datetime.now(UTC):%Y%m%dT%H%M%S}", {})
    runs.wait_for_transform(airflow, stack.say)


def intervals(folder: Path, source: Source) -> list[Interval]:
    """Return a source's intervals by begin: its history, then single days, as its files' folders name them.

    Args:
        folder: what the simulator wrote; its files lie in ``…/<first day>_<day after the last>/``.
        source: one of its sources.

    Raises:
        RuntimeError: the tenant has no files there.
    """
    found = set()
    for place in (folder / "files" / source.config.tenant).glob("*/*_*"):
        begin, end = (datetime.strptime(day, runs.DAY_FORMAT).date() for day in place.name.split("_"))
        found.add(Interval(begin, end))
    if not found:
        raise RuntimeError(f"there are no files of {source.config.tenant} in {folder / 'files'}")
    ordered = sorted(found, key=lambda interval: (interval.begin, interval.end))
    gaps = [after for before, after in pairwise(ordered) if after.begin != before.end]
    if gaps or any(interval.days != 1 for interval in ordered[1:]):
        raise RuntimeError(f"the files of {source.config.tenant} are no history with single days after it")
    return ordered
