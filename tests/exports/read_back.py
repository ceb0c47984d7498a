"""Read an exported file back by its mapping in DuckDB alone, as the loader would."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from include.demo.exports import Exported
from include.demo.exports.show import Interval
from include.feeds.load import stage
from include.feeds.mapping import Mapping, read_mapping, set_variables
from include.feeds.records import open_records
from include.settings import Settings
from include.warehouse.contracts import load_contracts

LINE_FEEDS = ("order_items", "pos_sale_lines")


@dataclass(frozen=True)
class Back:
    """What came back of one feed from one file."""

    rows: list[dict[str, Any]]
    """Rows that may load, in contract columns; ``_extra`` beside them."""
    refused: int
    """Rows and records that go to quarantine."""
    reasons: list[Any]


def bounds(interval: Interval, zone: str) -> tuple[datetime, datetime]:
    """Instants of an interval of local days."""
    start, end = (datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) for day in interval)
    return start, end


def read_back(one: Exported, feed: str, zone: str, home: Path, change: tuple[str, str] | None = None) -> Back:
    """Read one feed of an exported file by its mapping.

    Args:
        one: the file.
        feed: a feed that it fills.
        zone: the tenant's time zone.
        home: folder that DuckDB may spill to.
        change: a text of the mapping's SQL and what to put in its place: a planted defect.
    """
    mapping = read_mapping(one.file.mapping(feed))
    if change:
        assert change[0] in mapping.sql, f"{one.file.mapping(feed)} does not say {change[0]!r}"
        mapping = Mapping(mapping.name, mapping.sql.replace(*change))
    start, end = bounds(one.interval, zone)
    settings = Settings(home=home)
    with open_records(
        one.path, one.file.format, name=one.path.name, options=one.file.options, settings=settings
    ) as records:
        set_variables(
            records.duck,
            tenant_id=one.tenant_id,
            source=one.source,
            time_zone=zone,
            interval_start=start,
            interval_end=end,
        )
        contract = load_contracts()[feed]
        staged = stage(records, contract, mapping)
        columns = ", ".join((*contract.names, "_extra"))
        rows = records.duck.sql(f"select {columns} from ({staged.clean()})").to_arrow_table().to_pylist()
        reasons = []
        if staged.refused:
            reasons = records.duck.sql("select reasons from refused").fetchall()
        return Back(rows, staged.refused + records.broken, reasons)


def compared(rows: list[dict[str, Any]], feed: str) -> Counter[tuple[Any, ...]]:
    """Rows as a bag of values in contract columns.

    Lines of orders and sales have no time of change in the systems' exports: the mapping gives that of their
    order or sale, so that it is left out here.
    """
    columns = [
        name for name in load_contracts()[feed].names if not (feed in LINE_FEEDS and name == "updated_at")
    ]
    return Counter(tuple(row[name] for name in columns) for row in rows)


def as_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows of a world's feed."""
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
