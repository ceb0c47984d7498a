"""The quarantine: what was refused and why, and how it gets out again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from include.feeds.decision import turn
from include.feeds.landing import MANIFEST as MANIFEST_SUFFIX
from include.feeds.landing import LandedFile, Root, land, read_manifest
from include.feeds.load import LoadResult, load_file
from include.feeds.mapping import BUILT_IN
from include.settings import Settings, get_settings
from include.warehouse.contracts import Contract, load_contracts
from include.warehouse.postgres import Warehouse


class ReleaseError(ValueError):
    """A release that cannot be done: what is wrong and what to do."""


def open_rows(warehouse: Warehouse, feed: str | None = None, limit: int | None = None) -> Any:
    """Return the rows that are in quarantine now, as an Arrow table, oldest first.

    Args:
        warehouse: a connection that may read ``ops``.
        feed: only this feed's.
        limit: at most so many.
    """
    return warehouse.query(
        """
        select q.quarantine_id, q.feed, q.tenant_id, q.source, f.name as file, q.row, q.column_name, q.value,
            q.reason, q.content
        from ops.quarantine q join ops.landed_files f using (file_id)
        where q.released_load_id is null and (%(feed)s::text is null or q.feed = %(feed)s)
        order by q.quarantine_id limit %(limit)s
        """,
        {"feed": feed, "limit": limit},
    )


def release_by_mapping(
    warehouse: Warehouse,
    feed: str,
    *,
    settings: Settings | None = None,
    contracts: Mapping[str, Contract] | None = None,
) -> list[LoadResult]:
    """Load the files again from which rows of a feed are in quarantine, by the mapping as it is now.

    Rows that stand already are unchanged; a file whose mapping and contract have not changed is skipped.

    Returns:
        A result per file. What is still refused is in quarantine anew, with its new reason.
    """
    settings = settings or get_settings()
    paths = warehouse.rows(
        """
        select distinct f.path, f.landing_seq from ops.quarantine q join ops.landed_files f using (file_id)
        where q.feed = %s and q.released_load_id is null order by 2, 1
        """,
        [feed],
    )
    results = []
    for path, _ in paths:
        landed = _manifest(path, settings)
        results.append(load_file(warehouse, landed, feed, settings=settings, contracts=contracts))
    return results


def release_by_hand(
    warehouse: Warehouse,
    quarantine_id: int,
    corrections: Mapping[str, str | None],
    *,
    reason: str,
    released_by: str,
    settings: Settings | None = None,
    contracts: Mapping[str, Contract] | None = None,
) -> LoadResult:
    """Correct one refused row and load it; the decision is landed first, so that a replay repeats it.

    Args:
        warehouse: a connection as the loader.
        quarantine_id: the row's number in ``ops.quarantine``.
        corrections: contract column to its right value.
        reason: why this is the right value.
        released_by: who says so.
        settings: where the landing zone is.
        contracts: the contracts; the project's when left out.

    Raises:
        ReleaseError: when the row is not in quarantine, was no record at all, a column is unknown, no reason
            is given, or the corrected row is refused as well.
    """
    settings = settings or get_settings()
    contracts = load_contracts() if contracts is None else contracts
    if not reason.strip():
        raise ReleaseError("a release by hand needs a reason")
    found = warehouse.rows(
        """
        select q.feed, q.row, q.mapped, f.path, q.load_id
        from ops.quarantine q join ops.landed_files f using (file_id)
        where q.quarantine_id = %s and q.released_load_id is null
        """,
        [quarantine_id],
    )
    if not found:
        raise ReleaseError(f"row {quarantine_id} is not in quarantine (unknown or released already)")
    feed, row, mapped, path, _ = found[0]
    contract = contracts[feed]
    if mapped is None:
        raise ReleaseError(
            f"row {quarantine_id} is no record of its file, so that it has no columns to correct; "
            "land a corrected file of the same name"
        )
    if unknown := sorted(
        set(corrections) - set(contract.names) - {"_deleted"} | {"tenant_id"} & set(corrections)
    ):
        raise ReleaseError(f"{feed} has no columns {unknown} that could be corrected")
    origin = _manifest(path, settings)
    note = {"path": path, "row": row, "by": released_by, "reason": reason, "correction": dict(corrections)}
    record = {**mapped, **corrections, "_release": note}
    with turn(warehouse, contract, f"{origin.tenant_id}/{origin.source}", settings):
        landed = land(
            json.dumps(record, ensure_ascii=False).encode(),
            tenant_id=origin.tenant_id,
            source=origin.source,
            name=f"{origin.name}#{feed}-{row}.jsonl",
            interval_start=origin.interval_start,
            interval_end=origin.interval_end,
            feeds={feed: BUILT_IN},
            file_format="jsonl",
            time_zone=origin.time_zone,
            kind="release",
            landing_seq=origin.landing_seq,
            settings=settings,
        )
        result = load_file(warehouse, landed, feed, settings=settings, contracts=contracts)
    if result.rows_quarantined:
        why = warehouse.value("select reason from ops.quarantine where load_id = %s", [result.load_id])
        raise ReleaseError(f"the corrected row is refused as well: {why}; correct that too")
    return result


def parse_corrections(assignments: Sequence[str]) -> dict[str, str | None]:
    """Read ``column=value`` texts; an empty value is NULL.

    Raises:
        ReleaseError: when one has no ``=``.
    """
    corrections: dict[str, str | None] = {}
    for assignment in assignments:
        column, sign, value = assignment.partition("=")
        if not sign:
            raise ReleaseError(f"--set {assignment!r} is not column=value")
        corrections[column.strip()] = value or None
    return corrections


def _manifest(path: str, settings: Settings) -> LandedFile:
    landed = read_manifest(Root(settings.landing_url).read_text(path + MANIFEST_SUFFIX))
    return replace(landed, path=path)
