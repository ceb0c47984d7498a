"""The simulated world: several organisations whose every figure is known, because it was decided first."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.demo import truth
from include.demo.world import ads, clicks, credit, goods, kols, orders, people, settle, stores
from include.demo.world.cast import TENANTS, Tenant
from include.demo.world.clock import Calendar, as_date, day_number
from include.demo.world.money import publish_rates
from include.demo.world.scene import Scene
from include.demo.world.tables import Book, Ints, Minor

LAST_DAY = date(2026, 6, 30)
"""Last simulated day of every tenant; never the clock's."""

__all__ = ["LAST_DAY", "Tenant", "World", "simulate"]


@dataclass(frozen=True)
class World:
    """What the systems show, and the truth behind it.

    ``first_day`` and ``last_day`` are days of each tenant's own zone. Everything becomes available
    within them, so that what is landed for these days is all there is.
    """

    seed: int
    tenants: tuple[Tenant, ...]
    first_day: date
    last_day: date
    feeds: dict[str, pa.Table]
    truth: dict[str, pa.Table]

    def feed(self, name: str) -> pa.Table:
        """Every version of every record of a feed, with ``_available_at`` and ``_system``, by availability.

        Raises:
            KeyError: the world has no such feed.
        """
        return self.feeds[name]

    def interval(self, name: str, tenant_id: str, start: datetime, end: datetime) -> pa.Table:
        """What an export of the interval [start, end) of one tenant contains.

        Of an entity the newest version per key that became available within it; of a slice the rows of the
        newest pull per slice; of an event every delivery, repeated ones too.
        """
        table = self.feeds[name]
        at = table["_available_at"]
        table = table.filter(
            pc.and_(
                pc.equal(table["tenant_id"], tenant_id),
                pc.and_(
                    pc.greater_equal(at, pa.scalar(start, at.type)), pc.less(at, pa.scalar(end, at.type))
                ),
            )
        )
        return truth.newest(table, name)

    def truth_kols(self, as_of: date | None = None) -> pa.Table:
        """One row per tenant and KOL with the true figures over the days up to ``as_of`` (the last day).

        An earlier ``as_of`` leaves out what is dated after it; what is dated up to it counts as it stands in
        the end, late news included.
        """
        return truth.kol_figures(self.truth, self.tenants, as_of or self.last_day)

    def truth_days(self) -> pa.Table:
        """One row per tenant and day: orders, gross, refunds, revenue and net revenue of all channels."""
        return truth.day_figures(self.truth)

    def truth_pairs(self, types: Collection[str] = people.RECORD_TYPES) -> pa.Table:
        """Every pair of records (of ``types``: ``customer``, ``order``, ``sale``) that are one person."""
        return truth.identity_pairs(self.truth, types)

    def ledger(self) -> pa.Table:
        """The truth in long form: tenant, KOL, day, measure and amount in reporting currency."""
        return truth.ledger(self.truth)


def simulate(
    seed: int,
    scale: float = 1.0,
    days: int = 120,
    *,
    last_day: date = LAST_DAY,
    clicks_per_order: float = clicks.CLICKS_PER_ORDER,
    tenants: tuple[Tenant, ...] = TENANTS,
    only: Collection[str] | None = None,
) -> World:
    """Simulate the shops.

    Args:
        seed: same seed, same world.
        scale: 1 is about 25,000 persons and 50,000 orders in 120 days; 40 is a million persons.
        days: length in days, 20 at least.
        last_day: last day of every tenant.
        clicks_per_order: clicks in all for one order; 0 keeps only those that orders need.
        tenants: the organisations.
        only: feeds to keep, all by default; the truth is whole either way, and a large world fits in memory.

    Raises:
        ValueError: fewer than 20 days, or no scale.
    """
    if days < 20 or scale <= 0:
        raise ValueError(
            f"a world has at least 20 days and a scale above 0, not {days} days at scale {scale}"
        )
    first, last = day_number(last_day) - days + 1, day_number(last_day)
    book = Book(None if only is None else {*only, "kols"})
    casts, scenes = [], []
    for index, tenant in enumerate(tenants):
        calendar = Calendar(tenant.zone, first, last)
        rng = np.random.default_rng([seed, index, 0])
        scene = Scene(tenant, calendar, publish_rates(rng, tenant, calendar, book), book)
        _open(scene)
        casts.append(kols.hire(rng, scene))
        scenes.append(scene)
    kols.exchange_foreign_tokens(np.random.default_rng([seed, 99]), casts)
    for index, scene in enumerate(scenes):
        chance = (np.random.default_rng([seed, index, room]) for room in range(1, 10))
        _trade(chance, scene, casts[index], scale, clicks_per_order)
    feeds = {}
    for name in list(book.feeds):
        # Popped, so that a feed's parts are freed before the next one is sorted.
        feeds[name] = pa.concat_tables(book.feeds.pop(name)).sort_by("_available_at")
    notes = {name: pa.concat_tables(parts) for name, parts in book.truth.items()}
    notes["kols"] = truth.roster(feeds["kols"])
    return World(seed, tenants, as_date(first), as_date(last), feeds, notes)


def _open(scene: Scene) -> None:
    """Write the organisation itself."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    one = np.ones(1, dtype=np.int64)
    book.write(
        "tenants",
        {
            "tenant_id": tenant.tenant_id,
            "name": tenant.name,
            "country_code": tenant.country,
            "time_zone": tenant.zone,
            "reporting_currency": tenant.reporting,
            "vat_rate": Minor(one * tenant.vat_bp, 4),
            "gross_margin": Minor(one * tenant.margin_bp, 4),
            "attribution_window_hours": one * tenant.window_hours,
            "churn_window_days": one * tenant.churn_days,
        },
        one * calendar.opens,
        "settings",
    )


def _trade(
    chance: Iterator[np.random.Generator],
    scene: Scene,
    cast: kols.Cast,
    scale: float,
    clicks_per_order: float,
) -> None:
    """One tenant's days: who buys, what brought them, what became of it."""
    tenant, calendar = scene.tenant, scene.calendar
    rng = next(chance)
    folk = people.populate(rng, scene, scale)
    person, day = people.shopping(rng, folk, calendar)
    in_store = rng.random(len(person)) < folk.store_share[person]
    hours = np.where(in_store, 0.38 + 0.5 * rng.random(len(person)), rng.beta(2.4, 1.5, len(person)))
    border = rng.random(len(person))
    hours = np.where(
        ~in_store & (border < 0.003), 0.0, np.where(~in_store & (border > 0.998), 0.999989, hours)
    )
    at = calendar.within(day, hours)
    by_time = np.argsort(at, kind="stable")
    person, in_store, at = person[by_time], in_store[by_time], at[by_time]
    online, till = np.flatnonzero(~in_store), np.flatnonzero(in_store)

    buyer, ordered_at = person[online], at[online]
    shop = np.where(
        rng.random(len(buyer)) < 0.85, folk.shop[buyer], rng.integers(0, len(tenant.shops), len(buyer))
    )
    market = np.array([s.attributes for s in tenant.shops])[shop]
    guest = ~market & (folk.prone_to_guest[buyer] | (rng.random(len(buyer)) < 0.08))
    changes = (buyer * 7919 % 100 < 12) & (
        ordered_at > calendar.opens + (calendar.ends - calendar.opens) // 2
    )
    kind = np.where(guest, people.GUEST, shop * 2 + changes)
    asked = rng.random(len(till))
    known, named = asked < 0.62, asked < 0.74
    till_kind = np.where(known, people.STORE, people.RECEIPT)[named]
    records, places = people.keep_records(
        next(chance),
        scene,
        folk,
        persons=np.concatenate([buyer, person[till][named]]),
        kinds=np.concatenate([kind, till_kind]),
        first_seen=np.concatenate([ordered_at, at[till][named]]),
    )

    catalogue = goods.stock(next(chance), scene)
    log = clicks.ClickLog()
    evidence = credit.bring(
        next(chance), scene, cast, person=buyer, marketplace=market, ordered_at=ordered_at, log=log
    )
    rng = next(chance)
    currencies = sorted({s.currency for s in tenant.shops})
    purchases = orders.Purchases(
        person=buyer,
        shop=shop,
        record=places[: len(buyer)],
        guest=guest,
        ordered_at=ordered_at,
        currency=np.array([currencies.index(s.currency) for s in tenant.shops])[shop],
        currencies=currencies,
    )
    terms = orders.agree(rng, scene, purchases, evidence)
    baskets = goods.fill(
        rng,
        catalogue,
        currencies,
        purchases.currency,
        spend=folk.spend[buyer],
        percent=terms.percent,
        ships=~market,
    )
    placed = orders.run(
        rng,
        scene,
        cast,
        purchases=purchases,
        terms=terms,
        catalogue=catalogue,
        records=records,
        baskets=baskets,
        evidence=evidence,
    )
    rng = next(chance)
    sales = None
    if tenant.store:
        receipt = np.full(len(till), -1)
        receipt[named] = places[len(buyer) :]
        sales = stores.ring_up(
            rng,
            scene,
            catalogue,
            records,
            person=person[till],
            record=receipt,
            known=known,
            spend=folk.spend[person[till]],
            sold_at=at[till],
        )
        bought, bought_at = sales.person[sales.named], sales.completed_at[sales.named]
    else:
        bought = bought_at = np.zeros(0, dtype=np.int64)
    truth.note_firsts(scene, cast.kol_ids, evidence, placed, store_person=bought, store_done=bought_at)

    rng = next(chance)
    wanted = int(clicks_per_order * len(buyer)) - len(log.columns()[0])
    browsers: Ints = people.visitors(buyer, rng.integers(0, 2, len(buyer)))
    clicks.wander(rng, calendar, cast, log, count=wanted, buyers=browsers)
    clicks.write_clicks(rng, scene, cast, log)
    ads.advertise(next(chance), scene, scale)
    settle.settle(next(chance), scene, placed, sales)
