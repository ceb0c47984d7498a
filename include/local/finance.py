"""The night of the books: reconcile, post, write the finance packs, through the scheduler."""

from include.finance.night import published
from include.finance.reporting import pack
from include.local import report, runs, stack

GATE = "report.gate"


def run() -> None:
    """Run the night of each tenant's last day now, wait for it, and report; open breaks are no failure.

    Raises:
        RunFailedError: a task other than the gates ended red.
        RuntimeError: nothing is built yet.
    """
    server = stack.start_postgres()
    settings = stack.prepare()
    airflow = stack.start_airflow(server)
    stack.say(f"Airflow is ready at {airflow.url}")
    runs.wait_for_dags(airflow, [runs.FINANCE, runs.MATCH, runs.TRANSFORM])
    if not airflow.api().runs(runs.TRANSFORM, limit=1):
        raise RuntimeError("there are no marts to reconcile; run `make demo` or load your own data first")
    runs.pause_followers(airflow, False)
    runs.wait_for_transform(airflow, stack.say)
    stack.say("books: reconciling, posting, writing packs")
    ended = runs.run_by_hand(airflow, runs.FINANCE)
    tasks = airflow.api().tasks(runs.FINANCE, ended["dag_run_id"])
    if ended["state"] == "failed" and any(
        task["state"] == "failed" and task["task_id"] != GATE for task in tasks
    ):
        raise runs.RunFailedError(runs.explain_failure(airflow, [runs.FINANCE]))
    gates = [task["state"] for task in tasks if task["task_id"] == GATE]
    stack.say(f"gates: {gates.count('success')} green, {gates.count('failed')} red")
    packs = [
        (tenant, pack.place(settings, tenant, pack.as_of(settings, tenant))) for tenant in published(settings)
    ]
    report.print_finance(settings, packs)
    report.print_addresses(settings, airflow)
