"""Decisions of our own code as feeds: landed before they take effect, and loaded whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from include.feeds.landing import MANIFEST, Root, land, read_manifest
from include.feeds.load import LoadResult, load_file
from include.feeds.mapping import BUILT_IN, COLUMNS
from include.settings import Settings
from include.warehouse import Contract, Warehouse, load_contracts


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

    Entries of a book take turns: what was landed before is loaded before. So the order of landing, which is
    all that a replay knows, is the order in which entries came to stand.

    Args:
        warehouse: the loader's connection.
        feed: a feed whose contract says ``is_decision``.
        tenant_id: who is decided on.
        content: JSON Lines as bytes, or a Parquet file; columns as in the contract.
        source: part of the code that decides; one for all entries of a book.
        name: name of the file, told by what is decided, so that the same decision is landed once.
        at: instant of the decision (aware).
        settings: where the landing zone is.

    Raises:
        DecisionError: the loader refused a row; the message says why.
    """
    with turn(warehouse, load_contracts()[feed], f"{tenant_id}/{source}", settings):
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


@contextmanager
def turn(warehouse: Warehouse, contract: Contract, folder: str, settings: Settings) -> Iterator[None]:
    """Wait for the turn to land and load entries of a book; any other feed has no turns.

    What a writer landed before it was killed is loaded first.

    Args:
        warehouse: the loader's connection, in no transaction.
        contract: the feed's contract.
        folder: tenant and source, as the landing zone names them.
        settings: where the landing zone is.
    """
    if contract.kind != "book":
        yield
        return
    with warehouse.holding(f"sokol:book:{contract.feed}:{folder}"):
        root = Root(settings.landing_url)
        paths = [path.removesuffix(MANIFEST) for path in root.find(folder, MANIFEST)]
        left = warehouse.rows(
            """
            select given.path from unnest(%s::text[]) as given (path)
            where not exists (
                select from ops.landed_files f join ops.loads l using (file_id) where f.path = given.path
            )
            """,
            [paths],
        )
        waiting = [read_manifest(root.read_text(path + MANIFEST)) for (path,) in left]
        for landed in sorted(waiting, key=lambda file: (file.landed_at, file.path)):
            if contract.feed in landed.feeds:
                contracts = {contract.feed: contract}
                load_file(warehouse, landed, contract.feed, settings=settings, contracts=contracts)
        yield
