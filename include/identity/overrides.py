"""An operator's word about two records: landed before it takes effect, respected by every later run."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from include.identity.decide import decide
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect

Link = Literal["same", "different"]


@dataclass(frozen=True)
class Verdict:
    """What somebody says of two records, by their names.

    ``is_drawn``: the pair was drawn at random, so that it measures the matcher, whatever is said of it later.
    """

    tenant_id: str
    left: str
    right: str
    link: Link
    reason: str
    decided_by: str
    is_drawn: bool = False


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
    verdict = Verdict(tenant_id, left, right, link, reason, decided_by)
    return override_all([verdict], settings=settings)[0]


def override_all(verdicts: Sequence[Verdict], *, settings: Settings | None = None) -> list[str]:
    """Say it of many pairs at once, of each tenant all or nothing; return the ids of the overrides.

    Raises:
        UnknownRecordError: one of the records is not there.
        ValueError: both names are the same record, or a reason is empty.
    """
    settings = settings or get_settings()
    rows: dict[str, list[dict[str, Any]]] = {}
    with connect("loader", settings) as warehouse:
        drawn = {
            (tenant, override_id)
            for tenant, override_id in warehouse.rows(
                "select tenant_id, override_id from raw.identity_overrides where is_drawn and not _deleted"
            )
        }
        for verdict in verdicts:
            if verdict.left == verdict.right:
                raise ValueError(f"{verdict.left} is one record; an override is about two")
            if not verdict.reason.strip() or not verdict.decided_by.strip():
                raise ValueError("an override needs a reason and a name of who decides")
            left, right = sorted((verdict.left, verdict.right))
            override_id = hashlib.sha256(f"{left}\n{right}".encode()).hexdigest()[:12]
            row = {
                "override_id": override_id,
                **_ends(*(_find(warehouse, verdict.tenant_id, name) for name in (left, right))),
                "link": verdict.link,
                "is_drawn": verdict.is_drawn or (verdict.tenant_id, override_id) in drawn,
                "reason": verdict.reason,
                "decided_by": verdict.decided_by,
                "is_active": True,
            }
            rows.setdefault(verdict.tenant_id, []).append(row)
        for tenant_id, told in rows.items():
            _say(warehouse, settings, tenant_id, told)
    return [row["override_id"] for told in rows.values() for row in told]


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
            select link, is_drawn, left_source, left_type, left_id, right_source, right_type, right_id
            from raw.identity_overrides
            where tenant_id = %s and override_id = %s and is_active and not _deleted
            """,
            [tenant_id, override_id],
        )
        if not found:
            raise UnknownOverrideError(
                f"tenant {tenant_id} has no override {override_id} in force; see identity.overrides"
            )
        link, is_drawn, *ends = found[0]
        row = {
            "override_id": override_id,
            **_ends(ends[:3], ends[3:]),
            "link": link,
            "is_drawn": is_drawn,
            "reason": reason,
            "decided_by": decided_by,
            "is_active": False,
        }
        _say(warehouse, settings, tenant_id, [row])


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


def _ends(left: Sequence[str], right: Sequence[str]) -> dict[str, str]:
    parts = ("source", "type", "id")
    return {
        **{f"left_{part}": value for part, value in zip(parts, left, strict=True)},
        **{f"right_{part}": value for part, value in zip(parts, right, strict=True)},
    }


def _say(warehouse: Warehouse, settings: Settings, tenant_id: str, rows: Sequence[dict[str, Any]]) -> None:
    at = datetime.now(UTC)
    many = f"-and-{len(rows) - 1}" if len(rows) > 1 else ""
    decide(
        warehouse,
        "identity_overrides",
        tenant_id,
        [row | {"decided_at": at.isoformat()} for row in rows],
        name=f"override-{rows[0]['override_id']}{many}.jsonl",
        at=at,
        settings=settings,
    )
