"""A DagBag over ``dags/`` with two registered sources, in an Airflow home of this session alone."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.settings import PROJECT_ROOT

# Airflow reads its settings when it is first imported, so they are set before any test module is.
HOME = Path(tempfile.mkdtemp(prefix="sokol-dag-tests-"))
os.environ |= {
    "AIRFLOW_HOME": str(HOME / "airflow"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME / 'airflow.db'}",
    "SOKOL_HOME": str(HOME / "sokol"),
}

SOURCE = """
tenant: {tenant}
source: shop
time_zone: {zone}
schedule: "@daily"
start: 2026-01-01
files:
  - path: "/nowhere/{{start:%Y-%m-%d}}.csv"
    feeds: {{orders: orders.sql}}
"""


@pytest.fixture(scope="session", autouse=True)
def _home() -> Iterator[None]:
    for tenant, zone in (("acme", "Asia/Ho_Chi_Minh"), ("zeta", "America/New_York")):
        folder = HOME / "sokol" / "sources" / f"{tenant}_shop"
        folder.mkdir(parents=True)
        (folder / "source.yml").write_text(SOURCE.format(tenant=tenant, zone=zone))
        (folder / "orders.sql").write_text("select _row from source")
    yield
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture
def write_dag(tmp_path: Path) -> Callable[[str], Path]:
    """Give a function that writes a Dag file and returns its folder: for planted defects."""

    def write(text: str) -> Path:
        (tmp_path / "planted.py").write_text(text)
        return tmp_path

    return write
