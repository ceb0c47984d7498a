"""One DAG per registered source: land the interval's files, then load them into raw."""

from datetime import datetime, time, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, task

from include.connectors.registry import Source, load_sources, local_day
from include.scheduling import RAW_ASSET, Tag, retry_policy
from include.settings import get_settings

DOC = """
### Files of `{name}` into the warehouse

`extract` lands the interval's files unchanged in the landing zone; `load` validates them against the feeds'
contracts and merges them into `raw`. An interval can be run again, at any time and in any order: rows that
are there already are counted as unchanged.

**Backfill**: `airflow backfill create --dag-id ingest_{name} --from-date {start} --to-date …`.
**One long interval by hand**: trigger with `start` and `end` (days in {zone}, end excluded).
**When it fails**: the task's last line names file, line and column. Refused rows do not fail it: see
`python -m include.feeds quarantine`.
"""

DAY = timedelta(days=1)


def interval(source: Source, params: Any, context: dict[str, Any]) -> tuple[datetime, datetime]:
    """Return [start, end): what was asked for by hand, else the run's own data interval."""
    if params["start"] and params["end"]:
        return local_day(params["start"], source), local_day(params["end"], source)
    if context.get("data_interval_start") is None:
        raise ValueError("a run by hand has no interval: give both start and end")
    return context["data_interval_start"], context["data_interval_end"]


def ingest(source: Source) -> DAG:
    """Return the DAG of one source."""
    config = source.config
    with DAG(
        dag_id=f"ingest_{source.name}",
        schedule=CronDataIntervalTimetable(config.schedule, timezone=config.time_zone),
        start_date=datetime.combine(config.start, time(), source.zone),
        end_date=datetime.combine(config.end, time(), source.zone) - DAY if config.end else None,
        catchup=False,
        max_active_runs=4,
        # What was extracted is loaded before the next interval is extracted.
        default_args=retry_policy() | {"weight_rule": "upstream"},
        tags=[Tag.INGEST],
        params={name: Param(None, type=["null", "string"]) for name in ("start", "end")},
        doc_md=DOC.format(name=source.name, start=config.start, zone=config.time_zone),
    ) as dag:

        @task
        def extract(params: Any = None, **context: Any) -> int:
            """Land the interval's files as they are."""
            from include.connectors.ingest import extract as land

            return len(land(source.name, *interval(source, params, context), get_settings()))

        @task(outlets=[Asset(RAW_ASSET), Asset(f"raw_{source.name}")])
        def load(params: Any = None, **context: Any) -> int:
            """Merge the landed files into raw."""
            from include.connectors.ingest import load as merge

            return len(merge(source.name, *interval(source, params, context), get_settings()))

        extract() >> load()
    return dag


for registered in load_sources(get_settings()):
    ingest(registered)
