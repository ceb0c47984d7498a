"""A shop of made-up customers in a warehouse of its own."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from benchmarks.synthetic import synthetic
from include.feeds.landing import land
from include.feeds.load import load_file
from include.feeds.mapping import BUILT_IN
from include.settings import Settings
from include.warehouse import connect

DAY = datetime(2026, 3, 1, tzinfo=UTC)
TENANT = "acme"
COLUMNS = (
    "first_name", "last_name", "email", "phone", "birth_date", "street", "city", "postcode", "loyalty_card",
)  # fmt: skip


def rows(first: int, last: int) -> list[dict[str, Any]]:
    """Made-up customers by number, as a shop would export them."""
    made = synthetic(1_200, 5).slice(first, last - first).to_pylist()
    return [
        {
            "source_customer_id": row["record_id"],
            **{column: row.get(column) for column in COLUMNS},
            "birth_date": real_day(row.get("birth_date")),
            "country_code": row.get("country"),
            "created_at": DAY.isoformat(),
            "updated_at": DAY.isoformat(),
        }
        for row in made
    ]


def real_day(text: str | None) -> str | None:
    try:
        return str(date.fromisoformat(text or ""))
    except ValueError:
        return None


def bring(
    settings: Settings,
    feed: str,
    told: Sequence[Mapping[str, Any]],
    *,
    source: str = "shop",
    tenant: str = TENANT,
) -> None:
    content = "".join(json.dumps(row) + "\n" for row in told)
    landed = land(
        content.encode(),
        tenant_id=tenant,
        source=source,
        name=f"{feed}.jsonl",
        interval_start=DAY,
        interval_end=DAY + timedelta(days=1),
        feeds={feed: BUILT_IN},
        file_format="jsonl",
        settings=settings,
    )
    with connect("loader", settings) as warehouse:
        load_file(warehouse, landed, feed, settings=settings)
        assert warehouse.rows("select column_name, value, reason from ops.quarantine") == []
