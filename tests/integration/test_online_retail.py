"""Online Retail through landing and load: equal to a second computation over the files alone."""

import gzip
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from include.connectors import ingest
from include.settings import PROJECT_ROOT, Settings
from include.warehouse import Warehouse, connect
from tests.integration.online_retail_oracle import Books, Day, read

pytestmark = pytest.mark.realdata

LONDON = ZoneInfo("Europe/London")
DAILY = """
select coalesce(o.day, r.day), coalesce(orders, 0), coalesce(gross, 0), coalesce(refunds, 0), customers
from (
    select (ordered_at at time zone 'Europe/London')::date as day, count(*) as orders,
        sum(gross_amount) as gross, array_agg(distinct source_customer_id) as customers
    from raw.orders where tenant_id = 'online_retail' and gross_amount > 0 group by 1
) as o
full join (
    select (refunded_at at time zone 'Europe/London')::date as day, sum(amount) as refunds
    from raw.refunds where tenant_id = 'online_retail' group by 1
) as r on r.day = o.day
"""


@pytest.fixture(scope="module")
def files(warehouse_settings: Settings) -> list[Path]:
    folder = warehouse_settings.data_dir / "online_retail" / "by_day"
    found = sorted(folder.glob("*.csv.gz"))
    if not found:
        pytest.skip(f"there are no files in {folder}; name the data's folder in SOKOL_DATA")
    return found


@pytest.fixture(scope="module")
def books(files: list[Path]) -> Books:
    return read(files)


@pytest.fixture(scope="module")
def registered(
    warehouse_settings: Settings, files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> datetime:
    """Register the source with the lines of all days in one file; returns the first instant.

    657 loads of single days take minutes and are what ``make online-retail`` does; the mappings are the same.
    """
    folder = tmp_path_factory.mktemp("online_retail")
    shutil.copytree(PROJECT_ROOT / "include/connectors/online_retail", folder, dirs_exist_ok=True)
    days = [gzip.decompress(path.read_bytes()).splitlines(keepends=True) for path in files]
    header = days[0][0]
    assert all(day[0] == header for day in days)
    (folder / "all.csv").write_bytes(header + b"".join(line for day in days for line in day[1:]))
    yaml = (folder / "source.yml").read_text()
    daily = "${SOKOL_DATA}/online_retail/by_day/{start:%Y-%m-%d}.csv.gz"
    assert daily in yaml
    (folder / "source.yml").write_text(yaml.replace(daily, "all.csv"))
    ingest.register(folder, warehouse_settings)
    return datetime.fromisoformat(files[0].name[:10]).replace(tzinfo=LONDON)


@pytest.fixture(scope="module")
def warehouse(warehouse_settings: Settings, files: list[Path], registered: datetime) -> Iterator[Warehouse]:
    """Give the warehouse with every line landed and loaded as one long interval."""
    end = datetime.fromisoformat(files[-1].name[:10]).replace(tzinfo=LONDON) + timedelta(days=1)
    ingest.extract("online_retail", registered, end, warehouse_settings)
    ingest.load("online_retail", registered, end, warehouse_settings)
    with connect("loader", warehouse_settings) as open_warehouse:
        yield open_warehouse


def of_tenant(feed: str, select: str) -> str:
    return f"select {select} from raw.{feed} where tenant_id = 'online_retail'"


def test_the_files_hold_what_decision_0002_says(books: Books) -> None:
    """The figures that the rules were made from; other files may hold other things, and then want a look."""
    assert (books.lines, len(books.first_time)) == (320_705, 16_459)
    assert (len(books.gross), len([i for i in books.first_time if i.startswith("C")])) == (13_902, 2_554)
    assert [i for i in books.first_time if i.startswith("A")] == ["A563185", "A563186", "A563187"]
    assert (books.lines_without_customer, books.repeated_lines) == (88_652, 2_483)
    assert sum(len(times) > 1 for times in books.times.values()) == 38
    assert all(len(files) == 1 for files in books.files.values()), "no invoice spans two files"
    assert all(len(customers) == 1 for customers in books.customers.values())
    assert (books.stock_corrections, books.fee_lines) == (925, 49)
    assert len(books.gross) - sum(day.orders for day in books.days().values()) == 1_414


def test_every_line_is_an_order_item(warehouse: Warehouse, books: Books) -> None:
    [counts] = warehouse.rows(
        """
        select sum(records_read), sum(rows_read), sum(rows_loaded), sum(rows_quarantined), sum(rows_unchanged)
        from ops.loads where tenant_id = 'online_retail' and feed = 'order_items'
        """
    )
    assert [int(count) for count in counts] == [books.lines, books.lines, books.lines, 0, 0]
    assert warehouse.value(of_tenant("order_items", "count(*)")) == books.lines


def test_each_order_and_refund_has_its_amount(warehouse: Warehouse, books: Books) -> None:
    orders = dict(warehouse.rows(of_tenant("orders", "order_id, gross_amount")))
    refunds = dict(warehouse.rows(of_tenant("refunds", "refund_id, amount")))
    assert orders == dict(books.gross)
    assert refunds == dict(books.refunds)
    assert warehouse.value(of_tenant("refunds", "count(order_id)")) == 0, "credit notes name no order"


def test_each_day_has_its_orders_revenue_refunds_and_customers(warehouse: Warehouse, books: Books) -> None:
    found = {
        day: Day(int(orders), gross, refunds, {customer for customer in customers if customer})
        for day, orders, gross, refunds, customers in warehouse.rows(DAILY)
    }
    assert found == books.days()


def test_the_pounds_of_the_lines_are_all_accounted_for(warehouse: Warehouse, books: Books) -> None:
    """Lines = orders - refunds + fees + bad debt."""
    assert warehouse.value(of_tenant("order_items", "sum(line_amount)")) == books.total
    orders = warehouse.value(of_tenant("orders", "sum(gross_amount)"))
    refunds = warehouse.value(of_tenant("refunds", "sum(amount)"))
    assert books.total == orders - refunds + books.fees + books.bad_debt
    assert books.bad_debt == Decimal("-11062.06")
    fees = of_tenant("order_items", "sum(line_amount)") + " and item_type = 'fee'"
    assert warehouse.value(fees) == books.fees


def test_times_are_londons(warehouse: Warehouse, books: Books) -> None:
    """Each order's instant, read on London's clock, is what the file says."""
    found = of_tenant(
        "orders", "order_id, to_char(ordered_at at time zone 'Europe/London', 'YYYY-MM-DD HH24:MI:SS')"
    )
    assert dict(warehouse.rows(found)) == {invoice: books.first_time[invoice] for invoice in books.gross}
    summer = of_tenant("orders", "count(*)") + " and extract(hour from ordered_at at time zone 'UTC') = 5"
    assert warehouse.value(summer) == sum(
        books.first_time[invoice][11:13] == "06" and "2011-03-27" <= books.first_time[invoice] < "2011-10-30"
        for invoice in books.gross
    )


def test_single_days_are_the_same_rows(
    warehouse: Warehouse, warehouse_settings: Settings, files: list[Path]
) -> None:
    """The real source, day by day and backwards, over what the long interval loaded: every line is known."""
    ingest.register(PROJECT_ROOT / "include/connectors/online_retail", warehouse_settings)
    state = "select sum(hashtextextended(r::text, 0)::numeric), count(*) from {} as r"
    columns = "select order_id, line_id, _load_id, _row_hash from raw.order_items"
    before = warehouse.rows(state.format(f"({columns} where tenant_id = 'online_retail')"))
    chosen = [
        path for path in files if path.name[:10] in {"2010-12-01", "2011-03-27", "2011-04-18", "2011-08-12"}
    ]
    for path in reversed(chosen):
        start = datetime.fromisoformat(path.name[:10]).replace(tzinfo=LONDON)
        end = (start + timedelta(days=1)).replace(tzinfo=LONDON)
        assert len(ingest.extract("online_retail", start, end, warehouse_settings)) == 1
        by_day = [
            result
            for result in ingest.load("online_retail", start, end, warehouse_settings)
            if not result.skipped
        ]
        lines = len(gzip.decompress(path.read_bytes()).splitlines()) - 1
        assert {result.feed for result in by_day} == {"orders", "order_items", "refunds"}
        for result in by_day:
            assert result.rows_read == result.rows_unchanged, "nothing loaded, nothing refused"
        assert [result.rows_read for result in by_day if result.feed == "order_items"] == [lines]
    assert warehouse.rows(state.format(f"({columns} where tenant_id = 'online_retail')")) == before


def test_the_oracle_is_not_blind(books: Books, files: list[Path], tmp_path: Path) -> None:
    """A line left out, or one that counts twice, is a difference."""
    lines = gzip.decompress(files[0].read_bytes()).splitlines(keepends=True)
    shorter = tmp_path / files[0].name
    shorter.write_bytes(gzip.compress(b"".join(lines[:-1])))
    assert read([shorter]).days() != read([files[0]]).days()
    twice = tmp_path / "twice.csv.gz"
    twice.write_bytes(gzip.compress(b"".join([*lines, lines[1]])))
    assert read([twice]).days() != read([files[0]]).days()
