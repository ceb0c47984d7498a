"""Hand-made rows through the real doors: landing zone, contract, loader."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from include.feeds import landing
from include.feeds.load import LoadResult, load_landed
from include.settings import Settings
from include.warehouse import connect

SOURCE = "made"


def load_rows(
    settings: Settings,
    feeds: Mapping[str, Sequence[Mapping[str, Any]]],
    start: date,
    end: date,
    *,
    zones: Mapping[str, str] | None = None,
) -> list[LoadResult]:
    """Land and load rows of any feeds and tenants as one interval per tenant and feed.

    The rows are written as JSON Lines in the contract's columns, landed, and loaded by the built-in mapping.
    Call it again for a later interval, or for the same one with other rows (the next version of that file).

    Args:
        settings: where the prepared warehouse and the landing zone are.
        feeds: feed -> rows in contract columns, ``tenant_id`` in each; ``_deleted: true`` makes a tombstone.
        start: first day of the interval, in the tenant's zone.
        end: day after the last.
        zones: tenant -> zone, for tenants whose row of ``tenants`` is not among ``feeds``.

    Returns:
        The control totals per tenant and feed.
    """
    known = dict(zones or {}) | {row["tenant_id"]: row["time_zone"] for row in feeds.get("tenants", ())}
    results: list[LoadResult] = []
    with connect("loader", settings) as warehouse:
        for feed, rows in feeds.items():
            for tenant_id in sorted({row["tenant_id"] for row in rows}):
                zone = ZoneInfo(known[tenant_id])
                own = [row for row in rows if row["tenant_id"] == tenant_id]
                lines = "".join(f"{json.dumps(row, default=text_of)}\n" for row in own)
                landed = landing.land(
                    lines.encode(),
                    tenant_id=tenant_id,
                    source=SOURCE,
                    name=f"{feed}.jsonl",
                    interval_start=datetime(start.year, start.month, start.day, tzinfo=zone),
                    interval_end=datetime(end.year, end.month, end.day, tzinfo=zone),
                    feeds={feed: "contract"},
                    file_format="jsonl",
                    time_zone=zone.key,
                    settings=settings,
                )
                results += load_landed(warehouse, landed, settings=settings)
    return results


def text_of(value: Any) -> str:
    """Write what JSON has no type for: exact decimals, days and instants as text."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{value!r} cannot be written to JSON")
