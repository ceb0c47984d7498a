"""Lines of the bank for the money that is due there, with planted breaks that can be told apart."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from include.demo.world.cast import DIGITS
from include.demo.world.clock import HOUR
from include.demo.world.orders import TRANSFER, Orders
from include.demo.world.scene import Scene
from include.demo.world.tables import NEVER, Bools, Ints, Minor, nulled, numbered, picked

STATES = (
    "matched",
    "amount_differs",
    "missing_in_gateway",
    "missing_order",
    "missing_in_bank",
    "duplicate",
    "currency_differs",
    "timing",
    "unexplained",
)
MATCHED, DIFFERS, NO_BANK, DOUBLE, TIMING, UNEXPLAINED = map(
    STATES.index,
    ("matched", "amount_differs", "missing_in_bank", "duplicate", "timing", "unexplained"),
)
GRACE = 2
"""Banking days after the day on which it is due until a line is missing."""


@dataclass(frozen=True)
class Due:
    """Money that is due at the bank, one element per expected line; amounts in minor units."""

    ids: pa.Array
    references: pa.Array
    """What the bank line says where it names it."""
    kind: str
    sender: pa.Array
    currency: Ints
    amount: Ints
    members: Ints
    """Payments, orders or sales in it."""
    day: Ints
    """Day on which it is due; the next banking day where it is none."""
    is_named: Bools
    """Whether the bank line says the reference."""
    is_reported: Bools
    """Whether a report says what is in it."""


def transfers(rng: np.random.Generator, scene: Scene, orders: Orders) -> Due:
    """Return what customers transfer to the bank themselves."""
    wired = np.flatnonzero((orders.method == TRANSFER) & (orders.paid_at != NEVER) & (orders.gross > 0))
    ids = orders.ids.take(pa.array(wired))
    return Due(
        ids=ids,
        references=ids,
        kind="transfer",
        sender=pa.repeat("CUSTOMER", len(wired)),
        currency=orders.currency[wired],
        amount=orders.gross[wired],
        members=np.ones(len(wired), dtype=np.int64),
        day=scene.calendar.day_of(orders.paid_at[wired]),
        is_named=rng.random(len(wired)) < 0.7,
        is_reported=np.ones(len(wired), dtype=bool),
    )


def is_lonely(group: Ints, amount: Ints, day: Ints, near: int = 10) -> Bools:
    """Tell which amounts no other of their group has within some days."""
    order = np.lexsort((day, amount, group))
    same = (group[order][1:] == group[order][:-1]) & (amount[order][1:] == amount[order][:-1])
    same &= day[order][1:] - day[order][:-1] <= near
    lonely = np.ones(len(group), dtype=bool)
    lonely[order[1:][same]] = False
    lonely[order[:-1][same]] = False
    return lonely


def book_lines(rng: np.random.Generator, scene: Scene, currencies: list[str], dues: list[Due]) -> None:
    """Write the lines of what was due, some of it wrong, twice or never, and lines that nothing explains."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    ids = pa.concat_arrays([d.ids for d in dues])
    references = pa.concat_arrays([d.references for d in dues])
    sender = pa.concat_arrays([d.sender for d in dues])
    currency, amount, named, reported = (
        np.concatenate([getattr(d, name) for d in dues])
        for name in ("currency", "amount", "is_named", "is_reported")
    )
    kinds = [d.kind for d in dues]
    kind = np.repeat(np.arange(len(dues)), [len(d.ids) for d in dues])
    booked = _banking_day(np.concatenate([d.day for d in dues]))
    fate = rng.random(len(ids))
    state = np.full(len(ids), MATCHED)
    state[fate < 0.008] = NO_BANK
    state[(fate >= 0.008) & (fate < 0.016)] = DIFFERS
    state[(fate >= 0.016) & (fate < 0.02)] = DOUBLE
    # Of what no report tells the parts, a wrong amount could be anything.
    state[~reported & (state != NO_BANK)] = MATCHED
    is_takings = np.array([name == "takings" for name in kinds])[kind]
    none = (amount == 0) | (is_takings & (amount < 0))
    state[none] = MATCHED
    in_time = booked <= calendar.last
    state[~in_time & ~none] = TIMING
    state[(state == NO_BANK) & (_after(booked, GRACE) > calendar.last)] = TIMING
    value = amount - np.where(state == DIFFERS, np.maximum(1, np.abs(amount) // 50), 0)
    group = (
        np.unique(np.array(sender.to_pylist(), dtype=str), return_inverse=True)[1] * len(currencies)
        + currency
    )
    _keep_apart(group, booked, amount, value, state)

    shown = np.flatnonzero(in_time & ~none & (state != NO_BANK) & (state != TIMING))
    twice = shown[state[shown] == DOUBLE]
    line = np.concatenate([shown, twice])

    others = max(6, (calendar.last - calendar.first + 1) // 4)
    other_day = calendar.first + np.sort(rng.integers(0, calendar.last - calendar.first + 1, others))
    other_currency = rng.integers(0, len(currencies), others)
    unit = np.array([1_000 if code == "VND" else 1 for code in currencies])[other_currency]
    other_value = unit * rng.integers(500, 90_000, others) * np.where(rng.random(others) < 0.7, -1, 1)

    booked_on = np.concatenate([booked[line], other_day])
    which = np.concatenate([currency[line], other_currency])
    is_transfer = np.array([name == "transfer" for name in kinds])[kind[line]]
    at = calendar.start_of(booked_on)
    line_ids = numbered("BL", np.arange(len(booked_on)), 8)
    book.write(
        "bank_lines",
        {
            "tenant_id": tenant.tenant_id,
            "account_id": picked([f"{tenant.tenant_id.upper()}-{code}-01" for code in currencies], which),
            "line_id": line_ids,
            "currency": picked(currencies, which),
            "amount": Minor(
                np.concatenate([value[line], other_value]),
                np.array([DIGITS[code] for code in currencies])[which],
            ),
            "description": pa.concat_arrays(
                [
                    picked(["PAYOUT", "TRANSFER"], is_transfer.astype(np.int64)),
                    picked(["RENT", "SALARY", "SERVICE FEE", "DEPOSIT"], np.arange(others) % 4),
                ]
            ),
            "counterparty": pa.concat_arrays([sender.take(pa.array(line)), pa.repeat("OTHER", others)]),
            "reference": pa.concat_arrays(
                [nulled(references.take(pa.array(line)), ~named[line]), pa.nulls(others, pa.string())]
            ),
            "booked_on": booked_on,
            "booked_at": at,
        },
        np.clip(at + 20 * HOUR, calendar.opens, calendar.ends - 1),
        "bank",
    )
    nothing = pa.nulls(others, pa.string())
    verdict = np.concatenate([state[line], np.full(others, UNEXPLAINED)])
    note_states(scene, "bank_line", line_ids, verdict, pa.concat_arrays([ids.take(pa.array(line)), nothing]))
    note_states(scene, "payout", ids, state, ids)
    book.note(
        "payouts",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, len(ids)),
                "payout_id": ids,
                "kind": picked(kinds, kind),
                "sender": sender,
                "currency": picked(currencies, currency),
                "net_minor": amount,
                "payments": np.concatenate([d.members for d in dues]),
                "booked_on": pa.array(booked.astype(np.int32)).cast(pa.date32()),
                "is_named": named,
                "is_reported": reported,
                "state": picked(STATES, state),
            }
        ),
    )


def _banking_day(days: Ints) -> Ints:
    """Return each day, or the Monday after it where it is none on which banks work."""
    weekday = (days + 3) % 7
    return days + np.where(weekday >= 5, 7 - weekday, 0)


def _after(days: Ints, banking_days: int) -> Ints:
    """Return the day some banking days after each banking day."""
    for _ in range(banking_days):
        days = _banking_day(days + 1)
    return days


def _keep_apart(group: Ints, booked: Ints, amount: Ints, value: Ints, state: Ints) -> None:
    """Undo breaks that cancel each other out, so that no book could show them.

    A line that is missing or wrong beside an equal one that came twice is one that came; a wrong amount that
    is another's right one is changed until it is nobody's.

    Args:
        group: sender and currency of each expected line.
        booked: day on which it is booked.
        amount: what was due, in minor units.
        value: what the line says; changed in place.
        state: the planted states; changed in place.
    """
    days: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place in range(len(group)):
        days[int(group[place]), int(amount[place])].append(place)
    near = 7
    for place in np.flatnonzero(state == DIFFERS).tolist():
        while any(
            abs(booked[other] - booked[place]) <= near for other in days.get((group[place], value[place]), ())
        ):
            value[place] -= 1
    for place in np.flatnonzero((state == NO_BANK) | (state == DIFFERS)).tolist():
        for other in days[group[place], amount[place]]:
            if state[other] == DOUBLE and abs(booked[other] - booked[place]) <= near:
                state[other] = MATCHED


def note_states(scene: Scene, side: str, keys: pa.Array, state: Ints, counterpart: pa.Array) -> None:
    """Note in which state of reconciliation each record truly is, and what it belongs to."""
    scene.book.note(
        "reconciliation",
        pa.table(
            {
                "tenant_id": pa.repeat(scene.tenant.tenant_id, len(state)),
                "side": pa.repeat(side, len(state)),
                "key": keys,
                "state": picked(STATES, state),
                "belongs_to": counterpart,
            }
        ),
    )
