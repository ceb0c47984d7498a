"""Drop the warehouse and replay the landing zone; two loads at once; releases that a replay repeats."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from include.feeds.landing import LandedFile, land, manifests
from include.feeds.load import LoadResult, load_landed
from include.feeds.quarantine import ReleaseError, open_rows, release_by_hand, release_by_mapping
from include.feeds.replay import Order, replay
from include.settings import Settings
from include.warehouse import connect, fingerprint
from tests.integration.feeds import killing
from tests.integration.feeds import universe as u


def _load_all(settings: Settings) -> list[LoadResult]:
    with connect("loader", settings) as warehouse:
        results = []
        for given in killing.files():
            results += load_landed(warehouse, given.land(settings), settings=settings, contracts=u.CONTRACTS)
        return results


def _prints(settings: Settings) -> Any:
    with connect("loader", settings) as warehouse:
        also = ("_deleted", "_extra", "_row_hash")
        return fingerprint(warehouse, "raw", also=also), u.bookkeeping(warehouse)


@pytest.mark.parametrize("order", ["landing", "random"])
def test_replay_after_drop_gives_the_same_fingerprints(universe: Settings, order: Order) -> None:
    _load_all(universe)
    held = _held(universe)
    before = _prints(universe)
    assert all(
        value.rows
        for value in (before[0]["touches"], before[0]["bills"], before[0]["spend"], before[0]["entries"])
    )
    u.empty(universe)
    with connect("loader", universe) as warehouse:
        assert fingerprint(warehouse, "raw")["bills"].rows == 0
        replay(warehouse, settings=universe, contracts=u.CONTRACTS, order=order, seed=7)
    assert _prints(universe) == before
    assert _held(universe) == held


def test_fingerprints_notice_one_changed_cell(universe: Settings) -> None:
    _load_all(universe)
    before = _prints(universe)
    with connect("loader", universe) as warehouse:
        warehouse.execute("update raw.bills set amount = amount + 0.0001 where id = 'b1'")
    assert _prints(universe)[0]["bills"] != before[0]["bills"]
    assert _prints(universe)[0]["touches"] == before[0]["touches"]


def test_two_loads_at_once_load_each_file_once(universe: Settings) -> None:
    _load_all(universe)
    alone = _prints(universe)
    u.empty(universe)
    with ThreadPoolExecutor(2) as pool:
        both = [f.result() for f in [pool.submit(_replay, universe), pool.submit(_replay, universe)]]
    assert _prints(universe) == alone
    for one, other in zip(*(sorted(r, key=lambda x: (x.path, x.feed)) for r in both), strict=True):
        assert {one.skipped, other.skipped} == {True, False}, one.path
        assert one.load_id == other.load_id


def _replay(settings: Settings) -> list[LoadResult]:
    with connect("loader", settings) as warehouse:
        return replay(warehouse, settings=settings, contracts=u.CONTRACTS)


def _held(settings: Settings) -> list[tuple[Any, ...]]:
    with connect("loader", settings) as warehouse:
        return warehouse.rows(
            """
            select feed, row, reason, released_load_id is null from ops.quarantine
            where released_by is distinct from 'loader' order by 1, 2, 3
            """
        )


def test_a_row_released_by_hand_is_released_again_by_a_replay(universe: Settings) -> None:
    _load_all(universe)
    with connect("loader", universe) as warehouse:
        listed = open_rows(warehouse, "bills").to_pylist()
        assert listed, "the files should hold refused rows"
        assert "has more decimals than VND has" in listed[0]["reason"]
        chosen = listed[-1]["quarantine_id"]  # later files do not supersede it
        config: dict[str, Any] = {"settings": universe, "contracts": u.CONTRACTS}
        why: dict[str, Any] = {"reason": "the shop confirmed 2 dong", "released_by": "ann"}
        with pytest.raises(ReleaseError, match="needs a reason"):
            release_by_hand(warehouse, chosen, {"amount": "2"}, reason=" ", released_by="ann", **config)
        with pytest.raises(ReleaseError, match="no columns"):
            release_by_hand(warehouse, chosen, {"colour": "red"}, **why, **config)
        result = release_by_hand(warehouse, chosen, {"amount": "2"}, **why, **config)
        assert result.rows_loaded == 1
        assert len(open_rows(warehouse, "bills").to_pylist()) == len(listed) - 1
        [(amount,)] = warehouse.rows("select amount from raw.bills where _load_id = %s", [result.load_id])
        assert amount == 2
        with pytest.raises(ReleaseError, match="not in quarantine"):
            release_by_hand(warehouse, chosen, {"amount": "2"}, **why, **config)
    before, held = _prints(universe), _held(universe)
    for order in ("landing", "random"):
        u.empty(universe)
        with connect("loader", universe) as warehouse:
            replay(warehouse, settings=universe, contracts=u.CONTRACTS, order=order, seed=3)
        assert _prints(universe) == before
        assert _held(universe) == held


def _mapped_file(settings: Settings) -> LandedFile:
    first = killing.files()[0]
    return land(
        b"id,kind,when,colour\n1,x,2026-01-01T10:00:00Z,red\n2,y,01.02.2026 10:00,blue\n",
        tenant_id="acme",
        source="test",
        name="mapped.csv",
        interval_start=u.FIRST_DAY,
        interval_end=u.FIRST_DAY.replace(day=2),
        feeds={first.feed: "touches.sql"},
        file_format="csv",
        registration="acme",
        settings=settings,
    )


def test_a_corrected_mapping_releases_what_it_can(universe: Settings, tmp_path: Path) -> None:
    settings = universe.model_copy(update={"sources_dir": tmp_path / "sources"})
    mapping = settings.sources_dir / "acme" / "touches.sql"
    mapping.parent.mkdir(parents=True)
    mapping.write_text('select _row, id, kind as note, "when" as happened_at, colour from source')
    config: dict[str, Any] = {"settings": settings, "contracts": u.CONTRACTS}
    with connect("loader", settings) as warehouse:
        [first] = load_landed(warehouse, _mapped_file(settings), **config)
        assert (first.rows_loaded, first.rows_quarantined) == (1, 1)
        [held] = open_rows(warehouse, "touches").to_pylist()
        assert (held["row"], held["column_name"], held["value"]) == (2, "happened_at", "01.02.2026 10:00")
        assert "blue" in held["content"]
        assert [r.skipped for r in release_by_mapping(warehouse, "touches", **config)] == [True]
        mapping.write_text(
            """select _row, id, kind as note, colour,
                coalesce(try_cast("when" as timestamp), strptime("when", '%d.%m.%Y %H:%M')) as happened_at
            from source"""
        )
        [second] = release_by_mapping(warehouse, "touches", **config)
        assert (second.rows_loaded, second.rows_unchanged, second.rows_quarantined) == (1, 1, 0)
        assert open_rows(warehouse, "touches").num_rows == 0
        extra = warehouse.rows("select _extra ->> 'colour' from raw.touches order by id")
        assert extra == [("red",), ("blue",)]
    assert len(list(manifests(settings))) == 1
