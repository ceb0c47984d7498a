"""The marts against the oracle: every cell of many small worlds, built from nothing and from later news."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from benchmarks.scratch import scratch_warehouse
from include.settings import Settings
from include.transform import build
from include.warehouse import connect
from tests.oracle.compare import Difference
from tests.oracle.loading import load_rows
from tests.oracle.marts import compute
from tests.oracle.small_worlds import DAYS, FIRST_DAY, NEWS_DAYS, SmallWorld, news, small_world
from tests.oracle.warehouse import as_of_days, compare_marts, feeds_from_warehouse

WORLDS = 60
FIRST_SEED = 0


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """Give a warehouse of this module alone: the comparison is of everything that is in it."""
    with scratch_warehouse() as own:
        yield own


@pytest.fixture(scope="module")
def worlds(settings: Settings) -> list[SmallWorld]:
    """Load the small worlds, all in one go."""
    made = [small_world(seed) for seed in range(FIRST_SEED, FIRST_SEED + WORLDS)]
    end = FIRST_DAY + timedelta(days=DAYS)
    for world in made:
        load_rows(settings, world.feeds, FIRST_DAY, end)
    return made


def differences(settings: Settings) -> list[Difference]:
    """Return the cells in which marts and oracle disagree over the rows that stand in raw."""
    with connect("admin", settings) as warehouse:
        expected = compute(feeds_from_warehouse(warehouse), as_of_days(warehouse))
        return compare_marts(warehouse, expected)


def listed(found: list[Difference]) -> str:
    """Return the first differences, one a line."""
    return "\n".join(str(difference) for difference in found[:20])


def test_marts_equal_the_oracle_built_from_nothing(settings: Settings, worlds: list[SmallWorld]) -> None:
    build(settings)
    found = differences(settings)
    assert not found, f"{len(found)} cells differ\n{listed(found)}"


def test_marts_equal_the_oracle_after_news(settings: Settings, worlds: list[SmallWorld]) -> None:
    start = FIRST_DAY + timedelta(days=DAYS)
    for world in worlds:
        load_rows(settings, news(world).feeds, start, start + timedelta(days=NEWS_DAYS))
    build(settings)
    found = differences(settings)
    assert not found, f"{len(found)} cells differ after an incremental build\n{listed(found)}"
