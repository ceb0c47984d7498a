"""Exports of a world: what lies in which interval, what dirt does, what the warehouse holds in the end."""

import csv
import gzip
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.connectors import ingest
from include.demo.__main__ import generate, history_and_days
from include.demo.exports import FILES, export
from include.demo.exports.dirt import QUARANTINED, UNCHANGED
from include.demo.truth import newest
from include.demo.world import World, simulate
from include.demo.world.cast import TENANTS
from include.settings import Settings
from include.warehouse import connect
from include.warehouse.contracts import load_contracts
from tests.exports.made import END, FIRST, HANOI, MadeWorld, made_world
from tests.exports.read_back import as_rows, bounds, compared, read_back

SEED, SCALE, DAYS, DAILY = 5, 0.01, 25, 1
CHOSEN = tuple(tenant for tenant in TENANTS if tenant.tenant_id in ("lotus", "kauri"))
"""Between them they have every system, zones of whole and half hours, currencies with and without cents."""


@pytest.fixture(scope="module")
def world() -> World:
    """Give a world of a few hundred orders."""
    return simulate(SEED, scale=SCALE, days=DAYS, clicks_per_order=4, tenants=CHOSEN)


def test_dirt_is_only_added(world: World, tmp_path: Path) -> None:
    intervals = history_and_days(world, DAILY)
    clean, nothing = export(world, tmp_path / "clean", intervals, dirt=False)
    dirty, planted = export(world, tmp_path / "dirty", intervals, seed=SEED)
    assert nothing == []
    lines = {one.path.relative_to(tmp_path / "dirty"): _lines(one.path) for one in dirty}
    for one in clean:
        standing = _lines(one.path)
        assert not standing - lines[one.path.relative_to(tmp_path / "clean")]
    added = sum((Counter[bytes](found) for found in lines.values()), Counter[bytes]()).total()
    assert added > sum(_lines(one.path).total() for one in clean)
    assert {(spot.outcome) for spot in planted} == {QUARANTINED, UNCHANGED}
    assert len({spot.kind for spot in planted}) > 20
    assert any("-again" in one.path.name for one in dirty)


def _lines(path: Path) -> Counter[bytes]:
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    return Counter(content.splitlines())


def test_the_same_world_gives_the_same_bytes(world: World, tmp_path: Path) -> None:
    days = history_and_days(world, 1)[-1:]
    first, planted = export(world, tmp_path / "a", days, seed=SEED)
    second, planted_again = export(world, tmp_path / "b", days, seed=SEED)
    assert planted == planted_again
    assert [one.path.read_bytes() for one in first] == [one.path.read_bytes() for one in second]
    other, _ = export(world, tmp_path / "c", days, seed=SEED + 1)
    assert [one.path.read_bytes() for one in first] != [one.path.read_bytes() for one in other]


def test_a_system_without_files_stops_the_export(tmp_path: Path) -> None:
    made = made_world()
    strange = [{"tenant_id": "hanoi", "_system": "etsy", "source": "etsy", "order_id": "1"}]
    with pytest.raises(ValueError, match=r"etsy shows rows of orders, which no file of it carries"):
        export(MadeWorld(made.tenants, {"orders": strange}), tmp_path, [(FIRST, END)])


def _spend(day: int, ad: str, available_day: int, spend: int) -> dict[str, Any]:
    at, _ = bounds((FIRST + timedelta(days=available_day), END), HANOI.zone)
    row: dict[str, Any] = {
        "tenant_id": "hanoi",
        "_system": "meta_ads",
        "platform": "meta_ads",
        "account_id": "a",
        "campaign_id": "c",
    }
    row |= {"account_time_zone": HANOI.zone, "currency": "VND", "impressions": 1, "clicks": 1, "ad_id": ad}
    return row | {"spend": spend, "spend_date": FIRST + timedelta(days=day), "_available_at": at}


def test_a_pull_holds_whole_days_as_they_stand(tmp_path: Path) -> None:
    # The first day was pulled with two ads, and again a day later with one of them, restated.
    rows = [_spend(0, "x", 0, 10), _spend(0, "y", 0, 10), _spend(0, "x", 1, 12), _spend(1, "x", 1, 7)]
    days = [(FIRST + timedelta(days=n), FIRST + timedelta(days=n + 1)) for n in range(3)]
    files, _ = export(MadeWorld((HANOI,), {"ad_spend": rows}), tmp_path, days, dirt=False)
    pulls = [read_back(one, "ad_spend", HANOI.zone, tmp_path).rows for one in files]
    spent = [sorted((row["spend_date"].day, row["ad_id"], row["spend"]) for row in pull) for pull in pulls]
    assert spent[0] == [(30, "x", 10), (30, "y", 10)]
    assert spent[1] == spent[2] == [(30, "x", 12), (31, "x", 7)]


def _order(status: str, minutes: int, available_day: int) -> dict[str, Any]:
    at, _ = bounds((FIRST + timedelta(days=available_day), END), HANOI.zone)
    row: dict[str, Any] = {
        "tenant_id": "hanoi",
        "_system": "shopify",
        "source": "shopify",
        "order_id": "1",
        "currency": "VND",
    }
    row |= {
        "status": status,
        "payment_method": "card",
        "gross_amount": 100,
        "is_test": False,
        "ordered_at": at,
    }
    return row | {"updated_at": at + timedelta(minutes=minutes), "_available_at": at}


def test_of_one_instant_the_later_state_is_shown(tmp_path: Path) -> None:
    made = MadeWorld((HANOI,), {"orders": [_order("fulfilled", 5, 0), _order("pending", 5, 0)]})
    [one], _ = export(made, tmp_path, [(FIRST, END)], dirt=False)
    [row] = read_back(one, "orders", HANOI.zone, tmp_path).rows
    assert row["status"] == "fulfilled"


def test_a_late_line_brings_its_order_again(tmp_path: Path) -> None:
    line = _order("paid", 0, 1)
    line |= {"line_id": "1", "item_type": "product", "quantity": 1, "unit_price": 100, "line_amount": 100}
    rows = {"orders": [_order("fulfilled", 5, 0)], "order_items": [line]}
    days = [(FIRST + timedelta(days=n), FIRST + timedelta(days=n + 1)) for n in range(3)]
    files, _ = export(MadeWorld((HANOI,), rows), tmp_path, days, dirt=False)
    assert [one.interval[0] for one in files] == [FIRST, FIRST + timedelta(days=1)]
    assert [len(read_back(one, "order_items", HANOI.zone, tmp_path).rows) for one in files] == [0, 1]


@pytest.fixture(scope="module")
def loaded(warehouse_settings: Settings, world: World) -> Settings:
    """Generate the demo and load it through the connectors: the last day first, then the history."""
    settings = warehouse_settings
    generate(world, settings.demo_dir, DAILY)
    folders = sorted(settings.demo_dir.glob("sources/*"))
    assert [folder.name for folder in folders] == ["kauri", "lotus"]
    for folder in folders:
        source = ingest.register(folder, settings).source
        for interval in reversed(history_and_days(world, DAILY)):
            start, end = bounds(interval, source.config.time_zone)
            ingest.extract(source.name, start, end, settings)
            ingest.load(source.name, start, end, settings)
    return settings


def _raw(settings: Settings, feed: str, tenants: list[str]) -> pa.Table:
    deleted = "" if load_contracts()[feed].kind == "event" else "and not _deleted"
    columns = ", ".join(load_contracts()[feed].names)
    with connect("loader", settings) as warehouse:
        return warehouse.query(
            f"select {columns} from raw.{feed} where tenant_id = any(%s) {deleted}", [tenants]
        )


def _standing(world: World, feed: str) -> list[dict[str, Any]]:
    """What the systems show of a feed in the end: newest states and pulls, and the first of equal events."""
    contract = load_contracts()[feed]
    rows = as_rows(newest(world.feed(feed), feed))
    if contract.event_time:
        rows.sort(key=lambda row: row[str(contract.event_time)], reverse=True)
        rows = list({tuple(row[name] for name in contract.key): row for row in rows}.values())
    traffic = ("spend", "impressions", "clicks", "conversions")
    return [row for row in rows if row["_system"] != "google_ads" or any(row[name] for name in traffic)]


@pytest.mark.slow
@pytest.mark.parametrize("feed", sorted({feed for file in FILES for feed in file.feeds}))
def test_the_warehouse_ends_as_the_systems_stand(loaded: Settings, world: World, feed: str) -> None:
    tenants = [tenant.tenant_id for tenant in world.tenants]
    held = compared(as_rows(_raw(loaded, feed, tenants)), feed)
    expected = compared(_standing(world, feed), feed)
    assert expected.total() > 0
    assert not held - expected, f"{feed}: {list((held - expected).items())[:2]} is in the warehouse only"
    assert not expected - held, f"{feed}: {list((expected - held).items())[:2]} did not arrive"


@pytest.mark.slow
def test_quarantine_holds_the_planted_dirt_and_nothing_else(loaded: Settings) -> None:
    with (loaded.demo_dir / "truth" / "dirt.csv").open(encoding="utf-8", newline="") as stream:
        planted = [row for row in csv.DictReader(stream) if row["outcome"] == QUARANTINED]
    expected: Counter[tuple[str, str, str]] = Counter()
    for row in planted:
        expected[row["tenant_id"], row["source"], row["feed"]] += int(row["rows"])
    tenants = sorted({row["tenant_id"] for row in planted})
    with connect("loader", loaded) as warehouse:
        found = warehouse.query(
            "select tenant_id, source, feed, count(*) as rows from ops.quarantine"
            " where tenant_id = any(%s) group by 1, 2, 3",
            [tenants],
        ).to_pylist()
    assert {(row["tenant_id"], row["source"], row["feed"]): row["rows"] for row in found} == dict(expected)


def test_history_and_days_meet(world: World) -> None:
    intervals = history_and_days(world, DAILY)
    assert intervals[0][0] == world.first_day
    assert [end for _, end in intervals[:-1]] == [start for start, _ in intervals[1:]]
    assert intervals[-1] == (world.last_day, world.last_day + timedelta(days=1))
