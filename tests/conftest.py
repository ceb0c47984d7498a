"""What the suites share: one embedded Postgres per session, and settings that point to it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from include.local import environment, postgres
from include.settings import Settings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip ``realdata`` tests, saying why, where the real files are absent."""
    data = Settings().data_dir
    if data.is_dir():
        return
    absent = pytest.mark.skip(reason=f"real data is not at {data}; name its folder in SOKOL_DATA")
    for item in items:
        if item.get_closest_marker("realdata"):
            item.add_marker(absent)


@pytest.fixture(scope="session")
def local_postgres() -> Iterator[postgres.LocalPostgres]:
    """Give a running Postgres with an empty ``sokol`` database, of this session alone; removed at its end."""
    home = Path(tempfile.mkdtemp(prefix="sokol-tests-"))
    home.chmod(0o711)  # the server's own user has to reach its folder below
    try:
        server = postgres.start(home, port=0)
        yield server
        server.stop()
    finally:
        postgres.stop(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def warehouse_settings(local_postgres: postgres.LocalPostgres) -> Settings:
    """Give settings of this session's server and state folder, its warehouse prepared."""
    values = environment.read(local_postgres.home)
    fields = {name.removeprefix("SOKOL_").lower(): value for name, value in values.items()}
    known = {name: value for name, value in fields.items() if name in Settings.model_fields}
    data = {"SOKOL_DATA": os.environ["SOKOL_DATA"]} if "SOKOL_DATA" in os.environ else {}
    home = local_postgres.home
    folders = {
        "landing_url": str(home / "landing"),
        "sources_dir": home / "sources",
        "demo_dir": home / "demo",
    }
    settings = Settings.model_validate({**known, **folders, **data, "home": home})
    if find_spec("include.warehouse") is not None:
        from include.warehouse import prepare

        prepare(settings)
    return settings
