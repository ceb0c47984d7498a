"""Decisions of our own code as feeds: landed before they take effect, and loaded whole or not at all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from include.feeds.landing import land
from include.feeds.load import LoadResult, load_file
from include.feeds.mapping import BUILT_IN, COLUMNS
from include.settings import Settings
from include.warehouse import Warehouse


class DecisionError(RuntimeError):
    """A decision could not be loaded; what stood before it stands."""


def land_decision(
    warehouse: Warehouse,
    feed: str,
    tenant_id: str,
    content: bytes | Path,
    *,
    source: str,
    name: str,
    at: datetime,
    settings: Settings,
) -> LoadResult:
    """Land a file of a decision in the day on which it was made, and load it.

    Args:
        warehouse: the loader's connection.
        feed: a feed whose contract says ``is_decision``.
        tenant_id: who is decided on.
        content: JSON Lines as bytes, or a Parquet file; columns as in the contract.
        source: part of the code that decides.
        name: name of the file, told by what is decided, so that the same decision is landed once.
        at: instant of the decision (aware).
        settings: where the landing zone is.

    Raises:
        DecisionError: the loader refused a row; the message says why.
    """
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    file_format: Literal["jsonl", "parquet"] = "jsonl" if isinstance(content, bytes) else "parquet"
    landed = land(
        content,
        tenant_id=tenant_id,
        source=source,
        name=name,
        interval_start=day,
        interval_end=day + timedelta(days=1),
        feeds={feed: BUILT_IN if file_format == "jsonl" else COLUMNS},
        file_format=file_format,
        settings=settings,
    )
    result = load_file(warehouse, landed, feed, settings=settings)
    if result.rows_quarantined:
        reason = warehouse.value(
            "select reason from ops.quarantine where load_id = %s limit 1", [result.load_id]
        )
        raise DecisionError(
            f"{feed} of tenant {tenant_id} was refused: {reason};"
            f" the rows are in ops.quarantine under load {result.load_id}"
        )
    return result
