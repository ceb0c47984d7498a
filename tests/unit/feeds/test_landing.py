"""The landing zone: once, immutable, with a sequence that does not depend on the order of arrival."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.feeds.landing import LandedFile, LandingError, fetch, land, manifests
from include.settings import Settings

DAY = {"interval_start": datetime(2026, 1, 1, tzinfo=UTC), "interval_end": datetime(2026, 1, 2, tzinfo=UTC)}


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, landing_url=str(tmp_path / "landing"))


def _land(config: Settings, content: bytes, name: str = "orders.csv.gz", **more: Any) -> LandedFile:
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "source": "shop",
        "feeds": {"orders": "o.sql"},
        **DAY,
        **more,
    }
    return land(content, name=name, file_format="csv", settings=config, **fields)


def test_the_same_file_lands_once(config: Settings) -> None:
    first = _land(config, b"a")
    assert _land(config, b"a") == first
    assert list(manifests(config)) == [first]
    assert fetch(first, Path("unused"), config).read_bytes() == b"a"


def test_other_content_of_a_name_is_its_next_version(config: Settings) -> None:
    versions = [_land(config, content) for content in (b"a", b"b", b"c")]
    assert [v.sequence for v in versions] == [1, 2, 3]
    assert [v.landing_seq for v in versions] == [1767312000 * 1000 + n for n in (1, 2, 3)]
    assert all(v.path.endswith(".csv.gz") for v in versions)


def test_the_sequence_does_not_depend_on_other_files(tmp_path: Path) -> None:
    orders = []
    for names in (("a.csv", "b.csv"), ("b.csv", "a.csv")):
        config = Settings(home=tmp_path, landing_url=str(tmp_path / names[0]))
        for name in names:
            _land(config, name.encode(), name)
        orders.append({(m.name, m.path, m.landing_seq) for m in manifests(config)})
    assert orders[0] == orders[1]


def test_equal_content_elsewhere_is_another_file(config: Settings) -> None:
    paths = {
        _land(config, b"a").path,
        _land(config, b"a", "other.csv").path,
        _land(config, b"a", source="pos").path,
        _land(config, b"a", tenant_id="zeta").path,
        _land(config, b"a", interval_end=datetime(2026, 1, 3, tzinfo=UTC)).path,
    }
    assert len(paths) == 5


def test_a_delivery_is_known_by_its_id(config: Settings) -> None:
    first = _land(config, b"a", delivery_id="d-1")
    assert _land(config, b"a, sent again with another stamp", delivery_id="d-1") == first


def test_a_damaged_file_is_noticed(config: Settings) -> None:
    landed = _land(config, b"abc")
    (Path(config.landing_url) / landed.path).write_bytes(b"ab")
    with pytest.raises(LandingError, match="has 2 bytes, its manifest says 3"):
        fetch(landed, Path("unused"), config)
    (Path(config.landing_url) / landed.path).unlink()
    with pytest.raises(LandingError, match="is gone"):
        fetch(landed, Path("unused"), config)


def test_an_interval_must_be_one(config: Settings) -> None:
    faults: list[dict[str, Any]] = [
        {"interval_end": DAY["interval_start"]},
        {"interval_start": datetime(2026, 1, 1)},
    ]
    for wrong in faults:
        with pytest.raises(LandingError, match="is no interval"):
            _land(config, b"a", **wrong)
    assert list(manifests(config)) == []


def test_a_remote_landing_zone(tmp_path: Path) -> None:
    config = Settings(home=tmp_path, landing_url="memory://landing")
    landed = _land(config, b"abc", "remote.csv")
    assert [m.path for m in manifests(config)] == [landed.path]
    assert fetch(landed, tmp_path / "copy", config).read_bytes() == b"abc"
