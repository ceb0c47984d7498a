"""How the money of orders arrives at gateways, couriers, marketplaces and tills, with planted breaks."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from include.demo.world.bank import (
    DIFFERS,
    DOUBLE,
    MATCHED,
    STATES,
    TIMING,
    Due,
    book_lines,
    is_lonely,
    note_states,
    transfers,
)
from include.demo.world.cast import DIGITS
from include.demo.world.clock import DAY, HOUR
from include.demo.world.orders import CARD, COD, FATE, MARKET, WALLET, Orders
from include.demo.world.scene import Scene
from include.demo.world.stores import METHODS, Sales
from include.demo.world.tables import NEVER, Ints, Minor, joined, nulled, numbered, picked

TERMINALS = {"vnpay": 6, "momo": 40, "stripe": 2}
"""Accounts that a gateway settles apart; many small ones give payouts of the same amount."""
NO_GATEWAY, NO_ORDER, CURRENCY = map(
    STATES.index, ("missing_in_gateway", "missing_order", "currency_differs")
)
COURIER_DAYS = 4
"""Days after the payment by which a courier has reported what it collected, where it ever does."""

CHARGE, REFUND, CHARGEBACK = range(3)
SUCCEEDED, PENDING, FAILED = range(3)


class _Movements(NamedTuple):
    """Movements of one kind at the gateways: an order, an instant and a true state for each."""

    order: Ints
    at: Ints
    kind: int
    status: int
    state: Ints


def _matched(order: Ints, at: Ints, kind: int, status: int) -> _Movements:
    """Movements that reconcile."""
    return _Movements(order, at, kind, status, np.full(len(order), MATCHED))


def settle(rng: np.random.Generator, scene: Scene, orders: Orders, sales: Sales | None) -> None:
    """Settle a tenant's orders and sales and write payments, remittances and bank lines."""
    due = [
        _gateways(rng, scene, orders),
        _remit(rng, scene, orders, COD, "cod"),
        _remit(rng, scene, orders, MARKET, "marketplace"),
        _takings(rng, scene, orders.currencies, sales),
        transfers(rng, scene, orders),
    ]
    book_lines(rng, scene, orders.currencies, [each for each in due if each is not None])


def _gateways(rng: np.random.Generator, scene: Scene, orders: Orders) -> Due | None:
    """Charges, refunds and chargebacks at the gateways, and the payouts in which they are settled."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    names = sorted({name for ways in tenant.gateways.values() for name in ways.values()})
    routes = np.full((len(orders.currencies), 2), -1)
    for index, code in enumerate(orders.currencies):
        for method, means in ((CARD, "card"), (WALLET, "wallet")):
            if code in tenant.gateways:
                routes[index, method] = names.index(tenant.gateways[code][means])
    wired = (orders.method == CARD) | (orders.method == WALLET)
    charged = np.flatnonzero(wired & (orders.paid_at != NEVER) & (orders.gross > 0))
    if not len(charged):
        return None
    way = routes[orders.currency, np.minimum(orders.method, 1)]

    break_at = rng.random(len(charged))
    state = np.full(len(charged), MATCHED)
    state[break_at < 0.003] = NO_GATEWAY
    state[(break_at >= 0.003) & (break_at < 0.006)] = DIFFERS
    state[(break_at >= 0.006) & (break_at < 0.008)] = DOUBLE
    other = (orders.currency[charged] + 1) % len(orders.currencies)
    takes_other = other != orders.currency[charged]
    takes_other &= routes[other, np.minimum(orders.method[charged], 1)] == way[charged]
    state[(break_at >= 0.008) & (break_at < 0.010) & takes_other] = CURRENCY
    test = orders.fate[charged] == FATE["test"]
    state[test] = MATCHED
    there = state != NO_GATEWAY
    # What was paid in the last hour may still come.
    state[(state == NO_GATEWAY) & (orders.paid_at[charged] > calendar.ends - HOUR)] = TIMING
    nameless = (state == MATCHED) & (rng.random(len(charged)) < 0.005)
    twice = np.flatnonzero(state == DOUBLE)
    strangers = max(2, len(charged) // 500)

    refund_paths = np.flatnonzero(wired[orders.refund_order] & orders.refund_known)
    refund_state = np.where(rng.random(len(refund_paths)) < 0.004, NO_GATEWAY, MATCHED)
    late = orders.refund_at[refund_paths] > calendar.ends - HOUR
    refund_state[late & (refund_state == NO_GATEWAY)] = MATCHED
    refund_ids = numbered("R", refund_paths, 7)
    note_states(scene, "refund", refund_ids, refund_state, refund_ids)
    refund_paths = refund_paths[refund_state == MATCHED]
    disputed = charged[rng.random(len(charged)) < 0.001]
    disputed_at = orders.paid_at[disputed] + rng.integers(10 * DAY, 40 * DAY, len(disputed))
    disputed = disputed[disputed_at < calendar.ends]
    disputed_at = disputed_at[disputed_at < calendar.ends]
    failed = charged[rng.random(len(charged)) < 0.06]

    # A stranger's payment looks like that of an order which has its own, so that it is nobody's.
    donors = rng.choice(charged[(state == MATCHED) & ~nameless], strangers)
    done = orders.paid_at
    parts = [
        _Movements(charged[there], done[charged[there]], CHARGE, SUCCEEDED, state[there]),
        _Movements(charged[twice], done[charged[twice]] + 40, CHARGE, SUCCEEDED, state[twice]),
        _Movements(donors, done[donors] + 7, CHARGE, SUCCEEDED, np.full(strangers, NO_ORDER)),
        _matched(orders.refund_order[refund_paths], orders.refund_at[refund_paths], REFUND, SUCCEEDED),
        _matched(disputed, disputed_at, CHARGEBACK, SUCCEEDED),
        _matched(failed, done[failed] - 20, CHARGE, FAILED),
    ]
    order = np.concatenate([part.order for part in parts])
    at = np.concatenate([part.at for part in parts])
    kind = np.concatenate([np.full(len(part.order), part.kind) for part in parts])
    status = np.concatenate([np.full(len(part.order), part.status) for part in parts])
    verdict = np.concatenate([part.state for part in parts])
    currency = orders.currency[order].copy()
    amount = orders.gross[order].copy()
    first_refund = sum(len(part.order) for part in parts[:3])
    amount[first_refund : first_refund + len(refund_paths)] = orders.refund_amount[refund_paths]
    differs = verdict == DIFFERS
    amount[differs] = np.maximum(1, amount[differs] - np.maximum(1, amount[differs] // 20))
    swapped = verdict == CURRENCY
    currency[swapped] = (currency[swapped] + 1) % len(orders.currencies)
    is_nameless = np.isin(order, charged[nameless]) & (kind == CHARGE) & (status == SUCCEEDED)
    inside = at < calendar.ends
    order, at, kind, status = order[inside], at[inside], kind[inside], status[inside]
    verdict, currency, amount = verdict[inside], currency[inside], amount[inside]
    is_nameless = is_nameless[inside]

    gateway = way[order]
    fee = np.where((kind == CHARGE) & (status == SUCCEEDED), amount * 18 // 1000, 0)
    signed = np.where(status == SUCCEEDED, np.where(kind == CHARGE, amount - fee, -amount), 0)
    terminals = np.array([TERMINALS[name] for name in names])[gateway]
    day = calendar.day_of(at)
    span = calendar.last - calendar.first + 2
    key = (
        ((gateway * len(orders.currencies) + currency) * 64 + order % terminals) * span + day - calendar.first
    )
    settled = status == SUCCEEDED
    keys, place = np.unique(key[settled], return_inverse=True)
    net = np.bincount(place, signed[settled], len(keys)).astype(np.int64)
    payout = np.full(len(order), -1)
    payout[settled] = place
    fee, net = _twin(
        rng,
        account=keys // span,
        day=keys % span,
        net=net,
        place=place,
        settled=np.flatnonzero(settled),
        kind=kind,
        amount=amount,
        fee=fee,
    )
    members = np.bincount(place, minlength=len(keys)).astype(np.int64)
    payout_day = keys % span + calendar.first
    due = calendar.start_of(payout_day + 1) + 3 * HOUR
    payout_ids = numbered("PO", np.arange(len(keys)), 7)

    count = len(order)
    ids = numbered("PAY", np.arange(count), 8)
    unknown = numbered("", 80_000_000 + np.arange(count), 8)
    known_ids = orders.ids.take(pa.array(order)).to_numpy(zero_copy_only=False)
    refs = pa.array(
        np.where(verdict == NO_ORDER, unknown.to_numpy(zero_copy_only=False), known_ids), pa.string()
    )
    gateway_of = keys // span // 64 // len(orders.currencies)
    # The report of some payouts never comes: their payments say no payout, and the amount has to tell.
    sender = gateway_of * len(orders.currencies) + keys // span // 64 % len(orders.currencies)
    lost = is_lonely(sender, net, payout_day) & (due < calendar.ends) & (rng.random(len(keys)) < 0.03)
    digits = np.array([DIGITS[code] for code in orders.currencies])[currency]
    source = picked(names, gateway)
    waits = settled & (rng.random(count) < 0.1)
    settle_at = np.where((payout >= 0) & ~lost[np.maximum(payout, 0)], due[np.maximum(payout, 0)], NEVER)
    every = np.arange(count)
    none = np.full(count, -1)
    for rows, states, times, batches in (
        (np.flatnonzero(waits), np.full(count, PENDING), at, none),
        (every, status, at + 2, none),
        (np.flatnonzero((settle_at != NEVER) & (settle_at < calendar.ends)), status, settle_at, payout),
    ):
        said, known, batch, taken = states[rows], times[rows], batches[rows], pa.array(rows)
        book.write(
            "payments",
            {
                "tenant_id": tenant.tenant_id,
                "source": source.take(taken),
                "payment_id": ids.take(taken),
                "order_id": nulled(refs, is_nameless).take(taken),
                "payment_type": picked(["charge", "refund", "chargeback"], kind[rows]),
                "status": picked(["succeeded", "pending", "failed"], said),
                "currency": picked(orders.currencies, currency[rows]),
                "amount": Minor(amount[rows], digits[rows]),
                "fee_amount": Minor(fee[rows], digits[rows]),
                "payout_id": nulled(payout_ids.take(pa.array(np.maximum(batch, 0))), batch < 0),
                "payer_ref": numbered("****", orders.person[order[rows]] * 37 % 10_000, 4),
                "occurred_at": at[rows],
                "updated_at": known,
            },
            np.clip(known + 5, calendar.opens, calendar.ends - 1),
            source.take(taken),
        )
    note_states(scene, "payment", ids, verdict, refs)
    of_charged = orders.ids.take(pa.array(charged))
    note_states(scene, "order", of_charged, state, of_charged)
    in_payout = np.flatnonzero(payout >= 0)
    book.note(
        "payout_members",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, len(in_payout)),
                "payment_id": ids.take(pa.array(in_payout)),
                "payout_id": payout_ids.take(pa.array(payout[in_payout])),
            }
        ),
    )
    return Due(
        ids=payout_ids,
        references=payout_ids,
        kind="payout",
        sender=picked([name.upper() for name in names], gateway_of),
        currency=keys // span // 64 % len(orders.currencies),
        amount=net,
        members=members,
        day=calendar.day_of(due) + 1,
        is_named=np.array([name == "stripe" for name in names])[gateway_of],
        is_reported=~lost & (due < calendar.ends),
    )


def _twin(
    rng: np.random.Generator,
    *,
    account: Ints,
    day: Ints,
    net: Ints,
    place: Ints,
    settled: Ints,
    kind: Ints,
    amount: Ints,
    fee: Ints,
) -> tuple[Ints, Ints]:
    """Make some payouts of a gateway equal to another of the same days, by a fee on their largest charge.

    Amounts alone then do not tell which bank line is which payout. Returns fees per payment and nets per
    payout.
    """
    fee, net = fee.copy(), net.copy()
    charges = settled[kind[settled] == CHARGE]
    batch = place[kind[settled] == CHARGE]
    by_size = np.lexsort((amount[charges], batch))
    last = np.concatenate([batch[by_size][1:] != batch[by_size][:-1], [True]])
    largest = np.full(len(net), -1)
    largest[batch[by_size][last]] = charges[by_size][last]
    members = np.bincount(place, minlength=len(net))

    lane = account // 64 * 1_000 + day // 5
    order = np.lexsort((net, lane))
    lower, upper = order[:-1:2], order[1::2]
    lower = lower[: len(upper)]
    gap = net[upper] - net[lower]
    payment = largest[upper]
    fits = (lane[lower] == lane[upper]) & (payment >= 0) & (net[lower] > 0) & (gap * 14 <= net[upper])
    fits &= (gap + fee[payment]) * 3 < amount[payment]
    fits &= (rng.random(len(upper)) < 0.7) & (members[upper] > 1)
    fee[payment[fits]] += gap[fits]
    net[upper[fits]] -= gap[fits]
    return fee, net


def _remit(
    rng: np.random.Generator,
    scene: Scene,
    orders: Orders,
    method: int,
    kind: str,
) -> Due | None:
    """Remittances of a courier (what it collected) or a marketplace (what it was paid), week by week."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    if method == COD:
        rows = np.flatnonzero((orders.method == COD) & (orders.reported_at != NEVER) & (orders.gross > 0))
        collected, shown = orders.collected_at[rows], orders.reported_at[rows]
    else:
        rows = np.flatnonzero((orders.method == MARKET) & (orders.paid_at != NEVER) & (orders.gross > 0))
        collected = orders.paid_at[rows]
        shown = np.minimum(collected + 6 * HOUR, calendar.ends - 1)
    if not len(rows):
        return None
    again = np.flatnonzero((rng.random(len(rows)) < 0.006) & (shown + 3 * DAY < calendar.ends))
    order = np.concatenate([rows, rows[again]])
    # The second report of an order says that it was collected later: the earliest is what counts.
    at = np.concatenate([collected, collected[again] + DAY])
    shown = np.concatenate([shown, shown[again] + 3 * DAY])
    verdict = np.concatenate([np.full(len(rows), MATCHED), np.full(len(again), DOUBLE)])
    verdict[again] = DOUBLE
    every = 3 if method == COD else 7
    span = calendar.last - calendar.first + 40
    batch_day = (calendar.day_of(np.maximum(shown, at)) // every + 1) * every
    second = np.concatenate([np.zeros(len(rows), dtype=np.int64), np.ones(len(again), dtype=np.int64)])
    key = (orders.currency[order] * 2 + second) * span + batch_day - calendar.first
    keys, place = np.unique(key, return_inverse=True)
    amount = orders.gross[order].copy()
    fee = amount * (12 if method == COD else 58) // 1000
    short = (verdict == MATCHED) & (rng.random(len(order)) < 0.003)
    amount[short] -= np.maximum(1, amount[short] // 10)
    verdict[short] = DIFFERS
    net = np.bincount(place, amount - fee, len(keys)).astype(np.int64)
    due = calendar.start_of(keys % span + calendar.first) + 10 * HOUR
    source = tenant.courier if method == COD else next(s.source for s in tenant.shops if s.attributes)
    batch_ids = numbered(f"{(source or '')[:3].upper()}", np.arange(len(keys)), 6)
    digits = np.array([DIGITS[code] for code in orders.currencies])[orders.currency[order]]
    shops = picked([shop.source for shop in tenant.shops], orders.source[order])
    ids = orders.ids.take(pa.array(order))
    passed = due[place]
    for which, remitted, known in (
        (np.arange(len(order)), np.full(len(order), NEVER), shown),
        (np.flatnonzero(passed < calendar.ends), None, None),
    ):
        taken = pa.array(which)
        at_shop = passed[which] if remitted is None else remitted
        book.write(
            "remittances",
            {
                "tenant_id": tenant.tenant_id,
                "source": source,
                "remittance_id": batch_ids.take(pa.array(place[which])),
                "order_source": shops.take(taken),
                "order_id": ids.take(taken),
                "remittance_type": kind,
                "currency": picked(orders.currencies, orders.currency[order[which]]),
                "collected_amount": Minor(amount[which], digits[which]),
                "fee_amount": Minor(fee[which], digits[which]),
                "net_amount": Minor(amount[which] - fee[which], digits[which]),
                "collected_at": at[which],
                "remitted_at": at_shop,
                "updated_at": shown[which] if known is not None else at_shop,
            },
            shown[which] if known is not None else np.maximum(at_shop, shown[which]),
            "courier" if method == COD else source or "",
        )
    note_states(scene, "remittance", joined(batch_ids.take(pa.array(place)), "/", ids), verdict, ids)
    _note_orders(scene, orders, method, verdict[: len(rows)], rows)
    return Due(
        ids=batch_ids,
        references=batch_ids,
        kind="payout",
        sender=picked([(source or "").upper()], np.zeros(len(keys), dtype=np.int64)),
        currency=keys // span // 2,
        amount=net,
        members=np.bincount(place, minlength=len(keys)).astype(np.int64),
        day=calendar.day_of(due) + 1,
        is_named=rng.random(len(keys)) < 0.5,
        is_reported=np.ones(len(keys), dtype=bool),
    )


def _note_orders(scene: Scene, orders: Orders, method: int, verdict: Ints, reported: Ints) -> None:
    """Note in which state each order is that a courier or a marketplace was paid for."""
    paid = np.flatnonzero((orders.method == method) & (orders.paid_at != NEVER) & (orders.gross > 0))
    state = np.full(len(orders.ids), NO_GATEWAY)
    state[orders.paid_at > scene.calendar.ends - COURIER_DAYS * DAY] = TIMING
    state[reported] = verdict
    ids = orders.ids.take(pa.array(paid))
    note_states(scene, "order", ids, state[paid], ids)


def _takings(
    rng: np.random.Generator, scene: Scene, currencies: list[str], sales: Sales | None
) -> Due | None:
    """What stores bring to the bank: sales less returns, by store, day and way of payment."""
    tenant, calendar = scene.tenant, scene.calendar
    if sales is None:
        return None
    done = np.flatnonzero(sales.completed_at != NEVER)
    store = np.concatenate([sales.store[done], np.zeros(len(sales.returned), dtype=np.int64)])
    method = np.concatenate([sales.method[done], np.zeros(len(sales.returned), dtype=np.int64)])
    day = calendar.day_of(np.concatenate([sales.sold_at[done], sales.returned_at]))
    amount = np.concatenate([sales.gross[done], -sales.returned])
    span = calendar.last - calendar.first + 1
    keys, place = np.unique(
        (store * len(METHODS) + method) * span + day - calendar.first, return_inverse=True
    )
    dates = pa.array((keys % span + calendar.first).astype(np.int32)).cast(pa.date32()).cast(pa.string())
    ways = picked(METHODS, keys // span % len(METHODS))
    stores = numbered("store-", keys // span // len(METHODS) + 1, 1)
    source = tenant.store or ""
    return Due(
        ids=joined(source, ":", stores, ":", dates, ":", ways),
        references=joined(stores, " ", dates, " ", ways),
        kind="takings",
        sender=pa.repeat(source.upper(), len(keys)),
        currency=np.full(len(keys), currencies.index(tenant.store_currency)),
        amount=np.bincount(place, amount, len(keys)).astype(np.int64),
        members=np.bincount(place, minlength=len(keys)).astype(np.int64),
        day=keys % span + calendar.first + 1,
        is_named=rng.random(len(keys)) < 0.6,
        is_reported=np.ones(len(keys), dtype=bool),
    )
