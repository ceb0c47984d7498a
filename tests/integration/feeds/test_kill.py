"""A loader killed anywhere leaves nothing half, and what is loaded afterwards is as if it had not been."""

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from include.feeds.landing import MANIFEST, manifests
from include.feeds.load import STEPS, load_pending
from include.settings import Settings
from include.warehouse import Warehouse, connect
from tests.integration.feeds import killing
from tests.integration.feeds import universe as u

RANDOM_KILLS = 100


def _state(warehouse: Warehouse) -> list[Any]:
    held = warehouse.rows("select feed, row, reason, content::text from ops.quarantine order by 1, 2, 3, 4")
    return [*u.bookkeeping(warehouse), *(u.standing(warehouse, feed) for feed in u.CONTRACTS), *held]


def _nothing_is_half(settings: Settings) -> None:
    with connect("loader", settings) as warehouse:
        u.every_row_is_accounted_for(warehouse)
    for landed in manifests(settings):
        assert (Path(settings.landing_url) / landed.path).stat().st_size == landed.bytes


def _finish(settings: Settings) -> list[Any]:
    """Run the loader to its end, in this process."""
    killing.work(settings, None, 0)
    _nothing_is_half(settings)
    with connect("loader", settings) as warehouse:
        assert load_pending(warehouse, settings=settings, contracts=u.CONTRACTS) == []
        loads = warehouse.value("select count(*) from ops.loads")
        assert loads == len(killing.files())
        return _state(warehouse)


@pytest.fixture
def undisturbed(universe: Settings) -> list[Any]:
    state = _finish(universe)
    u.empty(universe)
    for path in Path(universe.landing_url).rglob("*.jsonl*"):
        path.unlink()
    _clear(universe)
    return state


def _clear(settings: Settings) -> None:
    u.empty(settings)
    for path in sorted(Path(settings.landing_url).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.slow
def test_kill_at_every_boundary(universe: Settings, undisturbed: list[Any]) -> None:
    for boundary in STEPS:
        for occurrence in (1, 4):
            _clear(universe)
            process = killing.start(universe, boundary, occurrence)
            process.join(60)
            assert process.exitcode == -9, f"{boundary} was not passed {occurrence} times: {process.exitcode}"
            _nothing_is_half(universe)
            assert _finish(universe) == undisturbed, f"killed at {boundary}, {occurrence}"


@pytest.mark.slow
def test_kill_at_random_points(universe: Settings, undisturbed: list[Any]) -> None:
    seed = int(os.environ.get("SOKOL_KILL_SEED", time.time_ns() % 10**6))
    print(f"SOKOL_KILL_SEED={seed}")
    chance = random.Random(seed)
    killing.start(universe, STEPS[0]).join(120)  # the fork server is up after this
    started = time.perf_counter()
    killing.start(universe).join(120)
    whole = time.perf_counter() - started
    assert _finish(universe) == undisturbed
    _clear(universe)
    killed = 0
    while killed < RANDOM_KILLS:
        process = killing.start(universe)
        process.join(chance.uniform(0, whole))
        if process.exitcode is None:
            process.kill()
            process.join()
            killed += 1
            print(f"kill {killed}", flush=True)
            _nothing_is_half(universe)
        else:
            assert process.exitcode == 0, f"seed {seed}: the loader ended with {process.exitcode}"
        with connect("loader", universe) as warehouse:
            done = warehouse.value("select count(*) from ops.loads")
        if done == len(killing.files()):
            assert _finish(universe) == undisturbed, f"seed {seed}, after {killed} kills"
            _clear(universe)
    assert _finish(universe) == undisturbed, f"seed {seed}"


def test_a_file_without_its_manifest_does_not_exist(universe: Settings) -> None:
    """Planted: what a kill between file and manifest leaves is no landed file, and is landed again."""
    landed = killing.files()[2].land(universe)
    (Path(universe.landing_url) / (landed.path + MANIFEST)).unlink()
    assert list(manifests(universe)) == []
    assert killing.files()[2].land(universe).path == landed.path
    assert [m.path for m in manifests(universe)] == [landed.path]


def test_half_a_load_is_noticed(universe: Settings) -> None:
    """Planted defect: rows of a load that did not end must be found."""
    _finish(universe)
    with connect("admin", universe) as admin:
        last = admin.value("select max(load_id) from ops.loads where feed = 'bills'")
        admin.execute("delete from ops.loads where load_id = %s", [last])
    with pytest.raises(AssertionError, match="have no load"):
        _nothing_is_half(universe)
