"""Hand-made rows through the real doors: files, registration, landing zone, loader."""

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from include.connectors import ingest, registry
from include.settings import Settings
from tests.oracle.rows import contract

SOURCE = "made"


def load_rows(
    settings: Settings,
    feeds: Mapping[str, Sequence[Mapping[str, Any]]],
    start: date,
    end: date,
    *,
    name: str = SOURCE,
) -> None:
    """Land and load rows of any feeds and tenants as one interval of a source per tenant.

    The rows are written as JSON Lines in the contract's columns, registered with a mapping that takes each
    column as it is, then landed and loaded by the same calls that the DAGs make. Call it again for a later
    interval, or for the same one with other rows.

    Args:
        settings: where the warehouse, landing zone and registrations are.
        feeds: feed -> rows in contract columns; columns beyond the contract go to ``_extra``. The first call
            for a tenant must bring its row of ``tenants``, because it names the zone of the interval.
        start: first day of the interval, in the tenant's zone.
        end: day after the last.
        name: tells several sources of one tenant apart.
    """
    tenants = {row["tenant_id"]: row for row in feeds.get("tenants", ())}
    for tenant_id in sorted({row["tenant_id"] for rows in feeds.values() for row in rows}):
        folder = settings.home / "made" / f"{tenant_id}_{name}"
        registration = folder / registry.SOURCE_FILE
        if tenant_id in tenants or not registration.exists():
            write_registration(folder, tenant_id, tenants[tenant_id]["time_zone"], name)
            ingest.register(folder, settings)
        interval = folder / "data" / f"{start}_{end}"
        shutil.rmtree(interval, ignore_errors=True)
        interval.mkdir(parents=True)
        for feed, rows in feeds.items():
            own = [row for row in rows if row["tenant_id"] == tenant_id]
            if own:
                lines = "".join(f"{json.dumps(row, default=text_of)}\n" for row in own)
                (interval / f"{feed}.jsonl").write_text(lines, encoding="utf-8")
        source = registry.parse(folder)
        zone = ZoneInfo(source.config.time_zone)
        bounds = [datetime(day.year, day.month, day.day, tzinfo=zone) for day in (start, end)]
        ingest.extract(source.name, bounds[0], bounds[1], settings)
        ingest.load(source.name, bounds[0], bounds[1], settings)


def write_registration(folder: Path, tenant_id: str, time_zone: str, name: str) -> None:
    """Write a source that takes every feed from a JSON Lines file of its name, column by column."""
    folder.mkdir(parents=True, exist_ok=True)
    feeds = sorted(path.parent.name for path in contracts())
    for feed in feeds:
        columns = [
            f"record ->> '{column}' as {column}" for column in contract(feed).types if column != "tenant_id"
        ]
        mapping = "select\n    _row,\n    " + ",\n    ".join(columns) + "\nfrom source\n"
        (folder / f"{feed}.sql").write_text(mapping, encoding="utf-8")
    config = {
        "tenant": tenant_id,
        "source": name,
        "name": f"{tenant_id}_{name}".lower(),
        "time_zone": time_zone,
        "start": date(2000, 1, 1),
        "files": [
            {"path": f"data/{{start}}_{{end}}/{feed}.jsonl", "feeds": {feed: f"{feed}.sql"}} for feed in feeds
        ],
    }
    (folder / registry.SOURCE_FILE).write_text(yaml.safe_dump(config), encoding="utf-8")


def contracts() -> list[Path]:
    """Return the files of all feed contracts."""
    from tests.oracle.rows import CONTRACTS

    return sorted(CONTRACTS.glob("*/*.yml"))


def text_of(value: Any) -> str:
    """Write what JSON has no type for: exact decimals, days and instants as text."""
    if isinstance(value, Decimal | date | datetime):
        return value.isoformat() if isinstance(value, date) else str(value)
    raise TypeError(f"{value!r} cannot be written to JSON")
