"""The simulated shops as a trial of forecasts: years of purchases, and an oracle of the true rates."""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
from scipy.special import gamma, kv

from include.clv.panel import Orders
from include.demo.world import World, simulate

Floats = npt.NDArray[np.float64]

DAYS = 1461
LIFETIMES = (2.0, 110.0)
"""Shape and scale (days) of the Gamma of mean lifetimes; a lifetime is exponential about its mean."""


@dataclass(frozen=True)
class Shop:
    """One tenant: its persons' net purchases, in mean values of an order, and how they truly are."""

    tenant_id: str
    country: str
    orders: Orders
    rate: Floats
    season: Floats
    peak: Floats
    spend: Floats
    enters: npt.NDArray[np.int64]

    def oracle(self, end: int, edges: npt.NDArray[np.int64]) -> Floats:
        """Return the expected net value of each person known on a day, by later period.

        It knows each person's rate, season, spend and day of entry and how lifetimes are spread; whether a
        person has left it must tell from the silence, like everybody.

        Returns:
            Persons known by then, in rising order of number, x periods.
        """
        known = self.orders.until(end)
        bought = known.where(known.placed > 0)
        persons, counts = np.unique(bought.customer, return_counts=True)
        last = bought.day[np.cumsum(counts) - 1]
        first = bought.day[np.cumsum(counts) - counts]
        kept = counts.sum() / self._expected_purchases(persons, first, end).sum()
        table = np.empty((len(persons), len(edges) - 1))
        worth = known.value.sum() / self.spend[bought.customer].sum()
        for rows in np.array_split(np.arange(len(persons)), max(1, len(persons) // 500)):
            who = persons[rows]
            days = np.arange(int(last[rows].min()), int(edges[-1]))
            swing = np.cos(2 * np.pi * ((days[None, :] % 365) - self.peak[who, None]) / 365)
            rates = kept * self.rate[who, None] * (1 + self.season[who, None] * swing)
            since_last = days[None, :] > last[rows, None]
            survive = _survivor((days[None, :] - self.enters[who, None]).astype(np.float64))
            silent = np.exp(-np.cumsum(np.where(since_last & (days <= end)[None, :], rates, 0.0), axis=1))
            at = int(end - days[0])
            lost = np.maximum(-np.diff(survive, axis=1), 0)
            left = np.sum(np.where(since_last[:, 1 : at + 1], lost[:, :at] * silent[:, :at], 0.0), axis=1)
            stays = survive[:, at] * silent[:, at]
            alive = stays / np.maximum(stays + left, 1e-300)
            ahead = rates * survive / np.maximum(survive[:, at : at + 1], 1e-300)
            sums = np.add.reduceat(ahead[:, edges[0] - days[0] :], edges[:-1] - edges[0], axis=1)
            table[rows] = sums * (alive * self.spend[who] * worth)[:, None]
        return table

    def _expected_purchases(self, persons: npt.NDArray[np.int64], first: Floats, end: int) -> Floats:
        """Return about how often persons would have bought, could everything they bought be seen."""
        age = np.maximum(end - first, 0) + 1
        grid = np.linspace(0, 1, 50)
        lived = np.array([np.trapezoid(_survivor(grid * a), grid) * a for a in age])
        return np.asarray(1 + self.rate[persons] * lived)


def _survivor(ages: Floats) -> Floats:
    """Return the share of persons who have not left by an age (days)."""
    shape, scale = LIFETIMES
    # The Laplace transform of an inverse Gamma: E[exp(-u / m)] for m ~ Gamma(shape, scale).
    x = 2 * np.sqrt(np.maximum(ages, 1e-9) / scale)
    return np.asarray(2 * (x / 2) ** shape * kv(shape, x) / gamma(shape))


def shops(seed: int, scale: float = 1.0) -> Iterator[Shop]:
    """Simulate four years of the shops of one seed."""
    world = simulate(seed, scale=scale, days=DAYS, clicks_per_order=1)
    for tenant in world.tenants:
        yield _shop(world, tenant.tenant_id, tenant.country)


def _shop(world: World, tenant_id: str, country: str) -> Shop:
    duck = duckdb.connect()
    for name in ("persons", "events", "orders", "sales"):
        duck.register(name, world.truth[name])
    duck.register("refunds", world.feed("refunds"))
    duck.register("rates", world.feed("fx_rates"))
    persons = duck.sql(
        "select * from persons where tenant_id = $1 order by person_id", params=[tenant_id]
    ).to_arrow_table()
    bought = duck.sql(
        """
        with own as (
            select source, order_id as id, person_id from orders where tenant_id = $1
            union all select source, sale_id, person_id from sales where tenant_id = $1
        ),
        told as (
            select events.*, coalesce(refunds.order_id, events.id) as subject
            from events left join (select distinct source, refund_id, order_id from refunds where tenant_id =
            $1) as refunds
                on events.kind = 'refund' and events.source = refunds.source and events.id = refunds.refund_id
            where events.tenant_id = $1
        )
        select own.person_id, told.date, told.orders,
            (told.gross - told.refunds - told.vat) / pow(10, told.digits) as net
        from told inner join own on told.source = own.source and told.subject = own.id
        """,
        params=[tenant_id],
    ).to_arrow_table()
    numbers = {person: place for place, person in enumerate(persons["person_id"].to_pylist())}
    value = bought["net"].to_numpy().astype(np.float64)
    placed = bought["orders"].to_numpy() > 0
    orders = Orders.of(
        [numbers[person] for person in bought["person_id"].to_pylist()],
        bought["date"].to_numpy().astype("datetime64[D]").astype(np.int64),
        value / value[placed].mean(),
        placed,
    )
    day = persons["entered_on"].to_numpy().astype("datetime64[D]").astype(np.int64)
    return Shop(
        tenant_id=tenant_id,
        country=country,
        orders=orders,
        rate=persons["purchase_rate_per_day"].to_numpy(),
        season=persons["season_amplitude"].to_numpy(),
        peak=persons["season_peak_day"].to_numpy().astype(np.float64),
        spend=persons["spend_level"].to_numpy(),
        enters=day,
    )
