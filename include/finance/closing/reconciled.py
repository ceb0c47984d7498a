"""How a tenant's month stands in the reconciliation: records by side, state and currency."""

from collections.abc import Iterable
from dataclasses import dataclass

from include.finance.periods import first_day, last_day
from include.warehouse import Warehouse


@dataclass(frozen=True, order=True)
class Reconciled:
    """How many records of a side are in a state, and their amount in units of the currency, as text."""

    side: str
    state: str
    currency: str
    records: int
    amount: str
    is_open: bool


def reconciled(warehouse: Warehouse, tenant_id: str, month: str) -> list[Reconciled]:
    """Return how the records of a month stand, as ``marts.reconciliation_items`` shows them, sorted.

    A record's month is that of its day: an order's when it was paid, a payment's or refund's when it was
    made, a payout's when it was due, a line's when the bank booked it.
    """
    rows = warehouse.rows(
        "select side, state, currency, count(*), sum(amount)::text, is_open from marts.reconciliation_items"
        " where tenant_id = %s and item_date between %s and %s group by side, state, currency, is_open",
        [tenant_id, first_day(month), last_day(month)],
    )
    return sorted(Reconciled(*row) for row in rows)


def open_items(rows: Iterable[Reconciled]) -> int:
    """Return how many records are open and not explained."""
    return sum(row.records for row in rows if row.is_open)
