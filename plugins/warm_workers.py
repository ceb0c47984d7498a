"""Import what tasks need once, before the scheduler forks its workers: each task then starts a second sooner.

Only libraries are warmed: the project's own code is read anew by each task, so an edit takes effect at once.
"""

import sys
from importlib import import_module
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

LIBRARIES = (
    "duckdb",
    "fsspec",
    "psycopg",
    "pyarrow.csv",
    "pydantic_settings",
    "yaml",
    "dbt.cli.main",
    "dbt.adapters.postgres",
    "great_expectations",
)


@hookimpl
def on_starting(component: Any) -> None:
    """Import the libraries when the process that starts is ``airflow scheduler``."""
    if sys.argv[1:2] == ["scheduler"]:
        for library in LIBRARIES:
            import_module(library)


class WarmWorkers(AirflowPlugin):
    """Registers this module as a listener."""

    name = "warm_workers"
    listeners = (sys.modules[__name__],)
