"""The night's forecasts of customers: twelve months of each, by its tenant's champion."""

from airflow.sdk import DAG, Asset, task

from include.scheduling import CUSTOMERS_ASSET, Tag, retry_policy
from include.settings import get_settings

DOC = """
### What customers will be worth

At 02:00 every customer of every tenant is forecast, month by month for twelve months. The forecasts are
landed as feeds and kept with the version of their model; `transform` follows and shows them in the marts.

Before that, the month after a forecast that is a month old is held against what came. Where it departs far
and the former champion would have been nearer, that one returns (`clv.drift_checks`).

A tenant without a model is skipped and said: run `train_clv` first. **Again**: clear the task; a day's
forecasts replace those of the same day.
"""

with DAG(
    dag_id="forecast_clv",
    schedule="0 2 * * *",
    catchup=False,
    max_active_runs=1,
    default_args=retry_policy(),
    tags=[Tag.CLV],
    doc_md=DOC,
) as forecast_clv:

    @task(outlets=[Asset(CUSTOMERS_ASSET)])
    def forecast() -> list[str]:
        """Forecast, land and load; say what is expected of each tenant."""
        from include.clv.nightly import forecast as run

        return [str(forecasted) for forecasted in run(get_settings())]

    forecast()
