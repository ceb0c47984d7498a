"""Orders through their states and refunds, with each event's money noted as it happens."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.demo.world.cast import DIGITS
from include.demo.world.clock import DAY, HOUR
from include.demo.world.credit import EVIDENCE, NAMES, STORIES, Evidence
from include.demo.world.goods import Baskets, Catalogue, item_types, line_columns
from include.demo.world.kols import Cast
from include.demo.world.ledger import Reversals, note_events
from include.demo.world.money import vat_within
from include.demo.world.people import Records, note_record_persons, person_ids
from include.demo.world.scene import Scene
from include.demo.world.tables import NEVER, Bools, Ints, Minor, nulled, numbered, picked, present

FATES = {
    "kept": 0.885,
    "never_paid": 0.035,
    "cancelled_unpaid": 0.025,
    "cancelled_before_payment": 0.004,
    "cancelled_after_payment": 0.03,
    "authorized_only": 0.006,
    "test": 0.008,
    "free": 0.007,
}
FATE = {name: number for number, name in enumerate(FATES)}
CARD, WALLET, TRANSFER, COD, MARKET = range(5)
METHODS = ("card", "wallet", "bank_transfer", "cod", "marketplace")
EXCLUSIONS = ("test", "non_positive", "cancelled_before_payment", "not_paid")


@dataclass(frozen=True)
class Purchases:
    """Who orders where and when: one element per order, by time."""

    person: Ints
    shop: Ints
    record: Ints
    """Place of the person's record at the shop."""
    guest: Bools
    ordered_at: Ints
    currency: Ints
    currencies: list[str]
    """Codes that ``currency`` points into."""


@dataclass(frozen=True)
class Terms:
    """What becomes of orders (index into ``FATES``), how they are paid, and their discount in percent."""

    fate: Ints
    method: Ints
    percent: Ints


@dataclass
class Orders:
    """A tenant's online orders as they truly went, one element per order; money in minor units."""

    ids: pa.Array
    source: Ints
    currency: Ints
    currencies: list[str]
    method: Ints
    fate: Ints
    person: Ints
    named: Bools
    """Whether it tells who ordered: by an account, or by a guest's e-mail or phone."""
    ordered_at: Ints
    paid_at: Ints
    collected_at: Ints
    """When the courier was paid; ``NEVER`` unless paid on delivery."""
    reported_at: Ints
    """When the courier's report shows it; ``NEVER`` where it never does within the simulated days."""
    cancelled_at: Ints
    completed_at: Ints
    """``NEVER`` where the order does not count."""
    gross: Ints
    vat: Ints
    refund_order: Ints
    refund_at: Ints
    refund_amount: Ints
    refund_known: Bools
    """Refunds that succeeded within the simulated days."""


def agree(rng: np.random.Generator, scene: Scene, purchases: Purchases, evidence: Evidence) -> Terms:
    """Decide each order's fate, payment method and discount."""
    tenant, shop, rows = scene.tenant, purchases.shop, len(purchases.person)
    fate = rng.choice(len(FATES), rows, p=np.array(list(FATES.values())) / sum(FATES.values()))
    attributes = np.array([s.attributes for s in tenant.shops])[shop]
    method = rng.choice([CARD, WALLET, TRANSFER], rows, p=[0.5, 0.4, 0.1])
    on_delivery = rng.random(rows) < tenant.cod_share
    local = np.array([s.currency == "VND" for s in tenant.shops])[shop]
    method = np.where(on_delivery & local, COD, method)
    method = np.where(attributes, MARKET, method)
    has_coupon = ~pc.is_null(evidence.coupon).to_numpy(zero_copy_only=False)
    sale = np.where(rng.random(rows) < 0.08, rng.choice([5, 12, 20], rows), 0)
    percent = np.where(has_coupon, 10, sale)
    percent = np.where(fate == FATE["free"], 100, percent)
    return Terms(fate, method, percent)


def run(
    rng: np.random.Generator,
    scene: Scene,
    cast: Cast,
    *,
    purchases: Purchases,
    terms: Terms,
    catalogue: Catalogue,
    records: Records,
    baskets: Baskets,
    evidence: Evidence,
) -> Orders:
    """Let each order live, write what the shops show of it, and note the truth of its money."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    person, shop, ordered_at = purchases.person, purchases.shop, purchases.ordered_at
    record, guest = purchases.record, purchases.guest
    currency, currencies = purchases.currency, purchases.currencies
    fate, method = terms.fate, terms.method
    rows = len(person)
    ids = numbered("", 100_000 + np.arange(rows), 8)
    is_test = fate == FATE["test"]
    cod, market = method == COD, method == MARKET
    ends = calendar.ends

    wait = np.where(rng.random(rows) < 0.2, 0, rng.exponential(900, rows)).astype(np.int64)
    wait = np.where(method == TRANSFER, rng.integers(600, 2 * DAY, rows), wait)
    collected = ordered_at + rng.integers(DAY, 6 * DAY, rows)
    paid = np.where(cod, collected + rng.integers(60, 8 * HOUR, rows), ordered_at + wait)
    unpaid = np.isin(fate, [FATE["never_paid"], FATE["cancelled_unpaid"], FATE["authorized_only"]])
    paid = np.where(unpaid, NEVER, paid)
    collected = np.where(cod & ~unpaid & ~is_test, collected, NEVER)
    cancelled = np.full(rows, NEVER)
    early = fate == FATE["cancelled_unpaid"]
    cancelled[early] = ordered_at[early] + rng.integers(60, 3 * DAY, int(early.sum()))
    crossed = np.flatnonzero(fate == FATE["cancelled_before_payment"])
    # The money came although the order had been cancelled: it was paid, and still it does not count.
    cancelled[crossed] = ordered_at[crossed] + 120
    collected[crossed] = NEVER
    paid[crossed] = ordered_at[crossed] + rng.integers(3 * HOUR, DAY, len(crossed))
    undone = np.flatnonzero(fate == FATE["cancelled_after_payment"])
    after = np.where(rng.random(len(undone)) < 0.05, 0, rng.integers(60, 9 * DAY, len(undone)))
    cancelled[undone] = paid[undone] + after
    paid = np.where(paid >= ends, NEVER, paid)
    collected = np.where((collected >= ends) | (paid == NEVER), NEVER, collected)
    cancelled = np.where(cancelled >= ends, NEVER, cancelled)

    told = (collected != NEVER) & (rng.random(rows) < 0.97)
    reported = np.where(told, collected + DAY + rng.integers(0, 2 * DAY, rows), NEVER)
    reported = np.where(reported >= ends, NEVER, reported)
    counts = (paid != NEVER) & ~is_test & (baskets.gross > 0) & (fate != FATE["cancelled_before_payment"])
    completed = np.where(counts, np.where(reported != NEVER, collected, paid), NEVER)

    gives_vat = np.array([s.gives_vat for s in tenant.shops])[shop]
    derived = vat_within(baskets.gross, tenant.vat_bp)
    reduced = rng.random(rows) < 0.12
    told_vat = np.where(reduced, derived // 2, derived)
    vat = np.where(gives_vat, told_vat, derived)
    orders = Orders(
        ids=ids,
        source=shop,
        currency=currency,
        currencies=currencies,
        method=method,
        fate=fate,
        person=person,
        named=~guest | present(records.email.take(pa.array(record)), records.phone.take(pa.array(record))),
        ordered_at=ordered_at,
        paid_at=paid,
        collected_at=collected,
        reported_at=reported,
        cancelled_at=cancelled,
        completed_at=completed,
        gross=baskets.gross,
        vat=vat,
        refund_order=np.zeros(0, dtype=np.int64),
        refund_at=np.zeros(0, dtype=np.int64),
        refund_amount=np.zeros(0, dtype=np.int64),
        refund_known=np.zeros(0, dtype=bool),
    )
    sources = [s.source for s in tenant.shops]
    reversals = _refund(rng, scene, orders)
    digits = np.array([DIGITS[code] for code in currencies])[currency]
    place_of = pa.array(record)
    columns = {
        "order_id": ids,
        "source": picked(sources, shop),
        "source_customer_id": nulled(records.ids.take(place_of), guest),
        "customer_name": records.name.take(place_of),
        "email": nulled(records.email.take(place_of), market),
        "phone": nulled(records.phone.take(place_of), market),
        "shipping_address": records.address.take(place_of),
        "token": evidence.token,
        "click_id": evidence.click_id,
        "visitor_id": nulled(evidence.visitor_id, market),
        "coupon_code": evidence.coupon,
        "source_kol_ref": evidence.source_kol_ref,
        "payment_method": picked(METHODS, method),
        "currency": picked(currencies, currency),
        "gross_amount": Minor(baskets.gross, digits),
        "discount_amount": Minor(baskets.discount, digits),
        "shipping_amount": Minor(baskets.shipping, digits),
        "vat_amount": Minor(vat, digits, ~gives_vat),
        "is_test": is_test,
        "ordered_at": ordered_at,
    }
    delay = np.where(rng.random(rows) < 0.03, rng.integers(6 * HOUR, 3 * DAY, rows), 0)
    _write_versions(rng, scene, columns, orders, delay)
    line_digits = digits[baskets.order]
    taken = pa.array(baskets.order)
    book.write(
        "order_items",
        {
            "tenant_id": tenant.tenant_id,
            "source": columns["source"].take(taken),
            "order_id": ids.take(taken),
            **line_columns(catalogue, baskets, line_digits),
            "item_type": item_types(baskets),
            "currency": columns["currency"].take(taken),
            "ordered_at": ordered_at[baskets.order],
            "updated_at": ordered_at[baskets.order],
        },
        np.minimum(ordered_at + delay, ends - 1)[baskets.order],
        columns["source"].take(taken),
    )
    guests = np.flatnonzero(guest & orders.named)
    note_record_persons(
        scene, "order", picked(sources, shop[guests]), ids.take(pa.array(guests)), person[guests]
    )
    first_of_key = _first_of(np.where(guest, -1, record), completed)
    note_events(
        scene,
        currencies,
        reference=columns["source"],
        ids=ids,
        kol=nulled(picked(cast.kol_ids, evidence.kol), evidence.kol < 0),
        credit=_credit(evidence),
        currency=currency,
        completed_at=completed,
        cancelled_at=np.where(counts, cancelled, NEVER),
        gross=baskets.gross,
        vat=vat,
        rate_bp=evidence.rate_bp,
        reversals=reversals,
    )
    _note_orders(scene, cast, columns, orders, evidence=evidence, counts=counts, first_of_key=first_of_key)
    return orders


def _credit(evidence: Evidence) -> pa.Array:
    """How each order is credited: to a KOL, by its source, or to nobody."""
    source = evidence.by == EVIDENCE.index("source")
    return picked(["none", "kol", "source"], np.where(source, 2, (evidence.by >= 0).astype(np.int64)))


def _first_of(key: Ints, completed: Ints) -> Bools:
    """Orders that are the first which their key completed; ties go to the smaller order id."""
    done = np.flatnonzero((completed != NEVER) & (key >= 0))
    order = done[np.lexsort((done, completed[done], key[done]))]
    first = np.zeros(len(key), dtype=bool)
    if len(order):
        first[order[np.concatenate([[True], key[order][1:] != key[order][:-1]])]] = True
    return first


def _write_versions(
    rng: np.random.Generator,
    scene: Scene,
    columns: dict[str, object],
    orders: Orders,
    delay: Ints,
) -> None:
    """Write each order's states as its shop shows them, late ones late and some old ones once more."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    rows, ends = len(orders.ids), calendar.ends
    every = np.arange(rows)
    none = np.full(rows, NEVER)
    sent = np.where(
        (orders.paid_at != NEVER) & (orders.cancelled_at == NEVER),
        orders.paid_at + rng.integers(DAY, 4 * DAY, rows),
        NEVER,
    )
    sent = np.where(sent >= ends, NEVER, sent)
    held = np.where(orders.fate == FATE["authorized_only"], orders.ordered_at + 5, NEVER)
    held = np.where(held >= ends, NEVER, held)
    crossed = orders.fate == FATE["cancelled_before_payment"]
    paid_later = np.where(
        crossed & (orders.cancelled_at != NEVER) & (orders.paid_at != NEVER), orders.paid_at, NEVER
    )
    paid = np.where(paid_later != NEVER, NEVER, orders.paid_at)
    cancelled_paid = np.where(crossed, none, orders.paid_at)
    states = [
        # state, known from, paid_at shown, cancelled_at shown
        ("pending", orders.ordered_at, none, none),
        ("authorized", held, none, none),
        ("paid", paid, paid, none),
        ("fulfilled", sent, orders.paid_at, none),
        ("cancelled", orders.cancelled_at, cancelled_paid, orders.cancelled_at),
        ("cancelled", paid_later, orders.paid_at, orders.cancelled_at),
    ]
    which = np.concatenate([every[known != NEVER] for _, known, _, _ in states])
    state = np.concatenate([np.full((known != NEVER).sum(), n) for n, (_, known, _, _) in enumerate(states)])
    known, paid_at, cancelled_at = (
        np.concatenate([s[part][s[1] != NEVER] for s in states]) for part in (1, 2, 3)
    )
    available = np.minimum(known + delay[which], ends - 1)
    stale = np.flatnonzero((state == 0) & (rng.random(len(which)) < 0.005))
    again = np.minimum(available[stale] + rng.integers(HOUR, 3 * DAY, len(stale)), ends - 1)
    rows_of = np.concatenate([np.arange(len(which)), stale])
    which, state, known = which[rows_of], state[rows_of], known[rows_of]
    taken = pa.array(which)
    written = {name: _taken(value, which, taken) for name, value in columns.items()}
    source = written["source"]
    assert isinstance(source, pa.Array)
    book.write(
        "orders",
        {
            **written,
            "tenant_id": tenant.tenant_id,
            "status": picked([name for name, *_ in states], state),
            "paid_at": paid_at[rows_of],
            "cancelled_at": cancelled_at[rows_of],
            "updated_at": known,
        },
        np.concatenate([available, again]),
        source,
    )


def _taken(value: object, which: Ints, taken: pa.Array) -> object:
    """The values of some orders."""
    if isinstance(value, Minor):
        digits = value.digits[which] if isinstance(value.digits, np.ndarray) else value.digits
        return Minor(value.units[which], digits, None if value.missing is None else value.missing[which])
    if isinstance(value, np.ndarray):
        return value[which]
    assert isinstance(value, pa.Array)
    return value.take(taken)


def _refund(
    rng: np.random.Generator,
    scene: Scene,
    orders: Orders,
) -> Reversals:
    """Give money back: wholly, in parts, twice, beyond the rest, before completion, after a cancellation."""
    calendar = scene.calendar
    ends = calendar.ends
    money = np.flatnonzero((orders.paid_at != NEVER) & (orders.gross > 0))
    kind = rng.random(len(money))
    picks: list[tuple[Ints, Ints, Ints]] = []

    def give(which: Ints, amount: Ints, at: Ints) -> None:
        picks.append((which, amount, at))

    def later(which: Ints, mean_days: float) -> Ints:
        return orders.paid_at[which] + HOUR + rng.exponential(mean_days * DAY, len(which)).astype(np.int64)

    full = money[kind < 0.03]
    give(full, orders.gross[full], later(full, 10))
    part = money[(kind >= 0.03) & (kind < 0.06)]
    share = rng.uniform(0.05, 0.95, len(part))
    give(part, np.maximum(1, (orders.gross[part] * share).astype(np.int64)), later(part, 12))
    thrice = money[(kind >= 0.06) & (kind < 0.072)]
    third = np.maximum(1, orders.gross[thrice] // 3)
    at = later(thrice, 6)
    same_second = rng.random(len(thrice)) < 0.2
    for number in range(3):
        give(thrice, third + number, np.where(same_second, at, at + number * 2 * DAY))
    beyond = money[(kind >= 0.072) & (kind < 0.075)]
    give(beyond, orders.gross[beyond], later(beyond, 5))
    give(beyond, np.maximum(1, orders.gross[beyond] // 10), orders.paid_at[beyond] + 9 * DAY)
    sooner = money[(kind >= 0.075) & (kind < 0.078) & (orders.collected_at[money] != NEVER)]
    give(sooner, np.maximum(1, orders.gross[sooner] // 4), orders.collected_at[sooner] - 2 * HOUR)
    cancelled = np.flatnonzero(
        (orders.cancelled_at != NEVER) & (orders.paid_at != NEVER) & (orders.gross > 0)
    )
    fate = rng.random(len(cancelled))
    at_once = cancelled[fate < 0.15]
    give(at_once, orders.gross[at_once], orders.cancelled_at[at_once])
    repaid = cancelled[(fate >= 0.15) & (fate < 0.6)]
    give(repaid, orders.gross[repaid], orders.cancelled_at[repaid] + rng.integers(HOUR, 6 * DAY, len(repaid)))
    ahead = cancelled[(fate >= 0.6) & (fate < 0.75)]
    give(
        ahead,
        np.maximum(1, orders.gross[ahead] // 3),
        np.maximum(orders.cancelled_at[ahead] - HOUR, orders.ordered_at[ahead]),
    )
    overpaid = cancelled[(fate >= 0.75) & (fate < 0.8)]
    give(overpaid, orders.gross[overpaid] * 11 // 10, orders.cancelled_at[overpaid] + 2 * DAY)

    order, amount, at = (np.concatenate(part) for part in zip(*picks, strict=True))
    ascending = np.argsort(at, kind="stable")
    order, amount, at = order[ascending], amount[ascending], at[ascending]
    inside = at < ends
    order, amount, at = order[inside], amount[inside], at[inside]
    count = len(order)
    status = rng.choice([0, 1, 2], count, p=[0.94, 0.03, 0.03])
    slow = (status == 0) & (rng.random(count) < 0.15)
    booked = np.where(slow, at + rng.integers(HOUR, 5 * DAY, count), at + 30)
    shown_done = (status == 0) & (booked < ends)
    late = np.where(rng.random(count) < 0.05, rng.integers(HOUR, 3 * DAY, count), 0)
    refunds = _Refunds(order, amount, at, status, slow, booked, late)
    _write_refunds(scene, orders, refunds)
    _unlinked(rng, scene, orders, count)
    orders.refund_order, orders.refund_at = order, at
    orders.refund_amount, orders.refund_known = amount, shown_done
    known = np.flatnonzero(shown_done)
    return Reversals(order[known], at[known], known, amount[known])


@dataclass(frozen=True)
class _Refunds:
    """Refunds that were decided, by time."""

    order: Ints
    amount: Ints
    at: Ints
    status: Ints
    slow: Bools
    """Whether it stood as pending first."""
    booked: Ints
    late: Ints
    """Seconds by which its rows are late."""


def _write_refunds(scene: Scene, orders: Orders, refunds: _Refunds) -> None:
    """Write refunds: slow ones first as pending; some rows late."""
    tenant, ends, book = scene.tenant, scene.calendar.ends, scene.book
    order, amount, at = refunds.order, refunds.amount, refunds.at
    slow, booked, late = refunds.slow, refunds.booked, refunds.late
    ids = numbered("R", np.arange(len(order)), 7)
    sources = [shop.source for shop in tenant.shops]
    digits = np.array([DIGITS[code] for code in orders.currencies])[orders.currency[order]]
    final = np.flatnonzero(booked < ends)
    waiting = np.flatnonzero(slow)
    for which, state, known in (
        (waiting, np.full(len(waiting), 1), at[waiting]),
        (final, refunds.status[final], booked[final]),
    ):
        source = picked(sources, orders.source[order[which]])
        book.write(
            "refunds",
            {
                "tenant_id": tenant.tenant_id,
                "source": source,
                "refund_id": ids.take(pa.array(which)),
                "order_id": orders.ids.take(pa.array(order[which])),
                "status": picked(["succeeded", "pending", "failed"], state),
                "currency": picked(orders.currencies, orders.currency[order[which]]),
                "amount": Minor(amount[which], digits[which]),
                "reason": picked(["changed mind", "damaged", "late", "other"], which % 4),
                "refunded_at": at[which],
                "updated_at": known,
            },
            np.minimum(known + late[which], ends - 1),
            source,
        )


def _unlinked(
    rng: np.random.Generator,
    scene: Scene,
    orders: Orders,
    taken: int,
) -> None:
    """Refunds that name no order, or one that nobody knows; they stand in the tenant's totals alone."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    count = max(3, len(orders.ids) // 700)
    span = calendar.last - calendar.first + 1
    days = calendar.first + (np.sort(rng.random(count)) * span).astype(np.int64)
    at = calendar.within(days, rng.random(count) * 0.99)
    shop = rng.integers(0, len(tenant.shops), count)
    currency = np.array([orders.currencies.index(s.currency) for s in tenant.shops])[shop]
    digits = np.array([DIGITS[code] for code in orders.currencies])[currency]
    amount = np.where(digits == 0, 1_000 * rng.integers(40, 900, count), rng.integers(300, 12_000, count))
    nameless = rng.random(count) < 0.6
    source = picked([s.source for s in tenant.shops], shop)
    ids = numbered("R", taken + np.arange(count), 7)
    book.write(
        "refunds",
        {
            "tenant_id": tenant.tenant_id,
            "source": source,
            "refund_id": ids,
            "order_id": nulled(numbered("", 90_000_000 + np.arange(count), 8), nameless),
            "status": "succeeded",
            "currency": picked(orders.currencies, currency),
            "amount": Minor(amount, digits),
            "reason": "unknown receipt",
            "refunded_at": at,
            "updated_at": at + 30,
        },
        np.minimum(at + 30, calendar.ends - 1),
        source,
    )
    note_unlinked(scene, orders.currencies, source=source, ids=ids, currency=currency, at=at, amount=amount)


def note_unlinked(
    scene: Scene,
    currencies: list[str],
    *,
    source: pa.Array,
    ids: pa.Array,
    currency: Ints,
    at: Ints,
    amount: Ints,
) -> None:
    """Note refunds without an order, at their own day's rate and the tenant's VAT."""
    tenant, calendar, rates, book = scene.tenant, scene.calendar, scene.rates, scene.book
    day = calendar.day_of(at)
    gross, vat = np.zeros_like(amount), np.zeros_like(amount)
    for index, code in enumerate(currencies):
        own = currency == index
        gross[own] = rates[code].convert(amount[own], day[own])
        vat[own] = rates[code].convert(vat_within(amount[own], tenant.vat_bp), day[own])
    rows = len(amount)
    zero = np.zeros(rows, dtype=np.int64)
    book.note(
        "events",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, rows),
                "source": source,
                "id": ids,
                "kol_id": pa.nulls(rows, pa.string()),
                "credit": pa.repeat("unlinked", rows),
                "kind": pa.repeat("refund", rows),
                "date": pa.array(day.astype(np.int32)).cast(pa.date32()),
                "at": at,
                "orders": zero,
                "gross": zero,
                "refunds": gross,
                "vat": -vat,
                "commission": zero,
                "digits": pa.repeat(pa.scalar(DIGITS[tenant.reporting], pa.int64()), rows),
            }
        ),
    )


def _note_orders(
    scene: Scene,
    cast: Cast,
    columns: dict[str, object],
    orders: Orders,
    *,
    evidence: Evidence,
    counts: Bools,
    first_of_key: Bools,
) -> None:
    """Note who placed each order, who brought it, by what story, and why it does not count."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    rows = len(orders.ids)
    reason = np.select(
        [
            orders.fate == FATE["test"],
            orders.gross == 0,
            (orders.cancelled_at != NEVER)
            & ((orders.fate == FATE["cancelled_before_payment"]) | (orders.paid_at == NEVER)),
            orders.paid_at == NEVER,
        ],
        [0, 1, 2, 3],
        -1,
    )
    why_not = [STORIES[name][2] for name in NAMES]
    contracts = [contract.contract_id for contract in cast.contracts]
    campaigns = [link.campaign for link in cast.links]
    done = orders.completed_at != NEVER
    day = calendar.day_of(np.where(done, orders.completed_at, calendar.opens))
    book.note(
        "orders",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, rows),
                "source": columns["source"],
                "order_id": orders.ids,
                "person_id": person_ids(orders.person),
                "source_customer_id": columns["source_customer_id"],
                "story": picked(NAMES, evidence.story),
                "kol_id": picked(cast.kol_ids, evidence.kol),
                "matched_by": picked(EVIDENCE, evidence.by),
                "not_credited_reason": picked(why_not, evidence.story),
                "is_disputed": evidence.disputed,
                "contract_id": picked(contracts, evidence.contract),
                "campaign_id": picked(campaigns, evidence.campaign),
                "exclusion_reason": picked(EXCLUSIONS, reason),
                "completed_on": nulled(pa.array(day.astype(np.int32)).cast(pa.date32()), ~done),
                "completed_at": orders.completed_at,
                "is_first_of_customer": first_of_key,
            }
        ),
    )
    assert bool(np.array_equal(reason < 0, counts))
