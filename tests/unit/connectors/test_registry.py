"""Registrations: what is wrong in a source.yml is said with its file and key; installing is repeatable."""

from pathlib import Path

import pytest

from include.connectors.registry import SourceError, install, load_source, load_sources, parse
from include.settings import PROJECT_ROOT, Settings

YAML = """
tenant: acme
source: shop
time_zone: Asia/Ho_Chi_Minh
schedule: daily
start: 2026-01-01
files:
  - path: exports/{start:%Y-%m-%d}/orders.csv.gz
    feeds: {orders: orders.sql}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def folder(tmp_path: Path, text: str = YAML, *mappings: str) -> Path:
    """Write a source.yml with its mappings."""
    place = tmp_path / "mine"
    place.mkdir(exist_ok=True)
    (place / "source.yml").write_text(text)
    for mapping in mappings or ("orders.sql",):
        (place / mapping).parent.mkdir(parents=True, exist_ok=True)
        (place / mapping).write_text("select 1")
    return place


def test_a_good_source_is_read(tmp_path: Path) -> None:
    source = parse(folder(tmp_path))
    assert source.name == "acme_shop"
    assert source.config.schedule == "@daily"
    assert source.config.files[0].format == "csv"
    assert str(source.zone) == "Asia/Ho_Chi_Minh"


def test_online_retail_is_a_good_source() -> None:
    source = parse(PROJECT_ROOT / "include/connectors/online_retail")
    assert source.name == "online_retail"
    assert set(source.config.files[0].feeds) == {"orders", "order_items", "refunds"}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("tenant: acme\n", "", "tenant: Field required"),
        ("tenant: acme", "tenant: 'a b'", "tenant: .*pattern"),
        ("tenant: acme", "tenant: acme\nowner: me", "owner: Extra inputs are not permitted"),
        ("Asia/Ho_Chi_Minh", "Hanoi", "time_zone: 'Hanoi' is no IANA time zone"),
        ("daily", "sometimes", "schedule: 'sometimes' is neither"),
        ("2026-01-01", "yesterday", "start: .*date"),
        ("2026-01-01", "2026-01-01\nend: 2026-01-01", "end: is not after start"),
        ("{start:%Y-%m-%d}", "{day}", r"files.0.path: \{day\} is none of"),
        ("{start:%Y-%m-%d}", "{start.__class__}", "files.0.path: .*is none of"),
        ("orders.csv.gz", "orders.xlsx", "files.0.path: the suffix of"),
        ("orders.sql", "../orders.sql", "files.0.feeds: .*not an .sql file beside"),
        ("orders.sql", "/etc/orders.sql", "files.0.feeds: .*not an .sql file beside"),
        ("orders.sql", "absent.sql", "files.0.feeds.orders: there is no .*absent.sql"),
        ("files:", "file:", "files: Field required"),
        (YAML, "- a\n- b", "holds no keys"),
        (YAML, "tenant: [", "is no YAML"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(tmp_path: Path, old: str, new: str, error: str) -> None:
    assert old in YAML
    with pytest.raises(SourceError, match=error) as caught:
        parse(folder(tmp_path, YAML.replace(old, new)))
    assert "source.yml" in str(caught.value)


def test_a_folder_without_source_yml_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        parse(tmp_path)


def test_installing_copies_and_is_repeatable(tmp_path: Path, settings: Settings) -> None:
    given = folder(tmp_path, YAML.replace("orders.sql", "maps/orders.sql"), "maps/orders.sql")
    first = install(given, settings)
    assert first.folder == settings.sources_dir / "acme_shop"
    assert first.mapping("maps/orders.sql").read_text() == "select 1"
    (given / "maps/orders.sql").write_text("select 2")
    again = install(given / "source.yml", settings)
    assert again.mapping("maps/orders.sql").read_text() == "select 2"
    assert load_sources(settings) == [again]


def test_a_mapping_that_is_no_longer_named_goes(tmp_path: Path, settings: Settings) -> None:
    installed = install(folder(tmp_path), settings)
    install(folder(tmp_path, YAML.replace("orders.sql", "other.sql"), "other.sql"), settings)
    assert [path.name for path in installed.folder.glob("*.sql")] == ["other.sql"]


def test_a_broken_source_is_not_installed_over_a_good_one(tmp_path: Path, settings: Settings) -> None:
    good = install(folder(tmp_path), settings)
    with pytest.raises(SourceError):
        install(folder(tmp_path, YAML.replace("tenant: acme", "tenant:")), settings)
    assert load_source("acme_shop", settings) == good


def test_a_name_belongs_to_one_source(tmp_path: Path, settings: Settings) -> None:
    install(folder(tmp_path, YAML.replace("tenant: acme", "tenant: acme\nname: one")), settings)
    with pytest.raises(SourceError, match="already registered for tenant acme"):
        install(folder(tmp_path, YAML.replace("tenant: acme", "tenant: other\nname: one")), settings)


def test_an_unknown_source_names_those_that_are_there(tmp_path: Path, settings: Settings) -> None:
    install(folder(tmp_path), settings)
    with pytest.raises(SourceError, match="known: acme_shop"):
        load_source("acme", settings)


def test_relative_paths_start_at_the_registered_folder(tmp_path: Path, settings: Settings) -> None:
    source = install(folder(tmp_path), settings)
    full, named = source.expand("exports/a.csv", settings)
    assert full == str(tmp_path / "mine/exports/a.csv")
    assert named == "exports/a.csv"


def test_variables_are_filled_and_left_out_of_the_name(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = install(folder(tmp_path), settings)
    assert source.expand("${SOKOL_DATA}/a/b.csv", settings) == (
        f"{settings.data_dir.resolve()}/a/b.csv",
        "a/b.csv",
    )
    monkeypatch.setenv("EXPORTS", "s3://bucket/x")
    assert source.expand("${EXPORTS}/b.csv", settings) == ("s3://bucket/x/b.csv", "b.csv")
    with pytest.raises(SourceError, match="needs ABSENT, which is not set"):
        source.expand("${ABSENT}/b.csv", settings)
