"""Online Retail, day by day through the scheduler, from its first file to its last."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from include.connectors.registry import Source
from include.local import environment, report, runs, stack
from include.local.airflow import LocalAirflow
from include.settings import PROJECT_ROOT, Settings
from include.warehouse import connect

FOLDER = PROJECT_ROOT / "include" / "connectors" / "online_retail"
DAY = "{start:%Y-%m-%d}"
AT_ONCE = 4
BULK_DAYS = 14


def run() -> None:
    """Register the source, run every day between its first and its last file that has not run, and report.

    A file that was dropped in since is the only one that runs.

    Raises:
        RuntimeError: there are no files.
        RunFailedError: a run ended red.
    """
    from include.connectors.ingest import register

    server = stack.start_postgres()
    settings = stack.prepare()
    # Whoever starts Airflow later need not have SOKOL_DATA in the environment.
    environment.write(server.home, {"SOKOL_DATA": str(settings.data_dir.resolve())})
    source = register(FOLDER, settings).source
    days = days_with_files(source, settings)
    first, last = days[0], days[-1]
    airflow = stack.start_airflow(server)
    stack.say(f"Airflow is ready at {airflow.url}")
    dag_id = f"ingest_{source.name}"
    runs.wait_for_dags(airflow, [dag_id, runs.MATCH, runs.TRANSFORM])
    _backfill(airflow, settings, source, days)
    stack.say(f"{(last - first).days + 1} daily intervals from {first} to {last} are green")
    report.print_daily_revenue(settings, airflow, source.config.tenant)
    report.print_addresses(settings, airflow)


def days_with_files(source: Source, settings: Settings) -> list[date]:
    """Return the days that the source's folder has a file for, in order.

    Raises:
        RuntimeError: it has none.
    """
    entry = source.config.files[0]
    full, _ = source.expand(entry.path, settings)
    folder, pattern = Path(full).parent, Path(full).name.replace(DAY, "%Y-%m-%d")
    found = []
    for file in folder.glob("*"):
        try:
            found.append(datetime.strptime(file.name, pattern).date())
        except ValueError:
            continue  # a file of another name is no day's file
    if not found:
        raise RuntimeError(f"there are no files {full}; name the data's folder in SOKOL_DATA")
    return sorted(found)


def _backfill(airflow: LocalAirflow, settings: Settings, source: Source, days: list[date]) -> None:
    """Run what has not run: missing days by a backfill, a day whose file came after its run by itself."""
    api, dag_id = airflow.api(), f"ingest_{source.name}"
    since = datetime.now(UTC)
    ran = _days_that_ran(airflow, source)
    span = [days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days + 1)]
    missing = [day for day in span if ran.get(day, ("", "failed"))[1] == "failed"]
    late = sorted(set(days) & set(ran) - _landed_days(settings, source) - set(missing))
    stack.say(
        f"{len(span)} days, of which {len(missing)} have not run, {len(late)} had no file when they ran"
    )
    api.set_paused(dag_id, False)
    # In bulk there is nothing worth building before the last day; otherwise every load is followed.
    bulk = len(missing) + len(late) > BULK_DAYS
    runs.pause_followers(airflow, bulk)
    for day in late:
        api.clear(dag_id, ran[day][0])
    if missing:
        first, last = (datetime.combine(missing[at], time(), source.zone) for at in (0, -1))
        runs.backfill(airflow, dag_id, first, last, at_once=AT_ONCE)
    runs.wait_until_ended(airflow, [dag_id], stack.say, "daily runs")
    runs.pause_followers(airflow, False)
    if not runs.transform_covers(airflow):
        api.trigger(runs.MATCH, f"after_{source.name}_{since:%Y%m%dT%H%M%S}", {})
    runs.wait_for_transform(airflow, stack.say)


def _days_that_ran(airflow: LocalAirflow, source: Source) -> dict[date, tuple[str, str]]:
    """Return {local day: (run id, state)} of the source's daily runs."""
    found = {}
    for run in airflow.api().all_runs(f"ingest_{source.name}"):
        if run["logical_date"]:
            day = datetime.fromisoformat(run["logical_date"]).astimezone(source.zone).date()
            found[day] = (run["dag_run_id"], run["state"])
    return found


def _landed_days(settings: Settings, source: Source) -> set[date]:
    query = "select distinct interval_start from ops.landed_files where tenant_id = %s and source = %s"
    with connect("transformer", settings) as warehouse:
        rows = warehouse.rows(query, [source.config.tenant, source.config.source])
    return {start.astimezone(source.zone).date() for (start,) in rows}
