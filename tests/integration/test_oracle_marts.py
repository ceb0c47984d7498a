"""The marts against the oracle: every cell of many small worlds, built from nothing and from later news."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from benchmarks.scratch import scratch_warehouse
from include.settings import Settings
from include.transform import build
from include.warehouse import connect
from tests.oracle.compare import Difference, canonical
from tests.oracle.loading import load_rows
from tests.oracle.marts import Marts, compute
from tests.oracle.small_worlds import DAYS, FIRST_DAY, NEWS_DAYS, SmallWorld, new_map, news, small_world
from tests.oracle.warehouse import SHAPES, as_of_days, compare_marts, feeds_from_warehouse

WORLDS = 12
FIRST_SEED = int(os.environ.get("SOKOL_ORACLE_SEED", "0"))
NEWS_DAY = FIRST_DAY + timedelta(days=DAYS)
KolDay = tuple[str, str, date]
"""Tenant, KOL, day."""
ADDED_UP = (
    "orders", "gross", "refunds", "net_revenue", "fixed_fees", "platform_fees", "commission", "goods",
    "clicks", "bot_clicks", "refused_clicks", "new_customers", "source_orders", "source_revenue",
)  # fmt: skip


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


@pytest.fixture(scope="module")
def later_worlds(worlds: list[SmallWorld]) -> list[SmallWorld]:
    """Make the news of each world."""
    return [news(world) for world in worlds]


def kol_days(settings: Settings) -> dict[KolDay, tuple[Any, ...]]:
    """Return the published days of KOLs."""
    with connect("admin", settings) as warehouse:
        return {row[:3]: row for row in warehouse.rows("select * from marts.kol_roi_daily")}


def moved(settings: Settings, before: dict[KolDay, tuple[Any, ...]]) -> set[KolDay]:
    """Return the days that are others than before, of tenants that had been published."""
    after = kol_days(settings)
    with connect("admin", settings) as warehouse:
        held = "select tenant_id from ops.held_tenants where build_id = 1"
        known = {tenant for (tenant,) in warehouse.rows(held)}
    days = before.keys() | after.keys()
    return {day for day in days if before.get(day) != after.get(day) and day[0] not in known}


def logged(settings: Settings) -> dict[KolDay, tuple[str, ...]]:
    """Return the causes that the newest build logged, by day."""
    with connect("admin", settings) as warehouse:
        rows = warehouse.rows(
            "select tenant_id, kol_id, activity_date, cause from marts.kol_day_changes "
            "where build_id = (select max(build_id) from ops.builds)"
        )
    return {row[:3]: tuple(row[3].split(", ")) for row in rows}


def entries(settings: Settings) -> set[tuple[Any, ...]]:
    """Return what the figures of KOLs are made of, without the build that wrote it, of published tenants."""
    with connect("admin", settings) as warehouse:
        held = {row[0] for row in warehouse.rows("select tenant_id from intermediate.int_tenants__held")}
        rows = warehouse.rows("select * from marts.kol_roi_entries")
    return {row[:-1] for row in rows if row[0] not in held}


def day_sums(settings: Settings, mart: str) -> dict[KolDay, tuple[Any, ...]]:
    """Return what a mart adds up to by KOL and day, days of zeros left out."""
    sums = ", ".join(f"sum({measure})" for measure in ADDED_UP)
    with connect("admin", settings) as warehouse:
        rows = warehouse.rows(
            f"select tenant_id, kol_id, activity_date, {sums} from marts.{mart} group by 1, 2, 3"
        )
    return {row[:3]: row[3:] for row in rows if any(row[3:])}


def expected_marts(settings: Settings) -> Marts:
    """Return what the oracle makes of the rows that stand in raw."""
    with connect("admin", settings) as warehouse:
        return compute(feeds_from_warehouse(warehouse), as_of_days(warehouse))


def differences(settings: Settings, expected: Marts) -> list[Difference]:
    """Return the cells in which marts and oracle disagree."""
    with connect("admin", settings) as warehouse:
        return compare_marts(warehouse, expected)


def told(found: list[Difference]) -> str:
    """Return the first differences, one a line."""
    return f"{len(found)} cells differ\n" + "\n".join(str(difference) for difference in found[:20])


def test_marts_equal_the_oracle_built_from_nothing(settings: Settings, worlds: list[SmallWorld]) -> None:
    built = build(settings)
    expected = expected_marts(settings)
    found = differences(settings, expected)
    assert not found, told(found)
    assert {tenant.tenant_id for tenant in built.held} == set(expected.held)
    assert day_sums(settings, "kol_roi_entries") == day_sums(settings, "kol_roi_daily")


def test_marts_equal_the_oracle_after_news(
    settings: Settings, worlds: list[SmallWorld], later_worlds: list[SmallWorld]
) -> None:
    before = kol_days(settings)
    for world, later in zip(worlds, later_worlds, strict=True):
        assert later.tenant_id == world.tenant_id
        load_rows(settings, later.feeds, NEWS_DAY, NEWS_DAY + timedelta(days=NEWS_DAYS))
    build(settings)
    found = differences(settings, expected_marts(settings))
    assert not found, told(found)
    assert day_sums(settings, "kol_roi_entries") == day_sums(settings, "kol_roi_daily")
    log = logged(settings)
    assert set(log) == moved(settings, before)
    assert len({cause for causes in log.values() for cause in causes}) > 5
    assert not any("rebuild" in causes for causes in log.values())


def test_marts_equal_the_oracle_after_a_new_map(
    settings: Settings, worlds: list[SmallWorld], later_worlds: list[SmallWorld]
) -> None:
    before = kol_days(settings)
    for world, later in zip(worlds, later_worlds, strict=True):
        load_rows(settings, new_map(world, later).feeds, NEWS_DAY, NEWS_DAY + timedelta(days=1))
    build(settings)
    found = differences(settings, expected_marts(settings))
    assert not found, told(found)
    assert day_sums(settings, "kol_roi_entries") == day_sums(settings, "kol_roi_daily")
    log = logged(settings)
    assert log.keys() == moved(settings, before)
    assert log
    assert set(log.values()) == {("identity",)}


def test_entries_made_anew_are_what_news_left(settings: Settings, worlds: list[SmallWorld]) -> None:
    """Rates, terms and settings too: entries say what decides now, whenever they were written."""
    before = entries(settings)
    assert len(before) > 100
    build(settings, full_refresh=True, with_tests=False)
    assert entries(settings) == before


def test_the_comparison_sees_a_changed_cell(settings: Settings, worlds: list[SmallWorld]) -> None:
    expected = expected_marts(settings)
    for shape, table in ((SHAPES[name], expected.tables[name]) for name in SHAPES):
        row = next(row for row in table if any(canonical(row[name]) for name in shape.columns))
        name = next(name for name in shape.columns if canonical(row[name]))
        row[name] = None
    found = differences(settings, expected)
    assert {difference.table for difference in found} == {shape.table for shape in SHAPES.values()}
