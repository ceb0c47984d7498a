"""Same inputs, same warehouse: whatever the order, whatever is killed, dropped, replayed or run at once."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from benchmarks.scratch import scratch_warehouse
from include.demo.world import World, simulate
from include.demo.world.cast import TENANTS
from include.feeds.replay import replay
from include.local import postgres
from include.settings import PROJECT_ROOT, Settings
from include.transform import build
from include.warehouse import connect, fingerprint, prepare
from tests.oracle.loading import load_rows

DAYS, STEP = 20, 4
Interval = tuple[date, date]
State = dict[str, Any]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world() -> World:
    """A small world of two organisations in different zones, with everything that makes loading hard."""
    cast = tuple(tenant for tenant in TENANTS if tenant.tenant_id in ("kauri", "mekong"))
    return simulate(seed=41, scale=0.02, days=DAYS, clicks_per_order=6, tenants=cast)


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """A warehouse of this module's own: its server is killed and its database is dropped."""
    with scratch_warehouse("sokol-same-") as settings:
        yield settings


@pytest.fixture(scope="module")
def expected(world: World, settings: Settings) -> State:
    """The warehouse after the periods one by one, with builds in between."""
    return backfill(world, settings, periods(world), builds=3)


def periods(world: World, length: int = STEP) -> list[Interval]:
    """Return the world's days cut into intervals of STEP days, or longer ones that overlap."""
    starts = [world.first_day + timedelta(days=number) for number in range(0, DAYS - length + 1, STEP)]
    return [(start, start + timedelta(days=length)) for start in starts]


def load(world: World, settings: Settings, start: date, end: date) -> None:
    """Load what the sources' exports of the days [start, end) hold."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for feed in world.feeds:
        for tenant in world.tenants:
            zone = ZoneInfo(tenant.zone)
            bounds = [datetime.combine(day, clock(), zone) for day in (start, end)]
            table = world.interval(feed, tenant.tenant_id, bounds[0], bounds[1])
            shown = [name for name in table.column_names if not name.startswith("_")]
            rows.setdefault(feed, []).extend(table.select(shown).to_pylist())
    load_rows(settings, rows, start, end, zones={tenant.tenant_id: tenant.zone for tenant in world.tenants})


def forget(settings: Settings, *, landing_too: bool) -> None:
    """Drop everything in the warehouse, the landing zone too when asked, and prepare it again."""
    with connect("admin", settings, database="postgres") as server:
        server.execute(f"drop database if exists {settings.warehouse_database} with (force)")
    if landing_too:
        shutil.rmtree(Path(settings.landing_url), ignore_errors=True)
    prepare(settings)


def state(settings: Settings) -> State:
    """Return the fingerprints of all feeds and marts."""
    with connect("admin", settings) as warehouse:
        return {schema: dict(fingerprint(warehouse, schema)) for schema in ("raw", "marts")}


def backfill(world: World, settings: Settings, intervals: Sequence[Interval], builds: int) -> State:
    """Load the intervals in the given order into an empty warehouse, builds in between, one last."""
    forget(settings, landing_too=True)
    pause = -(-len(intervals) // builds)
    for number, (start, end) in enumerate(intervals, start=1):
        load(world, settings, start, end)
        if number % pause == 0 or number == len(intervals):
            build(settings, with_tests=False)
    return state(settings)


def test_the_state_is_worth_comparing(expected: State) -> None:
    assert expected["marts"]["tracked_orders"].rows > 50
    assert expected["marts"]["kol_roi_daily"].rows > 50
    assert expected["raw"]["clicks"].rows > 300


def test_backfill_in_reverse(world: World, settings: Settings, expected: State) -> None:
    assert backfill(world, settings, periods(world)[::-1], builds=3) == expected


def test_backfill_in_random_order_with_overlaps(world: World, settings: Settings, expected: State) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    intervals = periods(world) + rng.sample(periods(world, 2 * STEP), 2)
    rng.shuffle(intervals)
    assert backfill(world, settings, intervals, builds=3) == expected, f"seed {seed}"


def test_one_interval_and_full_refresh(world: World, settings: Settings, expected: State) -> None:
    whole = (world.first_day, world.last_day + timedelta(days=1))
    # one export of it all never shows the spend that a platform took back; the feed keeps it as tombstones
    assert backfill(world, settings, [whole], builds=1)["marts"] == expected["marts"]
    build(settings, with_tests=False, full_refresh=True)
    assert state(settings)["marts"] == expected["marts"]


def test_a_changed_row_changes_the_fingerprint(settings: Settings, expected: State) -> None:
    with connect("admin", settings) as warehouse:
        warehouse.execute(
            "update raw.orders set gross_amount = gross_amount + 0.01 "
            "where order_id = (select min(order_id) from raw.orders)"
        )
        changed = state(settings)
        assert changed["raw"]["orders"].rows == expected["raw"]["orders"].rows
        assert changed["raw"]["orders"] != expected["raw"]["orders"]


@pytest.mark.parametrize("order", ["landing", "random"])
def test_replay_of_the_landing_zone(world: World, settings: Settings, expected: State, order: Any) -> None:
    forget(settings, landing_too=True)
    for start, end in periods(world):
        load(world, settings, start, end)
    forget(settings, landing_too=False)
    with connect("loader", settings) as warehouse:
        replay(warehouse, settings=settings, order=order, seed=5)
    build(settings, with_tests=False)
    assert state(settings) == expected


def test_two_loads_and_a_build_at_once(world: World, settings: Settings, expected: State) -> None:
    forget(settings, landing_too=True)
    first, *others = periods(world)
    load(world, settings, *first)
    failures: list[BaseException] = []

    def load_all(intervals: Sequence[Interval]) -> None:
        try:
            for start, end in intervals:
                load(world, settings, start, end)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=load_all, args=[others[n::2]]) for n in range(2)]
    for thread in threads:
        thread.start()
    build(settings, with_tests=False)
    for thread in threads:
        thread.join()
    assert not failures
    build(settings, with_tests=False)
    assert state(settings) == expected


def test_kill_the_build_and_the_server(world: World, settings: Settings, expected: State) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    forget(settings, landing_too=True)
    cut_off = 0
    for number, (start, end) in enumerate(periods(world)):
        load(world, settings, start, end)
        cut_off += kill_a_build(settings, after=rng.uniform(4, 12), server_too=number % 2 == 1)
    assert cut_off > 0, f"seed {seed}: every build had ended before it was to be killed"
    build(settings, with_tests=False)
    assert state(settings) == expected, f"seed {seed}"


def kill_a_build(settings: Settings, *, after: float, server_too: bool) -> bool:
    """Start a build in a process of its own and kill it, and the server when asked, so many seconds later.

    Returns:
        Whether it was still running then.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "include.transform", "--no-tests"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "SOKOL_HOME": str(settings.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(after)
    ran = process.poll() is None
    if server_too:
        server = postgres.running_pid(settings.home)
        assert server is not None
        os.kill(server, signal.SIGKILL)
    process.kill()
    process.wait()
    if server_too:
        assert postgres.start(settings.home, port=settings.warehouse_port).port == settings.warehouse_port
    return ran
