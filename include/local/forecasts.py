"""What customers will be worth: train, forecast and rebuild the marts, through the scheduler."""

from include.local import report, runs, stack


def run() -> None:
    """Run the week's training and the night's forecast now, wait for the marts, and report.

    Raises:
        RunFailedError: a run ended red.
        RuntimeError: nothing is built yet.
    """
    server = stack.start_postgres()
    settings = stack.prepare()
    airflow = stack.start_airflow(server)
    stack.say(f"Airflow is ready at {airflow.url}")
    runs.wait_for_dags(airflow, [runs.TRAIN, runs.FORECAST, runs.MATCH, runs.TRANSFORM])
    if not airflow.api().runs(runs.TRANSFORM, limit=1):
        raise RuntimeError("there are no marts to learn from; run `make demo` or load your own data first")
    for dag_id, task_id, told in (
        (runs.TRAIN, "train", "models: training"),
        (runs.FORECAST, "forecast", "customers: forecasting"),
    ):
        stack.say(told)
        ended = runs.run_by_hand(airflow, dag_id)
        if ended["state"] == "failed":
            raise runs.RunFailedError(runs.explain_failure(airflow, [dag_id]))
        for line in airflow.api().result(dag_id, ended["dag_run_id"], task_id):
            stack.say(line)
    runs.pause_followers(airflow, False)
    runs.wait_for_transform(airflow, stack.say)
    report.print_forecasts(settings)
    report.print_addresses(settings, airflow)
