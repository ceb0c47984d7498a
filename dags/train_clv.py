"""The week's training of forecast models: a challenger for each tenant, champion only if it is no worse."""

from airflow.sdk import DAG, task

from include.scheduling import Tag, retry_policy
from include.settings import get_settings

DOC = """
### Forecast models

Every week each tenant gets a new model of what its customers will be worth. It takes the place of the
standing one only if it forecasts the earlier days no worse; otherwise it is kept and refused, and its card
says why (`python -m include.clv card --tenant …`). A refused model is no error.

**Retrain now**: trigger this DAG, then `forecast_clv`. **Go back**: docs/runbooks/retrain-and-roll-back.md.
"""

with DAG(
    dag_id="train_clv",
    schedule="0 3 * * 0",
    catchup=False,
    max_active_runs=1,
    default_args=retry_policy(),
    tags=[Tag.CLV],
    doc_md=DOC,
) as train_clv:

    @task
    def train() -> list[str]:
        """Train a challenger for each tenant; say what became of it."""
        from include.clv.train import train as run

        return [str(trained) for trained in run(get_settings())]

    train()
