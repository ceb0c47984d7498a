"""How a tenant's month stands in the reconciliation: records by side, state and currency."""

from collections.abc import Iterable
from dataclasses import dataclass

from include.finance.periods import first_day, last_day
from include.warehouse import Warehouse

SETTLED = ("matched", "timing", "void", "not_sales", "by_bank", "explained")
"""States that are no break: both sides agree, one may still come, no money moved, or somebody has explained
it. An order by transfer (``by_bank``) is as settled as its due at the bank, which is counted there."""


@dataclass(frozen=True)
class Reconciled:
    """So many records of a side are in a state, with an amount in units of the currency."""

    side: str
    state: str
    currency: str
    records: int
    amount: str


def reconciled(warehouse: Warehouse, tenant_id: str, month: str, *, zone: str) -> list[Reconciled]:
    """Return how the records of a month stand, sorted; open ones that are explained by hand as ``explained``.

    A record's month is that of its day: an order's when it was completed, a payment's or refund's when it was
    made, a payout's when it was due, a line's when the bank booked it.
    """
    values = {
        "tenant": tenant_id, "zone": zone, "first": first_day(month), "last": last_day(month),
        "settled": list(SETTLED),
    }  # fmt: skip
    rows = warehouse.rows(_STATES, values)
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


_STATES = """
    with records as (
        select 'order' as side, states.source, states.order_id as record_id, states.state, states.currency,
            states.gross_amount as amount, orders.completed_date as day
        from finance.order_states as states
        inner join marts.tracked_orders as orders
            on states.tenant_id = orders.tenant_id and states.source = orders.source
            and states.order_id = orders.order_id
        where states.tenant_id = %(tenant)s and states.is_completed
        union all
        select side, source, receipt_id, state, currency, amount, (paid_at at time zone %(zone)s)::date
        from finance.receipt_states where tenant_id = %(tenant)s
        union all
        select 'refund', source, refund_id, state, currency, amount, (refunded_at at time zone %(zone)s)::date
        from finance.refund_states where tenant_id = %(tenant)s
        union all
        select 'payout', source, payout_id, state, currency, amount, due_on
        from finance.payout_states where tenant_id = %(tenant)s
        union all
        select 'bank_line', account_id, line_id, state, currency, amount, booked_on
        from finance.line_states where tenant_id = %(tenant)s
    ),
    explained as (
        select distinct on (side, item_source, item_id) side, item_source, item_id, is_withdrawn
        from raw.finance_explanations
        where tenant_id = %(tenant)s
        order by side, item_source, item_id, explained_at desc, explanation_id desc
    )
    select
        records.side,
        case
            when records.state <> all(%(settled)s) and not explained.is_withdrawn then 'explained'
            else records.state
        end as told,
        records.currency, count(*), sum(records.amount)
    from records
    left join explained
        on records.side = explained.side and records.source = explained.item_source
        and records.record_id = explained.item_id
    where records.day between %(first)s and %(last)s
    group by 1, 2, 3
"""
