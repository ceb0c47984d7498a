"""Prophet on what customers bring together: season and holidays, as a factor on what the base expects.

Of customers who are known, sales fade as these leave; no seasonal model knows how. So Prophet sees the days'
sales as a share of what the base expected of them, and says how this share goes on.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd

from include.clv.base import Base
from include.clv.btyd import Floats
from include.clv.panel import Orders
from include.clv.periods import YEAR

Ints = npt.NDArray[np.int64]

FEW_DAYS = 60
ENOUGH_FOR_SEASON = 1.95
"""Years."""
WEEK = 7
SEASONS = {
    "singles day": ((11, 4), (11, 12)),
    "christmas": ((12, 1), (12, 24)),
    "after christmas": ((12, 25), (1, 5)),
}
"""First and last days of the times of the year in which shops of all countries sell more or less."""
LUNAR = {"VN", "CN", "HK", "MO", "TW", "SG", "MY", "KR"}
NEW_YEAR_SHOPPING = 21
NEW_YEAR_REST = 7
"""Days before the lunar new year in which people buy for it, and after it in which they rest."""
MOST = 4.0
"""No day is forecast to bring more than so many times what the base expects."""


_QUIET = {"cmdstanpy": logging.WARNING, "prophet": logging.ERROR, "prophet.plot": logging.CRITICAL}
"""Loggers that tell of every fit, and of drawing libraries that are not needed."""


Kind = Literal["tenant", "segment", "cohort"]
"""Whose series tells the season: everybody's, that of each channel, or of each year of first orders."""

FEW_OF_GROUP = 500
"""Customers from which on a group has a season of its own."""


@dataclass(frozen=True)
class Shares:
    """By week: what came of repeated orders as a share of what the base expected, and how much that was."""

    weeks: Ints
    """First days."""
    share: Floats
    expected: Floats


def shares(orders: Orders, base: Base, end: int, *, of: npt.NDArray[np.bool_] | None = None) -> Shares:
    """Return the weekly shares of the days up to one; the last week ends with it.

    Args:
        orders: all that is known; later days are not looked at.
        base: what is expected of a new customer as time goes by.
        end: last known day.
        of: customers by number; without it all.
    """
    known = orders.until(end)
    customers, first = known.firsts()
    if of is not None:
        customers, first = customers[of[customers]], first[of[customers]]
    weeks = max(1, (end - int(first.min()) + 1) // WEEK) if len(first) else 1
    edges = end + 1 - WEEK * np.arange(weeks, -1, -1)
    place = np.minimum(np.searchsorted(customers, known.customer), max(len(customers) - 1, 0))
    later = (
        (customers[place] == known.customer) & (known.day > first[place])
        if len(customers)
        else np.zeros(len(known), bool)
    )
    came, _ = np.histogram(known.day[later], edges, weights=known.value[later])
    expected = base.past_orders(first, edges) * base.mean_value
    return Shares(edges[:-1], came / np.maximum(expected, 1e-9), expected)


def fit(seen: Shares, country: str | None = None) -> Any:
    """Let Prophet learn weekly shares.

    A yearly season is learnt from two years on, holidays from one; the level stays what it is, for what a
    trend of a few months says of next year is mostly wrong.

    Returns:
        The Prophet model; None where there are too few weeks.
    """
    usable = seen.expected > 0.05 * seen.expected.max(initial=0.0)
    if usable.sum() * WEEK < FEW_DAYS:
        return None
    _quieten()
    from prophet import Prophet

    _quieten()  # what it imports sets levels of its own
    days = seen.weeks[usable] + WEEK // 2
    years = (days.max() - days.min()) / YEAR
    model = Prophet(
        growth="flat",
        yearly_seasonality=4 if years >= ENOUGH_FOR_SEASON else False,
        weekly_seasonality=False,
        daily_seasonality=False,
        seasonality_prior_scale=0.3,
        uncertainty_samples=0,
    )
    told = pd.DataFrame({"ds": _dates(days), "y": np.clip(seen.share[usable], 0, MOST)})
    if country and years >= 1:
        all_days = np.arange(seen.weeks[0], seen.weeks[-1] + WEEK)
        for name, flags in holidays_of(country, all_days).items():
            weekly = flags.reshape(-1, WEEK).mean(axis=1)[usable]
            if weekly.any():
                model.add_regressor(name, prior_scale=0.3, standardize=False)
                told[name] = weekly
    model.fit(told, seed=1)
    return model


def _quieten() -> None:
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)


def factors(model: Any, country: str | None, edges: Ints) -> Floats:
    """Return the forecast share of each period; 1 without a model."""
    if model is None:
        return np.ones(len(edges) - 1)
    days = np.arange(edges[0], edges[-1])
    asked = pd.DataFrame({"ds": _dates(days)})
    if model.extra_regressors:
        flags = holidays_of(country or "", days)
        asked = asked.assign(**{name: flags[name] for name in model.extra_regressors})
    said = model.predict(asked)["yhat"].to_numpy()
    daily = np.clip(said, 0.05, MOST)
    return np.asarray(np.add.reduceat(daily, edges[:-1] - edges[0]) / np.diff(edges))


def _dates(days: Ints) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(days.astype("datetime64[D]"))


@dataclass(frozen=True)
class Season:
    """What Prophet learnt of everybody, of segments and of cohorts, and how much of it is believed of whom.

    ``whole``: the model of everybody; None where there are too few weeks. ``groups``: models by kind and
    group. ``kind``, ``power``: whose season, and to which power the factors are taken; 0 is no season.
    """

    country: str | None
    whole: Any
    groups: dict[Kind, dict[int, Any]]
    kind: Kind = "tenant"
    power: float = 0.0

    @classmethod
    def fit(
        cls, orders: Orders, base: Base, end: int, country: str | None, groups: Mapping[Kind, Ints]
    ) -> "Season":
        """Learn from the weeks up to a day.

        Args:
            orders: all that is known.
            base: what is expected of a new customer as time goes by.
            end: last known day.
            country: whose holidays are kept.
            groups: by kind, the group of each customer number; -1 is none.
        """
        whole = fit(shares(orders, base, end), country)
        told: dict[Kind, dict[int, Any]] = {}
        for kind, group in groups.items():
            numbers, counts = np.unique(group[np.unique(orders.until(end).customer)], return_counts=True)
            told[kind] = {
                number: model
                for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
                if number >= 0
                and count >= FEW_OF_GROUP
                and (model := fit(shares(orders, base, end, of=group == number), country)) is not None
            }
        return cls(country, whole, told)

    def of_all(self, edges: Ints) -> Floats:
        """Return what Prophet says of everybody: the share of what the base expects, by period."""
        return factors(self.whole, self.country, edges)

    def factors(self, edges: Ints, group: Ints | None = None) -> Floats:
        """Return the factor of each period, a table of customers x periods.

        A group's season keeps everybody's level: of groups only the swing is taken.

        Args:
            edges: of the periods.
            group: of each customer, of the season's kind; without it everybody has the same.
        """
        rows = 1 if group is None else len(group)
        if self.power == 0 or self.whole is None:
            return np.ones((rows, len(edges) - 1))
        whole = self.of_all(edges)
        table = np.tile(whole, (rows, 1))
        if group is not None and self.kind != "tenant":
            for number, model in self.groups[self.kind].items():
                own = factors(model, self.country, edges)
                table[group == number] = own * (whole.mean() / own.mean())
        return np.asarray(table**self.power)


def holidays_of(country: str, days: Ints) -> dict[str, Floats]:
    """Return for each time of the year in which sales differ which days are of it (0 or 1)."""
    dates = days.astype("datetime64[D]")
    first, last = (int(str(date)[:4]) for date in (dates.min(), dates.max()))
    flags = {name: np.zeros(len(days)) for name in SEASONS}
    for year in range(first - 1, last + 1):
        for name, (begin, end) in SEASONS.items():
            ends = year + (end < begin)
            since, until = (
                np.datetime64(f"{y:04}-{m:02}-{d:02}") for y, (m, d) in ((year, begin), (ends, end))
            )
            flags[name] += (dates >= since) & (dates <= until)
    if country in LUNAR:
        flags |= {"lunar shopping": np.zeros(len(days)), "lunar rest": np.zeros(len(days))}
        named = holidays.country_holidays("VN", years=range(first - 1, last + 2))
        for new_year in (date for date, name in named.items() if name == "Lunar New Year"):
            away = (dates - np.datetime64(new_year)).astype(np.int64)
            flags["lunar shopping"] += (away >= -NEW_YEAR_SHOPPING) & (away < 0)
            flags["lunar rest"] += (away >= 0) & (away < NEW_YEAR_REST)
    return flags
