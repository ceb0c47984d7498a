"""Sales and returns at the tills of a tenant's stores."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from include.demo.world.cast import DIGITS
from include.demo.world.clock import DAY, HOUR, Calendar
from include.demo.world.goods import Baskets, Catalogue, fill, line_columns
from include.demo.world.ledger import Reversals, note_events
from include.demo.world.money import vat_within
from include.demo.world.orders import note_unlinked
from include.demo.world.people import Records, note_record_persons, person_ids
from include.demo.world.scene import Scene
from include.demo.world.tables import NEVER, Bools, Floats, Ints, Minor, nulled, numbered, picked, present

STATUS = ("open", "completed", "voided")
METHODS = ("cash", "card", "wallet")


@dataclass(frozen=True)
class Sales:
    """A tenant's sales at the till, one element per sale; money in minor units."""

    person: Ints
    named: Bools
    """Whether it tells who bought: a customer, or an e-mail, phone or card."""
    sold_at: Ints
    gross: Ints
    completed_at: Ints
    """``NEVER`` where the sale does not count."""
    store: Ints
    method: Ints
    """Index into ``METHODS``."""
    returned: Ints
    """What was given back in cash at the first store; one element per return."""
    returned_at: Ints


def ring_up(
    rng: np.random.Generator,
    scene: Scene,
    catalogue: Catalogue,
    records: Records,
    *,
    person: Ints,
    record: Ints,
    known: Bools,
    spend: Floats,
    sold_at: Ints,
) -> Sales:
    """Ring up sales and returns, write them and note their truth.

    Args:
        rng: source of chance.
        scene: whose stores they are.
        catalogue: what is sold.
        records: how persons are known.
        person: person of each sale.
        record: place of what the till was told of the person; -1 where it was told nothing.
        known: whether it was told a customer that it keeps.
        spend: spend level of each person.
        sold_at: instants, ascending.
    """
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    rows, ends = len(person), calendar.ends
    source, currency = tenant.store or "", tenant.store_currency
    digits = DIGITS[currency]
    none = np.zeros(rows, dtype=np.int64)
    sale_share = np.where(rng.random(rows) < 0.1, 10, 0)
    percent = np.where(rng.random(rows) < 0.003, 100, sale_share)
    baskets = fill(
        rng, catalogue, [currency], none, spend=spend, percent=percent, ships=np.zeros(rows, dtype=bool)
    )
    fate = rng.choice(3, rows, p=[0.008, 0.97, 0.022])
    vat = vat_within(baskets.gross, tenant.vat_bp)
    tells_vat = source == "square"
    if tells_vat:
        vat = np.where(rng.random(rows) < 0.15, 0, vat)
    completed = np.where((fate == 1) & (baskets.gross > 0), sold_at, NEVER)
    ids = numbered("S", np.arange(rows), 8)

    which, amount, back_at = _returns(rng, calendar, baskets.gross, sold_at, fate)
    lost = max(2, rows // 400) if rows else 0
    lost_at = np.sort(
        calendar.within(
            calendar.first + rng.integers(0, calendar.last - calendar.first + 1, lost),
            0.4 + 0.4 * rng.random(lost),
        )
    )
    unit = 1_000 if digits == 0 else 1
    lost_amount = unit * (rng.integers(40, 600, lost) if digits == 0 else rng.integers(400, 9_000, lost))
    return_ids = numbered("T", np.arange(len(which) + lost), 8)

    voided_at = np.minimum(sold_at + rng.integers(60, 5 * HOUR, rows), ends - 1)
    late = np.where(rng.random(rows) < 0.03, rng.integers(HOUR, 2 * DAY, rows), rng.integers(30, 900, rows))
    place = pa.array(record, mask=record < 0)
    store = person % max(1, tenant.stores)
    method = rng.integers(0, len(METHODS), rows)
    base = {
        "sale_id": ids,
        "store_id": numbered("store-", store + 1, 1),
        "sale_type": picked(["sale"], none),
        "source_customer_id": nulled(records.ids.take(place), ~known),
        "customer_name": records.name.take(place),
        "email": records.email.take(place),
        "phone": records.phone.take(place),
        "loyalty_card": records.card.take(place),
        "payment_method": picked(METHODS, method),
    }
    shared = {"tenant_id": tenant.tenant_id, "source": source, "currency": currency}
    void = np.flatnonzero(fate == 2)
    opened = np.flatnonzero((fate == 1) & (rng.random(rows) < 0.03))
    first_state = np.where(fate == 2, 1, fate)
    for taken, state, at in (
        (opened, np.zeros(len(opened), dtype=np.int64), sold_at[opened] - 1),
        (np.arange(rows), first_state, sold_at),
        (void, fate[void], voided_at[void] + 1),
    ):
        book.write(
            "pos_sales",
            {
                **shared,
                **{name: values.take(pa.array(taken)) for name, values in base.items()},
                "status": picked(STATUS, state),
                "gross_amount": Minor(baskets.gross[taken], digits),
                "discount_amount": Minor(baskets.discount[taken], digits),
                "vat_amount": Minor(
                    vat[taken], digits, None if tells_vat else np.ones(len(taken), dtype=bool)
                ),
                "sold_at": sold_at[taken],
                "updated_at": at,
            },
            np.clip(at + late[taken], calendar.opens, ends - 1),
            source,
        )
    _write_lines(
        scene, catalogue, ids, baskets, sold_at=sold_at, available=np.minimum(sold_at + late, ends - 1)
    )

    all_at = np.concatenate([back_at, lost_at])
    all_amount = np.concatenate([amount, lost_amount])
    original = np.concatenate([which, np.full(lost, -1)])
    strange = np.concatenate([np.zeros(len(which), dtype=bool), rng.random(lost) < 0.4])
    named = (
        nulled(ids.take(pa.array(np.maximum(original, 0))), original < 0)
        if rows
        else pa.nulls(len(all_at), pa.string())
    )
    unknown = numbered("S", 90_000_000 + np.arange(len(all_at)), 8)
    back_vat = vat_within(all_amount, tenant.vat_bp)
    book.write(
        "pos_sales",
        {
            **shared,
            "sale_id": return_ids,
            "store_id": "store-1",
            "sale_type": "return",
            "original_sale_id": _either(strange, unknown, named),
            "status": "completed",
            "gross_amount": Minor(all_amount, digits),
            "discount_amount": Minor(np.zeros_like(all_amount), digits),
            "vat_amount": Minor(back_vat, digits, None if tells_vat else np.ones(len(all_at), dtype=bool)),
            "payment_method": "cash",
            "sold_at": all_at,
            "updated_at": all_at,
        },
        np.minimum(all_at + 300, ends - 1),
        source,
    )
    back = Baskets(
        order=np.arange(len(all_at)),
        line=np.ones(len(all_at), dtype=np.int64),
        product=rng.integers(0, len(catalogue.skus), len(all_at)),
        quantity=np.ones(len(all_at), dtype=np.int64),
        price=all_amount,
        amount=all_amount,
        gross=all_amount,
        discount=np.zeros_like(all_amount),
        shipping=np.zeros_like(all_amount),
    )
    _write_lines(
        scene, catalogue, return_ids, back, sold_at=all_at, available=np.minimum(all_at + 300, ends - 1)
    )

    note_events(
        scene,
        [currency],
        reference=picked([source], none),
        ids=ids,
        kol=pa.nulls(rows, pa.string()),
        credit=picked(["store"], none),
        currency=none,
        completed_at=completed,
        cancelled_at=np.full(rows, NEVER),
        gross=baskets.gross,
        vat=vat,
        rate_bp=none,
        reversals=Reversals(which, back_at, np.arange(len(which)), amount),
    )
    lost_ids = return_ids.slice(len(which))
    zero = np.zeros(lost, dtype=np.int64)
    note_unlinked(
        scene,
        [currency],
        source=picked([source], zero),
        ids=lost_ids,
        currency=zero,
        at=lost_at,
        amount=lost_amount,
    )
    book.note(
        "sales",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, rows),
                "source": pa.repeat(source, rows),
                "sale_id": ids,
                "person_id": person_ids(person),
                "source_customer_id": base["source_customer_id"],
                "completed_at": completed,
            }
        ),
    )
    named = known | present(base["email"], base["phone"], base["loyalty_card"])
    left = np.flatnonzero(named & ~known)
    note_record_persons(scene, "sale", picked([source], none[left]), ids.take(pa.array(left)), person[left])
    return Sales(
        person,
        named,
        sold_at,
        baskets.gross,
        completed,
        store=store,
        method=method,
        returned=all_amount,
        returned_at=all_at,
    )


def _either(which: Bools, left: pa.Array, right: pa.Array) -> pa.Array:
    """``left`` where ``which``, otherwise ``right``."""
    texts = np.where(which, left.to_numpy(zero_copy_only=False), right.to_numpy(zero_copy_only=False))
    return pa.array(texts, pa.string())


def _returns(
    rng: np.random.Generator, calendar: Calendar, gross: Ints, sold_at: Ints, fate: Ints
) -> tuple[Ints, Ints, Ints]:
    """Returns with a receipt: whole, in part, twice, and of sales that do not count."""
    kind = rng.random(len(gross))
    paid = gross > 0
    full = np.flatnonzero(paid & (kind < 0.025))
    part = np.flatnonzero(paid & (kind >= 0.025) & (kind < 0.045))
    again = part[rng.random(len(part)) < 0.2]
    void = np.flatnonzero(paid & (fate == 2) & (rng.random(len(gross)) < 0.05))
    which = np.concatenate([full, part, again, void])
    amount = np.concatenate(
        [gross[full], np.maximum(1, gross[part] * 2 // 5), gross[again] * 3 // 5 + 1, gross[void]]
    )
    at = sold_at[which] + HOUR + rng.exponential(9 * DAY, len(which)).astype(np.int64)
    at[len(full) + len(part) :] += DAY
    inside = at < calendar.ends
    which, amount, at = which[inside], amount[inside], at[inside]
    order = np.argsort(at, kind="stable")
    return which[order], amount[order], at[order]


def _write_lines(
    scene: Scene, catalogue: Catalogue, ids: pa.Array, baskets: Baskets, *, sold_at: Ints, available: Ints
) -> None:
    """Write the lines of sales or returns."""
    tenant = scene.tenant
    digits = np.full(len(baskets.order), DIGITS[tenant.store_currency])
    scene.book.write(
        "pos_sale_lines",
        {
            "tenant_id": tenant.tenant_id,
            "source": tenant.store,
            "currency": tenant.store_currency,
            "sale_id": ids.take(pa.array(baskets.order)),
            **line_columns(catalogue, baskets, digits),
            "sold_at": sold_at[baskets.order],
            "updated_at": sold_at[baskets.order],
        },
        available[baskets.order],
        tenant.store or "",
    )
