"""Whose books are kept: the tenants that the last build has published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from include.warehouse import Warehouse


class NotPublishedError(LookupError):
    """A tenant is held or unknown, so its money is not looked at; its books are made up for later."""


@dataclass(frozen=True)
class Tenant:
    """A published tenant: the zone of its days, and the day that its marts are built for."""

    tenant_id: str
    name: str
    time_zone: str
    as_of: date


def published(warehouse: Warehouse, only: Sequence[str] = ()) -> list[Tenant]:
    """Return the tenants that are published, by id; of these only some where any are named.

    Raises:
        NotPublishedError: one of those named is not.
    """
    rows = warehouse.rows(
        "select tenant_id, name, time_zone, as_of_date from intermediate.int_tenants__published"
        " order by tenant_id"
    )
    known = {row[0]: Tenant(*row) for row in rows}
    if unknown := sorted(set(only) - set(known)):
        raise NotPublishedError(
            f"tenant {', '.join(unknown)} is held or unknown; why one is held is in ops.held_tenants;"
            f" published are {', '.join(known) or 'none'}"
        )
    return [tenant for tenant in known.values() if not only or tenant.tenant_id in only]


def published_tenant(warehouse: Warehouse, tenant_id: str) -> Tenant:
    """Return one tenant; raises as ``published``."""
    [tenant] = published(warehouse, [tenant_id])
    return tenant
