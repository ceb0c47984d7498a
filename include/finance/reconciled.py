"""How a tenant's month stands in the reconciliation: records by side, state and currency."""

from collections.abc import Iterable
from dataclasses import dataclass

from include.finance.periods import first_day, last_day
from include.warehouse import Warehouse

SETTLED = ("matched", "timing", "void", "not_sales", "explained")
"""States that are no break: both sides agree, one may still come, no money moved, no sale is behind it, or
somebody has explained it."""


@dataclass(frozen=True)
class Reconciled:
    """So many records of a side are in a state, with an amount in units of the currency."""

    side: str
    state: str
    currency: str
    records: int
    amount: str


def reconciled(warehouse: Warehouse, tenant_id: str, month: str) -> list[Reconciled]:
    """Return how the records of a month stand, as ``marts.reconciliation_items`` shows them, sorted.

    A record's month is that of its day: an order's when it was paid, a payment's or refund's when it was
    made, a payout's when it was due, a line's when the bank booked it.
    """
    rows = warehouse.rows(
        "select side, state, currency, count(*), sum(amount) from marts.reconciliation_items"
        " where tenant_id = %s and item_date between %s and %s group by side, state, currency",
        [tenant_id, first_day(month), last_day(month)],
    )
    return sorted(
        (
            Reconciled(side, state, currency, count, str(amount))
            for side, state, currency, count, amount in rows
        ),
        key=lambda row: (row.side, row.state, row.currency),
    )


def open_items(rows: Iterable[Reconciled]) -> int:
    """Return how many records are open and not explained."""
    return sum(row.records for row in rows if row.state not in SETTLED)
