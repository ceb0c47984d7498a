"""Made-up persons as customers of one shop in a warehouse of one's own."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.synthetic import synthetic
from include.feeds.landing import land
from include.feeds.load import load_file
from include.feeds.mapping import BUILT_IN
from include.settings import Settings
from include.warehouse import connect

TENANT, SOURCE = "acme", "shop"
DAY = datetime(2026, 3, 1, tzinfo=UTC)
_TENANT = (
    "select 'Acme' as name, 'US' as country_code, 'UTC' as time_zone, 'USD' as reporting_currency,"
    " 0.1 as vat_rate, 0.5 as gross_margin, 720 as attribution_window_hours, 90 as churn_window_days,"
    " '2026-03-01T00:00:00Z' as updated_at"
)
_CUSTOMERS = """
    select record_id as source_customer_id, first_name, last_name, email, phone,
        try_cast(birth_date as date) as birth_date, street, city, postcode,
        country as country_code, loyalty_card,
        '2026-03-01T00:00:00Z' as created_at,
        '2026-03-01T00:00:00Z' as updated_at
    from persons order by record_id
"""


def persons(count: int, seed: int) -> pa.Table:
    """Return made-up records with their ``person``, in an order that tells nothing."""
    made = duckdb.connect()
    made.register("made", synthetic(count, seed))
    return made.sql("select * from made order by hash(record_id)").to_arrow_table()


def open_shop(settings: Settings) -> None:
    """Make the tenant known."""
    _load(settings, "tenants", _TENANT, "tenants")


def bring(settings: Settings, table: pa.Table, name: str) -> None:
    """Land and load records as customers of the shop."""
    _load(settings, "customers", _CUSTOMERS, name, table)


def customers(settings: Settings) -> pa.Table:
    """Return each record's customer as it stands: ``record_id``, ``customer_id``."""
    with connect("loader", settings) as warehouse:
        return warehouse.query("select record_key as record_id, customer_id from identity.records")


def _load(settings: Settings, feed: str, query: str, name: str, made: pa.Table | None = None) -> None:
    duck = duckdb.connect()
    if made is not None:
        duck.register("persons", made)
    with tempfile.TemporaryDirectory(prefix="sokol-persons-") as folder:
        path = Path(folder) / f"{name}.jsonl"
        duck.execute(f"copy ({query}) to '{path}' (format json)")
        landed = land(
            path,
            tenant_id=TENANT,
            source=SOURCE,
            name=path.name,
            interval_start=DAY,
            interval_end=DAY + timedelta(days=1),
            feeds={feed: BUILT_IN},
            file_format="jsonl",
            settings=settings,
        )
    with connect("loader", settings) as warehouse:
        result = load_file(warehouse, landed, feed, settings=settings)
    if result.rows_quarantined:
        raise RuntimeError(f"{result.rows_quarantined} rows of {name} were refused")
