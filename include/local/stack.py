"""The whole local stack: Postgres with a prepared warehouse, and Airflow."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from include.local import airflow, postgres
from include.local.airflow import LocalAirflow
from include.local.postgres import LocalPostgres
from include.settings import Settings, get_settings

BEGAN = time.monotonic()


def say(text: str) -> None:
    """Tell the user one line of progress, with the seconds since the command began."""
    print(f"[{time.monotonic() - BEGAN:5.0f} s] {text}", flush=True)


def home() -> Path:
    """Return the state folder that the environment names, else the project's ``.sokol``."""
    return Settings().home.expanduser().resolve()


def start_postgres(tell: Callable[[str], None] = say) -> LocalPostgres:
    """Start Postgres; the port of ``SOKOL_POSTGRES_PORT`` if that is set."""
    return postgres.start(home(), _port("SOKOL_POSTGRES_PORT"), tell=tell)


def prepare() -> Settings:
    """Prepare the warehouse (roles, schemas, tables); return the settings as they are now."""
    from include.warehouse import prepare as prepare_warehouse

    os.environ["SOKOL_HOME"] = str(home())
    get_settings.cache_clear()  # local.env may have been written since
    settings = get_settings()
    prepare_warehouse(settings)
    return settings


def start_airflow(server: LocalPostgres, tell: Callable[[str], None] = say) -> LocalAirflow:
    """Start Airflow; on the port of ``SOKOL_AIRFLOW_PORT`` if that is set."""
    return airflow.start(server, _port("SOKOL_AIRFLOW_PORT"), tell=tell)


def stop() -> None:
    """Stop Airflow, then Postgres; say what was stopped."""
    folder = home()
    stopped = [name for name, end in (("Airflow", airflow.stop), ("Postgres", postgres.stop)) if end(folder)]
    print(f"stopped {' and '.join(stopped)}" if stopped else "nothing was running")


def status() -> int:
    """Print what runs and where; return 0 when all of it does."""
    folder = home()
    pid = postgres.running_pid(folder)
    if pid is None:
        print("Postgres: stopped")
    else:
        settings = Settings()
        print(f"Postgres: process {pid}, {settings.warehouse_host}:{settings.warehouse_port}")
    if not airflow.is_running(folder):
        print("Airflow:  stopped")
        return 1
    print(f"Airflow:  {describe(airflow.current(folder))}")
    return 0 if pid is not None else 1


def describe(running: LocalAirflow) -> str:
    """Return where Airflow is and how to sign in."""
    return f"{running.url}  user {running.user}, password {running.password}"


def _port(variable: str) -> int | None:
    value = os.environ.get(variable)
    if value is None:
        return None
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise ValueError(f"{variable} is {value!r}, not a port: set a number from 1 to 65535")
    return int(value)
