"""Training runs in MLflow: a local store of files by default, a server where one is named."""

import os
import warnings
from pathlib import Path

from include.clv.warehouse import Candidate
from include.settings import Settings


def log(settings: Settings, candidate: Candidate, card: Path) -> str:
    """Write down a run with its figures and its card; return the run's id."""
    tenant, model = candidate.tenant, candidate.packed.model
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    if settings.mlflow_uri.startswith("file:"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    warnings.filterwarnings("ignore", category=FutureWarning, module="mlflow.*")
    import mlflow

    mlflow.set_tracking_uri(settings.mlflow_uri)
    mlflow.set_experiment(f"clv-{tenant.tenant_id}")
    with mlflow.start_run(run_name=candidate.version) as run:
        mlflow.log_params(
            {
                "as_of": tenant.as_of,
                "customers": model.customers,
                "orders": model.orders,
                "years": round(model.years, 2),
                "method": model.method,
                "season": model.members.season.kind,
                "season_power": model.members.season.power,
                **{f"weight_{name}": round(weight, 4) for name, weight in model.blend.weights.items()},
            }
        )
        mlflow.set_tag("status", candidate.status)
        for step, trial in enumerate(model.trials):
            for name, metrics in trial.metrics.items():
                told = {
                    f"{name}_{metric}": value
                    for metric, value in metrics.__dict__.items()
                    if value is not None
                }
                mlflow.log_metrics(told, step=step)
        mlflow.log_artifacts(str(card))
        return str(run.info.run_id)
