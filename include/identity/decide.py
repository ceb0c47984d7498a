"""Land what the matcher and its operators decide, as feeds of our own, before it takes effect."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from include.feeds.decision import land_decision
from include.feeds.load import LoadResult
from include.settings import Settings
from include.warehouse import Warehouse

SOURCE = "sokol_identity"


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
    return land_decision(
        warehouse, feed, tenant_id, content.encode(), source=SOURCE, name=name, at=at, settings=settings
    )
