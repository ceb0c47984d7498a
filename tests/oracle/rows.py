"""Clean feed rows: every value in the Python type that its feed's contract names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import yaml

Row = dict[str, Any]
FeedInput: TypeAlias = Any
"""A table of pyarrow, a frame of pandas, or a sequence of mappings."""

PROJECT_ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = PROJECT_ROOT / "dbt_project" / "models" / "staging"

FEEDS = (
    "tenants", "kols", "kol_contracts", "tracking_tokens", "clicks", "orders", "refunds", "remittances",
    "pos_sales", "ad_spend", "fx_rates", "customer_map",
)  # fmt: skip
"""The feeds that the figures depend on."""


@dataclass(frozen=True)
class Contract:
    """What the oracle needs of a feed's contract: its key and its columns' types."""

    key: tuple[str, ...]
    types: dict[str, str]


@cache
def contract(feed: str) -> Contract:
    """Read the key and column types of ``feed`` from its source definition."""
    text = (CONTRACTS / feed / f"{feed}.yml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)["sources"][0]["tables"][0]
    types = {column["name"]: str(column["data_type"]) for column in table["columns"]}
    return Contract(tuple(table["config"]["meta"]["key"]), types)


def clean_rows(feed: str, rows: FeedInput) -> list[Row]:
    """Return the rows of ``feed`` as dicts with every contract column, typed.

    Args:
        feed: name of the feed.
        rows: current rows, one per key; absent columns are null, others are left out.

    Raises:
        ValueError: two rows share a key, or a number came as a float (which cannot be exact).
    """
    spec = contract(feed)
    if isinstance(rows, pa.Table):
        records: Sequence[Mapping[str, Any]] = rows.select(
            [name for name in rows.column_names if name in spec.types]
        ).to_pylist()
    elif isinstance(rows, pd.DataFrame):
        records = cast("list[Row]", rows.to_dict("records"))
    else:
        records = rows
    cleaned = [
        {name: typed(record.get(name), kind) for name, kind in spec.types.items()} for record in records
    ]
    seen: set[tuple[Any, ...]] = set()
    for row in cleaned:
        key = tuple(row[name] for name in spec.key)
        if key in seen:
            raise ValueError(f"{feed}: the key {key} stands twice; give one current row per key")
        seen.add(key)
    return cleaned


def click_frame(rows: FeedInput) -> pd.DataFrame:
    """Return the clicks as a frame; a million of them are too many for dicts."""
    spec = contract("clicks")
    if isinstance(rows, pa.Table):
        frame = rows.to_pandas()
    elif isinstance(rows, pd.DataFrame):
        frame = rows.copy()
    else:
        frame = pd.DataFrame(list(rows))
    for name in spec.types:
        if name not in frame.columns:
            frame[name] = None
    frame = cast("pd.DataFrame", frame)[list(spec.types)].reset_index(drop=True)
    frame["clicked_at"] = pd.to_datetime(frame["clicked_at"], utc=True, format="ISO8601").astype(
        "datetime64[us, UTC]"
    )
    for name, kind in spec.types.items():
        if kind == "text":
            frame[name] = frame[name].astype("str")
    frame["is_prefetch"] = frame["is_prefetch"].astype(bool)
    if frame.duplicated(list(spec.key)).any():
        raise ValueError("clicks: a key stands twice; give one current row per key")
    return frame


def typed(value: Any, kind: str) -> Any:
    """Return ``value`` in the Python type of the contract type ``kind``; None for any null."""
    if value is None or value is pd.NaT or (isinstance(value, float) and isnan(value)):
        return None
    if kind == "text":
        return str(value)
    if kind.startswith("numeric"):
        if isinstance(value, float):
            raise ValueError(f"{value!r} is a float; give money and rates as Decimal, int or text")
        return value if isinstance(value, Decimal) else Decimal(str(value))
    if kind in ("integer", "bigint"):
        return int(value)
    if kind == "boolean":
        return bool(value)
    if kind == "date":
        return date_of(value)
    if kind == "timestamptz":
        return instant(value)
    raise ValueError(f"the oracle does not know the contract type {kind!r}; add it to typed()")


def date_of(value: Any) -> date:
    """Return a calendar day from a date or ISO text."""
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def instant(value: Any) -> datetime:
    """Return an aware UTC instant from a datetime or ISO text; a naive one is refused."""
    moment = value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
    if not isinstance(moment, datetime):
        moment = datetime.fromisoformat(str(moment))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no zone; give instants with their offset")
    return moment.astimezone(UTC)


def local_day(moment: datetime, zone: str) -> date:
    """Return the calendar day of an instant in ``zone``."""
    return moment.astimezone(ZoneInfo(zone)).date()


def local_hour(moment: datetime, zone: str) -> datetime:
    """Return the UTC instant at which the local hour of ``moment`` began."""
    local = moment.astimezone(ZoneInfo(zone))
    return moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
