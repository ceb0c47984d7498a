"""The ledger of truth: what each completion, refund and cancellation changed, noted as it happens."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from include.demo.world.cast import DIGITS
from include.demo.world.money import Left, Rate, converted, left_of
from include.demo.world.scene import Scene
from include.demo.world.tables import NEVER, Ints, picked

COMPLETION, REFUND, CANCELLATION = range(3)


@dataclass(frozen=True)
class Reversals:
    """Succeeded refunds of a tenant's orders, in minor units of the order's currency."""

    order: Ints
    at: Ints
    number: Ints
    amount: Ints


def note_events(
    scene: Scene,
    currencies: list[str],
    *,
    reference: pa.Array,
    ids: pa.Array,
    kol: pa.Array,
    credit: pa.Array,
    currency: Ints,
    completed_at: Ints,
    cancelled_at: Ints,
    gross: Ints,
    vat: Ints,
    rate_bp: Ints,
    reversals: Reversals,
) -> None:
    """Note the events of orders that count; amounts are what an event changes, in reporting currency.

    Args:
        scene: whose orders they are.
        currencies: codes that ``currency`` points into.
        reference: source system of each order.
        ids: id of each order.
        kol: KOL of each order, null for none.
        credit: how each order is credited.
        currency: currency of each order.
        completed_at: instants; ``NEVER`` where the order does not count.
        cancelled_at: instants of cancellations of paid orders.
        gross: minor units.
        vat: minor units.
        rate_bp: commission rate in hundredths of a percent.
        reversals: refunds of any of the orders.
    """
    tenant, calendar, rates, book = scene.tenant, scene.calendar, scene.rates, scene.book
    done = np.flatnonzero(completed_at != NEVER)
    undone = np.flatnonzero((completed_at != NEVER) & (cancelled_at != NEVER))
    back = np.flatnonzero(completed_at[reversals.order] != NEVER)
    refunded = reversals.order[back]
    order = np.concatenate([done, refunded, undone])
    kind = np.concatenate(
        [np.full(len(done), COMPLETION), np.full(len(back), REFUND), np.full(len(undone), CANCELLATION)]
    )
    at = np.concatenate(
        [completed_at[done], np.maximum(reversals.at[back], completed_at[refunded]), cancelled_at[undone]]
    )
    number = np.concatenate([np.zeros(len(done)), reversals.number[back], np.zeros(len(undone))]).astype(
        np.int64
    )
    amount = np.concatenate([np.zeros(len(done)), reversals.amount[back], np.zeros(len(undone))]).astype(
        np.int64
    )
    # A completion opens its order's events even where a refund is booked on the same instant.
    sequence = np.lexsort((number, kind, at, kind != COMPLETION, order))
    order, kind, at, amount = order[sequence], kind[sequence], at[sequence], amount[sequence]

    opening = np.flatnonzero(kind == COMPLETION)
    place = np.searchsorted(opening, np.arange(len(order)), side="right") - 1
    refunds = np.cumsum(amount)
    refunds = refunds - refunds[opening][place]
    closed = np.cumsum(kind == CANCELLATION)
    closed = closed - closed[opening][place]
    reversed_ = np.where(closed > 0, np.maximum(refunds, gross[order]), refunds)

    day = calendar.day_of(completed_at[order])
    now = converted(
        left_of(gross[order], vat[order], reversed_, rate_bp[order]),
        currency[order],
        _list(rates, currencies),
        day,
    )
    is_first = kind == COMPLETION
    change = Left(
        *(
            values - np.where(is_first, 0, np.concatenate([[0], values[:-1]]) if len(values) else values)
            for values in (now.gross, now.vat, now.net, now.commission)
        )
    )
    taken = pa.array(order)
    rows = len(order)
    book.note(
        "events",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, rows),
                "source": reference.take(taken),
                "id": ids.take(taken),
                "kol_id": kol.take(taken),
                "credit": credit.take(taken),
                "kind": picked(["completion", "refund", "cancellation"], kind),
                "date": pa.array(calendar.day_of(at).astype(np.int32)).cast(pa.date32()),
                "at": at,
                "orders": is_first.astype(np.int64),
                "gross": np.where(is_first, change.gross, 0),
                "refunds": np.where(is_first, 0, -change.gross),
                "vat": change.vat,
                "commission": change.commission,
                "digits": pa.repeat(pa.scalar(DIGITS[tenant.reporting], pa.int64()), rows),
            }
        ),
    )


def _list(rates: dict[str, Rate], currencies: list[str]) -> list[Rate]:
    """Rates in the order of ``currencies``."""
    return [rates[code] for code in currencies]
