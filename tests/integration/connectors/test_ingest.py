"""Ingest: an interval's files landed once and loaded, whatever else in the interval is broken."""

import gzip
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from include.connectors import ingest
from include.connectors.registry import SourceError
from include.feeds import landing
from include.settings import Settings
from include.warehouse import Warehouse, connect

REFUNDS = """
select _row, id as refund_id, 'succeeded' as status, 'EUR' as currency, amount,
    happened as refunded_at, happened as updated_at, note
from source
"""
ITEMS = """
select _row, 'o' || id as order_id, id as line_id, 'product' as item_type, 1 as quantity,
    amount as unit_price, amount as line_amount, 'EUR' as currency,
    happened as ordered_at, happened as updated_at
from source
"""
YAML = """
tenant: {tenant}
source: shop
time_zone: Europe/Berlin
start: 2026-01-01
tenant_settings: {{name: A, country_code: DE, reporting_currency: EUR, vat_rate: 0.19, gross_margin: 0.4,
    attribution_window_hours: 720, churn_window_days: 90}}
files:
  - path: "{{start:%Y-%m-%d}}.csv"
    feeds: {{refunds: refunds.sql, order_items: items.sql}}
  - path: "{{start:%Y-%m-%d}}-*.jsonl.gz"
    feeds: {{refunds: json.sql}}
"""
JSON = """
select _row, record ->> 'id' as refund_id, 'succeeded' as status, 'EUR' as currency,
    record ->> 'amount' as amount, record ->> 'at' as refunded_at, record ->> 'at' as updated_at
from source
"""
MARCH = [datetime(2026, 3, day, tzinfo=UTC) for day in range(1, 32)]


class Shop:
    """A tenant of its own with a folder of files."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.tenant = f"t{uuid4().hex[:12]}"
        self.name = f"{self.tenant}_shop"
        self.write("source.yml", YAML.format(tenant=self.tenant))
        for mapping, text in {"refunds.sql": REFUNDS, "items.sql": ITEMS, "json.sql": JSON}.items():
            self.write(mapping, text)

    def write(self, name: str, text: str) -> None:
        """Write one file of the folder, compressed where its name says so."""
        content = text.encode()
        (self.folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    def day(self, day: int, *rows: str) -> None:
        """Write a day's CSV."""
        self.write(f"2026-03-{day:02}.csv", "id,amount,happened,note\n" + "".join(f"{row}\n" for row in rows))

    def run(self, first: int, last: int) -> list[int]:
        """Extract and load some days; returns the rows loaded per file and feed."""
        start, end = (datetime.fromisoformat(f"2026-03-{day:02}T00:00+01:00") for day in (first, last))
        ingest.extract(self.name, start, end, self.settings)
        results = ingest.load(self.name, start, end, self.settings)
        return [result.rows_loaded for result in results]

    def rows(self, warehouse: Warehouse, statement: str) -> list[tuple[object, ...]]:
        """Run a select with this tenant as its only parameter."""
        return warehouse.rows(statement, [self.tenant])


@pytest.fixture
def shop(tmp_path: Path, warehouse_settings: Settings) -> Iterator[Shop]:
    made = Shop(tmp_path, warehouse_settings)
    ingest.register(tmp_path, warehouse_settings)
    yield made
    shutil.rmtree(warehouse_settings.sources_dir / made.name)


@pytest.fixture
def warehouse(warehouse_settings: Settings) -> Iterator[Warehouse]:
    with connect("loader", warehouse_settings) as open_warehouse:
        yield open_warehouse


def test_registering_loads_the_tenant_once_and_follows_its_changes(shop: Shop, warehouse: Warehouse) -> None:
    tenant = "select vat_rate::text, time_zone, _load_id from raw.tenants where tenant_id = %s"
    first = shop.rows(warehouse, tenant)
    assert [row[:2] for row in first] == [("0.1900", "Europe/Berlin")]
    assert ingest.register(shop.folder, shop.settings).settings_load is not None
    assert shop.rows(warehouse, tenant) == first, "registered again, nothing changes"
    shop.write("source.yml", YAML.format(tenant=shop.tenant).replace("0.19", "0.16"))
    ingest.register(shop.folder, shop.settings)
    assert [row[0] for row in shop.rows(warehouse, tenant)] == ["0.1600"]


def test_wrong_tenant_settings_and_unknown_feeds_are_said(shop: Shop) -> None:
    shop.write("source.yml", YAML.format(tenant=shop.tenant).replace("0.19", "19"))
    with pytest.raises(ingest.IngestError, match="tenant_settings: vat_rate is a share from 0 to below 1"):
        ingest.register(shop.folder, shop.settings)
    shop.write("source.yml", YAML.format(tenant=shop.tenant).replace("order_items: i", "items: i"))
    with pytest.raises(SourceError, match=r"files.0.feeds: there is no feed items; there are ad_spend, .*"):
        ingest.register(shop.folder, shop.settings)


def test_one_file_fills_several_feeds_and_keeps_further_columns(shop: Shop, warehouse: Warehouse) -> None:
    shop.day(2, "1,10.00,2026-03-02T10:00Z,late", "2,20.00,2026-03-02T11:00Z,")
    assert shop.run(2, 3) == [2, 2]
    assert shop.rows(
        warehouse, "select sum(line_amount)::text from raw.order_items where tenant_id = %s"
    ) == [("30.0000",)]
    extra = "select _extra ->> 'note' from raw.refunds where tenant_id = %s and refund_id = '1'"
    assert shop.rows(warehouse, extra) == [("late",)]


def test_days_one_by_one_in_any_order_or_in_one_go_are_the_same(shop: Shop, warehouse: Warehouse) -> None:
    for day in (2, 3, 5):
        shop.day(day, f"{day},1.00,2026-03-0{day}T10:00Z,x", "9,9.00,2026-03-04T10:00Z,x")
    for first in (5, 2, 4, 3):
        shop.run(first, first + 1)
    state = "select refund_id, amount, _landing_seq from raw.refunds where tenant_id = %s order by 1"
    standing = shop.rows(warehouse, state)
    assert len(standing) == 4
    assert shop.run(2, 6) == [0] * 6, "every file was landed and loaded by its own day"
    assert shop.rows(warehouse, state) == standing


def test_plain_files_are_landed_compressed_and_hold_what_the_source_said(shop: Shop) -> None:
    shop.day(2, "1,10.00,2026-03-02T10:00Z,ä")
    [landed] = ingest.extract(shop.name, MARCH[1], MARCH[2], shop.settings)
    assert landed.name == "2026-03-02.csv.gz"
    stored = (Path(shop.settings.landing_url) / landed.path).read_bytes()
    assert gzip.decompress(stored) == (shop.folder / "2026-03-02.csv").read_bytes()
    assert ingest.extract(shop.name, MARCH[1], MARCH[2], shop.settings) == [landed], "landed once"


def test_one_broken_file_does_not_stop_the_others(shop: Shop, warehouse: Warehouse) -> None:
    shop.day(2, "1,10.00,2026-03-02T10:00Z,x")
    good = '{"id": "7", "amount": "7.00", "at": "2026-03-02T10:00Z"}\n'
    shop.write("2026-03-02-b.jsonl.gz", good)
    packed = (shop.folder / "2026-03-02-b.jsonl.gz").read_bytes()
    (shop.folder / "2026-03-02-a.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(
        ingest.IngestError, match=r"1 not loaded.*\n- .*/shop: 2026-03-02-a.jsonl.gz: the gzip is damaged"
    ):
        shop.run(2, 3)
    found = "select refund_id from raw.refunds where tenant_id = %s order by 1"
    assert shop.rows(warehouse, found) == [("1",), ("7",)]
    shop.write("2026-03-02-a.jsonl.gz", good.replace("7", "8"))
    shop.run(2, 3)  # sent again, whole: no longer an error
    assert shop.rows(warehouse, found) == [("1",), ("7",), ("8",)]


def test_one_broken_mapping_does_not_stop_the_other_feed(shop: Shop, warehouse: Warehouse) -> None:
    shop.day(2, "1,10.00,2026-03-02T10:00Z,x")
    shop.write("refunds.sql", REFUNDS.replace("amount,", "amout,"))
    ingest.register(shop.folder, shop.settings)
    with pytest.raises(ingest.IngestError, match=r"refunds: mapping .*refunds.sql.*amout"):
        shop.run(2, 3)
    assert shop.rows(warehouse, "select count(*) from raw.order_items where tenant_id = %s") == [(1,)]
    shop.write("refunds.sql", REFUNDS)
    ingest.register(shop.folder, shop.settings)
    assert sorted(shop.run(2, 3)) == [0, 1], "the corrected mapping loads, the other feed is done"


def test_a_registration_gathers_the_files_of_several_systems(shop: Shop, warehouse: Warehouse) -> None:
    shop.write(
        "source.yml",
        YAML.format(tenant=shop.tenant).replace(
            "    feeds: {refunds: j", "    source: till\n    feeds: {refunds: j"
        ),
    )
    ingest.register(shop.folder, shop.settings)
    shop.day(2, "1,10.00,2026-03-02T10:00Z,x")
    shop.write("2026-03-02-b.jsonl.gz", '{"id": "1", "amount": "7.00", "at": "2026-03-02T10:00Z"}\n')
    assert sorted(shop.run(2, 3)) == [1, 1, 1]
    found = "select source, refund_id from raw.refunds where tenant_id = %s order by 1"
    assert shop.rows(warehouse, found) == [("shop", "1"), ("till", "1")]


def test_a_required_file_that_is_missing_is_an_error(shop: Shop) -> None:
    assert shop.run(8, 9) == []
    text = YAML.format(tenant=shop.tenant)
    shop.write("source.yml", text.replace('.csv"', '.csv"\n    required: true'))
    ingest.register(shop.folder, shop.settings)
    with pytest.raises(ingest.IngestError, match=r"2026-03-08.csv is missing; bring it, or set required"):
        shop.run(8, 9)


def test_an_interval_opens_only_its_own_folders(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in (2, 3, 4):
        shop.day(day, f"{day},1.00,2026-03-0{day}T10:00Z,x")
    shop.run(2, 5)
    opened: list[str] = []
    manifests = landing.manifests

    def watched(settings: Settings, folder: str = "") -> object:
        opened.append(folder)
        return manifests(settings, folder)

    monkeypatch.setattr(landing, "manifests", watched)
    ingest.load(shop.name, MARCH[2], MARCH[2].replace(hour=12), shop.settings)
    assert [folder.rpartition("/")[2] for folder in opened] == ["20260302T230000Z_20260303T230000Z"]
