"""An operator's word about two records: landed before it takes effect, respected by every later run."""

import hashlib
from datetime import UTC, datetime
from typing import Literal

from include.identity.decide import decide
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect

Link = Literal["same", "different"]


class UnknownRecordError(LookupError):
    """The tenant has no such record."""


class UnknownOverrideError(LookupError):
    """The tenant has no such override in force."""


def override(
    tenant_id: str,
    left: str,
    right: str,
    link: Link,
    *,
    reason: str,
    decided_by: str,
    settings: Settings | None = None,
) -> str:
    """Say that two records are the same person's, or are not; return the id of the override.

    The next run of the matcher acts on it. Said again of the same two records, it replaces what was said
    before.

    Args:
        tenant_id: whose records they are.
        left: name of a record, as ``identity.customer_map`` and the review queue write it.
        right: name of the other.
        link: ``same`` or ``different``.
        reason: why, for whoever reads the log.
        decided_by: who says so.
        settings: where the warehouse and the landing zone are.

    Raises:
        UnknownRecordError: one of the records is not there.
        ValueError: both names are the same record, or the reason is empty.
    """
    settings = settings or get_settings()
    if left == right:
        raise ValueError(f"{left} is one record; an override is about two")
    if not reason.strip() or not decided_by.strip():
        raise ValueError("an override needs a reason and a name of who decides")
    left, right = sorted((left, right))
    with connect("loader", settings) as warehouse:
        ends = [_find(warehouse, tenant_id, name) for name in (left, right)]
        override_id = hashlib.sha256(f"{left}\n{right}".encode()).hexdigest()[:12]
        _say(
            warehouse,
            settings,
            tenant_id,
            override_id,
            ends,
            link=link,
            reason=reason,
            decided_by=decided_by,
            is_active=True,
        )
    return override_id


def withdraw(
    tenant_id: str, override_id: str, *, reason: str, decided_by: str, settings: Settings | None = None
) -> None:
    """Take an override back; the next run restores what the evidence says.

    Raises:
        UnknownOverrideError: no such override is in force.
    """
    settings = settings or get_settings()
    with connect("loader", settings) as warehouse:
        found = warehouse.rows(
            """
            select link, left_source, left_type, left_id, right_source, right_type, right_id
            from raw.identity_overrides
            where tenant_id = %s and override_id = %s and is_active and not _deleted
            """,
            [tenant_id, override_id],
        )
        if not found:
            raise UnknownOverrideError(
                f"tenant {tenant_id} has no override {override_id} in force; see identity.overrides"
            )
        link, *ends = found[0]
        _say(
            warehouse,
            settings,
            tenant_id,
            override_id,
            [tuple(ends[:3]), tuple(ends[3:])],
            link=link,
            reason=reason,
            decided_by=decided_by,
            is_active=False,
        )


def _find(warehouse: Warehouse, tenant_id: str, name: str) -> tuple[str, str, str]:
    found = warehouse.rows(
        "select record_source, record_type, record_key from identity.records"
        " where tenant_id = %s and record_name = %s",
        [tenant_id, name],
    )
    if not found:
        raise UnknownRecordError(
            f"tenant {tenant_id} has no record {name!r}; names stand in identity.records, as source:key,"
            " source:order:key or source:sale:key"
        )
    source, kind, key = found[0]
    return source, kind, key


def _say(
    warehouse: Warehouse,
    settings: Settings,
    tenant_id: str,
    override_id: str,
    ends: list[tuple[str, str, str]],
    *,
    link: str,
    reason: str,
    decided_by: str,
    is_active: bool,
) -> None:
    at = datetime.now(UTC)
    row = {
        "override_id": override_id,
        "link": link,
        **dict(zip(("left_source", "left_type", "left_id"), ends[0], strict=True)),
        **dict(zip(("right_source", "right_type", "right_id"), ends[1], strict=True)),
        "reason": reason,
        "decided_by": decided_by,
        "is_active": is_active,
        "decided_at": at.isoformat(),
    }
    decide(
        warehouse,
        "identity_overrides",
        tenant_id,
        [row],
        name=f"override-{override_id}.jsonl",
        at=at,
        settings=settings,
    )
