"""The night of the books: states, commission, journal; then each tenant's pack, alert and gate."""

from typing import Any

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, TriggerRule, task, task_group

from include.scheduling import Tag, retry_policy
from include.settings import get_settings

DOC = """
### Is the money there?

At 10:00 UTC the day before is over as far as Honolulu. The money of each published tenant is reconciled, its
commission and journal are posted, its finance pack is written and sent where `SOKOL_ALERT_URLS` says.

`gate` is red while money of the tenant is unexplained, and its log names it; it holds nothing back. **Explain
it**: docs/runbooks/finance-gate-red.md. `books_are_kept` is red when a tenant's books could not be.

**Backfill**: `airflow backfill create --dag-id reconcile_finance --from-date … --to-date …` writes the packs
of earlier days, in any order; states and books stay those of today. **By hand**: trigger with `day`; without
it and without a logical date, each tenant's last day.
"""


def step(name: str, **options: Any) -> Any:
    """Return the task that takes one step of ``include.finance.night`` for a tenant and the run's day."""

    def take(tenant: str, params: Any = None, data_interval_start: Any = None) -> str:
        from include.finance.night import take_step

        day = params["day"] or (data_interval_start and f"{data_interval_start:%Y-%m-%d}")
        return take_step(name, tenant, day=day, settings=get_settings())

    return task(task_id=name, map_index_template="{{ task.op_kwargs.tenant }}", **options)(take)


with DAG(
    dag_id="reconcile_finance",
    schedule=CronDataIntervalTimetable("0 10 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=retry_policy(retries=5),  # nothing is posted while a build is under way
    tags=[Tag.FINANCE, Tag.QUALITY],
    params={"day": Param(None, type=["null", "string"], format="date")},
    doc_md=DOC,
) as reconcile_finance:

    @task
    def tenants() -> list[str]:
        """List the published tenants."""
        from include.finance.night import published

        return published(get_settings())

    @task_group
    def books(tenant: str) -> None:
        """Keep one tenant's books."""
        states, commission = step("reconcile")(tenant=tenant), step("post_commission")(tenant=tenant)
        states >> commission >> step("post_journal")(tenant=tenant)

    @task(retries=0)
    def books_are_kept() -> None:
        """Turn red when a tenant's books could not be kept, although the others go on."""

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def refresh() -> str:
        """Bring the marts of the books up to what was posted and explained."""
        from include.finance.night import refresh as run

        return run(get_settings())

    @task_group
    def report(tenant: str) -> None:
        """Tell one tenant's people."""
        pack, alert = step("write_pack")(tenant=tenant), step("alert")(tenant=tenant)
        pack >> [alert, step("gate", retries=0)(tenant=tenant)]

    each, refreshed = tenants(), refresh()
    books.expand(tenant=each) >> [books_are_kept(), refreshed]
    refreshed >> report.expand(tenant=each)
