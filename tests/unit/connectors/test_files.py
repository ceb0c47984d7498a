"""The files connector: which files an interval asks for."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.connectors.files import find
from include.connectors.registry import FileEntry, Source, SourceConfig, SourceError
from include.settings import Settings

SETTINGS = Settings()


def source(origin: Path, *paths: str, zone: str = "Europe/London") -> Source:
    """Make a source whose entries have these paths."""
    entries = [FileEntry.model_validate({"path": path, "feeds": {"orders": "o.sql"}}) for path in paths]
    config = SourceConfig.model_validate(
        {"tenant": "acme", "source": "shop", "time_zone": zone, "start": "2026-01-01", "files": entries}
    )
    return Source(folder=origin, origin=origin, config=config)


def write(origin: Path, *names: str) -> None:
    """Write small files."""
    for name in names:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        (origin / name).write_text("a\n1\n")


def day(text: str, shop: Source) -> datetime:
    """Return the first instant of a local day."""
    return datetime.fromisoformat(text).replace(tzinfo=shop.zone)


def test_days_are_days_of_the_sources_zone(tmp_path: Path) -> None:
    shop = source(tmp_path, "{start:%Y-%m-%d}.csv", zone="Asia/Ho_Chi_Minh")
    write(tmp_path, "2026-03-01.csv")
    found, missing = find(shop, day("2026-03-01", shop), day("2026-03-02", shop), SETTINGS)
    assert [(file.name, file.start, file.end) for file in found] == [
        ("2026-03-01.csv", datetime(2026, 2, 28, 17, tzinfo=UTC), datetime(2026, 3, 1, 17, tzinfo=UTC))
    ]
    assert missing == []


def test_a_range_in_one_go_finds_what_its_days_find(tmp_path: Path) -> None:
    shop = source(tmp_path, "{start:%Y-%m-%d}.csv")
    write(tmp_path, "2026-03-28.csv", "2026-03-30.csv", "2026-04-01.csv")
    bounds = [day("2026-03-28", shop) + timedelta(days=n) for n in range(5)]  # over the change to summer time
    together = find(shop, bounds[0], bounds[-1], SETTINGS)
    single = [find(shop, a, b, SETTINGS) for a, b in pairwise(bounds)]
    assert together[0] == [file for found, _ in single for file in found]
    assert together[1] == [file for _, missing in single for file in missing]
    assert [file.name for file in together[0]] == ["2026-03-28.csv", "2026-03-30.csv"]
    assert len(together[1]) == 2


def test_a_pattern_with_both_bounds_is_the_interval_itself(tmp_path: Path) -> None:
    shop = source(tmp_path, "{start:%Y-%m-%d}_{end:%Y-%m-%d}/o.csv")
    write(tmp_path, "2026-01-01_2026-04-01/o.csv", "2026-01-01_2026-01-02/o.csv")
    found, _ = find(shop, day("2026-01-01", shop), day("2026-04-01", shop), SETTINGS)
    assert [file.name for file in found] == ["2026-01-01_2026-04-01/o.csv"]


def test_hours_and_months_belong_to_their_own_period(tmp_path: Path) -> None:
    shop = source(tmp_path, "h/{start:%Y-%m-%dT%H}.csv", "m/{start:%Y-%m}.csv")
    write(tmp_path, *(f"h/2026-03-29T{hour:02}.csv" for hour in range(24)), "m/2026-03.csv")
    found, missing = find(shop, day("2026-03-29", shop), day("2026-03-30", shop), SETTINGS)
    hours = [file for file in found if file.entry == 0]
    months = [file for file in found if file.entry == 1]
    assert len(hours) == 23, "01:00 does not exist on that day"
    assert missing == []
    assert [(file.start, file.end) for file in months] == [
        (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, 23, tzinfo=UTC))
    ]


def test_a_pattern_finer_than_hours_is_asked_for_its_interval(tmp_path: Path) -> None:
    shop = source(tmp_path, "{start:%Y%m%d%H%M}.csv", zone="UTC")
    write(tmp_path, "202603010005.csv")
    start = datetime(2026, 3, 1, 0, 5, tzinfo=UTC)
    found, _ = find(shop, start, start + timedelta(minutes=5), SETTINGS)
    assert [(file.name, file.start) for file in found] == [("202603010005.csv", start)]


def test_globs_give_every_file_by_name(tmp_path: Path) -> None:
    shop = source(tmp_path, "{start:%Y-%m-%d}/part-*.csv", zone="UTC")
    write(tmp_path, "2026-03-01/part-b.csv", "2026-03-01/part-a.csv", "2026-03-01/other.csv")
    found, _ = find(shop, day("2026-03-01", shop), day("2026-03-02", shop), SETTINGS)
    assert [file.name for file in found] == ["2026-03-01/part-a.csv", "2026-03-01/part-b.csv"]
    assert all(file.url.endswith(file.name) for file in found)


def test_a_url_is_read_like_a_folder(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/2026-03-01/a.csv", b"x\n1\n")
    shop = source(tmp_path, "memory://bucket/{start:%Y-%m-%d}/*.csv", zone="UTC")
    found, _ = find(shop, day("2026-03-01", shop), day("2026-03-02", shop), SETTINGS)
    assert [file.url for file in found] == ["memory:///bucket/2026-03-01/a.csv"]


def test_an_interval_that_is_none_is_an_error(tmp_path: Path) -> None:
    shop = source(tmp_path, "a.csv")
    with pytest.raises(SourceError, match="is no interval"):
        find(shop, day("2026-03-02", shop), day("2026-03-02", shop), SETTINGS)
    with pytest.raises(SourceError, match="is no interval"):
        find(shop, datetime(2026, 3, 1), datetime(2026, 3, 2), SETTINGS)


@given(
    st.sampled_from(["%Y-%m-%dT%H", "%Y-%m-%d", "%Y-%m", "%Y"]),
    st.sampled_from(
        ["Europe/London", "Asia/Kathmandu", "America/St_Johns", "Asia/Ho_Chi_Minh", "Africa/Cairo"]
    ),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.integers(1, 70),
)
def test_periods_cover_the_interval_without_gap_or_overlap(
    form: str, zone: str, moment: datetime, hours: int
) -> None:
    shop = source(Path("/nowhere"), f"{{start:{form}}}.csv", zone=zone)
    start = moment.replace(tzinfo=UTC)
    end = start + timedelta(hours=hours)
    _, periods = find(shop, start, end, SETTINGS)
    assert periods[0].start <= start < periods[0].end
    assert periods[-1].start < end <= periods[-1].end
    for left, right in pairwise(periods):
        if form != "%Y-%m-%dT%H":  # two hours of one name are asked once, on the day the clock goes back
            assert left.end == right.start
        assert left.url != right.url
