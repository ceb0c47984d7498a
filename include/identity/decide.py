"""Land what the matcher and its operators decide, as feeds of our own, before it takes effect."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from include.feeds.landing import land
from include.feeds.load import LoadResult, load_file
from include.feeds.mapping import BUILT_IN
from include.settings import Settings
from include.warehouse import Warehouse

SOURCE = "sokol_identity"


class DecisionError(RuntimeError):
    """A decision could not be loaded; nothing of it took effect."""


def decide(
    warehouse: Warehouse,
    feed: str,
    tenant_id: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    name: str,
    at: datetime,
    settings: Settings,
) -> LoadResult:
    """Land rows of a decision as one file of their day and load them.

    Args:
        warehouse: a connection as the loader.
        feed: ``customer_map``, ``identity_overrides`` or ``identity_runs``.
        tenant_id: whose customers are decided on.
        rows: the rows, JSON values; ``tenant_id`` is the file's.
        name: name of the file, told by what is decided, so that the same decision is landed once.
        at: instant of the decision (aware).
        settings: where the landing zone is.

    Raises:
        DecisionError: the loader refused a row; the message says why.
    """
    content = "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    landed = land(
        content.encode(),
        tenant_id=tenant_id,
        source=SOURCE,
        name=name,
        interval_start=day,
        interval_end=day + timedelta(days=1),
        feeds={feed: BUILT_IN},
        file_format="jsonl",
        settings=settings,
    )
    result = load_file(warehouse, landed, feed, settings=settings)
    if result.rows_quarantined:
        reason = warehouse.value(
            "select reason from ops.quarantine where load_id = %s limit 1", [result.load_id]
        )
        raise DecisionError(f"{feed} of tenant {tenant_id} was refused: {reason}; see ops.quarantine")
    return result
