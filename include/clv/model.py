"""The forecast of one tenant: members learnt from one panel, weighed by what they say of earlier days."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from include.clv.base import Base, ThinDataError
from include.clv.baselines import Rfm
from include.clv.blend import Blend
from include.clv.btyd import Floats
from include.clv.evaluate import Metrics, evaluate
from include.clv.gbm import Gbm
from include.clv.lstm import HEADS, Head, Lstm
from include.clv.panel import Orders, Panel
from include.clv.periods import YEAR, Periods
from include.clv.samples import TINY, Samples
from include.clv.series import Kind, Season
from include.clv.spread import Chances, Spread

Ints = npt.NDArray[np.int64]

Method = Literal["blend", "series_and_btyd", "rfm"]

INNER = (1.0, 0.85, 0.65, 0.5)
"""Days at which learners look back, as shares of the longest time ahead that they can see the end of."""
YEARS_FOR_LSTM = 2.0
CLEARLY = 0.97
"""A season is believed if it leaves at most this share of what is missed without it."""
GROUPED: tuple[Kind, ...] = ("segment", "cohort")
POWERS = (0.5, 1.0)
MOST_FACTOR = 5.0
"""A customer's expected orders are at most so many times those of the base, and at least that part."""


@dataclass(frozen=True)
class Task:
    """What is to be forecast of whom.

    ``ahead``: periods. ``country``: whose holidays the tenant's customers keep. ``traits``: what is known of
    customers from the first order on, 0 and 1, a row for each customer number. ``segments``: of these numbers
    the group, -1 for none, that may have a season of its own. ``learners``: models of customers besides the
    base and the cells. ``heads``: of the network, of which the oldest of the earlier days chooses.
    """

    periods: Periods = field(default_factory=Periods)
    ahead: int = 12
    country: str | None = None
    traits: Floats | None = None
    segments: Ints | None = None
    learners: tuple[str, ...] = ("gbm", "lstm")
    heads: tuple[Head, ...] = HEADS
    seed: int = 0

    def groups(self, known: Orders) -> dict[Kind, Ints]:
        """Return each customer number's segment and year of the first order; -1 is none."""
        customers, first = known.firsts()
        cohort = np.full(int(known.customer.max(initial=-1)) + 1, -1, dtype=np.int64)
        cohort[customers] = first.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
        told: dict[Kind, Ints] = {"cohort": cohort}
        if self.segments is not None:
            told["segment"] = self.segments
        return told


@dataclass
class Members:
    """What was learnt from the orders up to one day, each by itself."""

    task: Task
    end: int
    base: Base
    season: Season
    width: int
    """Periods that are looked back on."""
    rfm: Rfm | None = None
    gbm: Gbm | None = None
    lstm: Lstm | None = None

    @classmethod
    def start(cls, orders: Orders, end: int, task: Task, near: Base | None = None) -> "Members":
        """Learn the base and the season from the orders up to a day.

        Raises:
            ThinDataError: there are too few repeated orders.
        """
        width = width_at(orders, end, task.periods)
        base = Base.fit(Panel.at(orders, task.periods.back(end, width)), task.seed, near)
        groups = task.groups(orders.until(end))
        return cls(task, end, base, Season.fit(orders, base, end, task.country, groups), width)

    def taught(self, orders: Orders) -> "Members":
        """Return the same with cells and learners, taught by earlier days of what is known."""
        task, periods = self.task, self.task.periods
        known = orders.until(self.end)
        span = periods.between(int(known.day.min()), self.end)
        longest = max(1, min(task.ahead, span // 2))
        leads = sorted({max(1, round(longest * share)) for share in INNER}, reverse=True)
        pairs = []
        for lead in leads:
            samples = self.samples(known, periods.shift(self.end, -lead), lead)
            pairs.append((samples, samples.came(known)))
        near = pairs[len(pairs) // 2 :]
        return replace(
            self,
            rfm=Rfm.fit([(samples.panel, came) for samples, came in near]),
            gbm=Gbm.fit(pairs, task.seed) if "gbm" in task.learners else None,
            lstm=Lstm.best(pairs, heads=task.heads, seed=task.seed) if "lstm" in task.learners else None,
        )

    def samples(self, orders: Orders, end: int, ahead: int) -> Samples:
        """Describe the customers of a day for the periods after it."""
        panel = Panel.at(orders, self.task.periods.back(end, self.width))
        edges = self.task.periods.ahead(end, ahead)
        group = self.task.groups(orders.until(end)).get(self.season.kind)
        more = {"season": self.season.factors(edges, None if group is None else group[panel.customers])}
        if self.task.traits is not None:
            more["traits"] = self.task.traits
        return Samples.of(panel, self.base, self.task.periods, ahead, **more)

    def forecast(self, samples: Samples) -> dict[str, Floats]:
        """Return what each member says: net value, tables of customers x periods."""
        said = {"btyd": samples.base * _sign(samples)}
        if self.rfm:
            said["rfm"] = self.rfm.forecast(samples.panel, samples.base.shape[1])
        if self.gbm:
            said["gbm"] = samples.base * self.gbm.factor(samples)[:, None]
        if self.lstm:
            said["lstm"] = self.lstm.forecast(samples)
        return said


def _sign(samples: Samples) -> Floats:
    """Let those who bring back more than they buy bring less than nothing."""
    return np.where(samples.order_value < 0, -1.0, 1.0)[:, None]


def width_at(orders: Orders, end: int, periods: Periods) -> int:
    """Return how many whole periods are known by a day, three years of them at most and one at least."""
    return max(1, min(periods.between(int(orders.day.min()), end), 3 * periods.per_year))


@dataclass(frozen=True)
class Trial:
    """How well an earlier day was forecast: the day, the periods ahead, and the metrics of each model."""

    end: int
    ahead: int
    metrics: dict[str, Metrics]


@dataclass
class Model:
    """Members and how they are put together; what it was judged by is kept."""

    members: Members
    blend: Blend
    spread: Spread
    customers: int
    orders: int
    years: float
    trials: list[Trial] = field(default_factory=list)

    @property
    def method(self) -> Method:
        """Which models the forecast comes from."""
        if set(self.blend.weights) == {"rfm"}:
            return "rfm"
        return "blend" if "lstm" in self.blend.weights else "series_and_btyd"

    @classmethod
    def fit(cls, orders: Orders, end: int, task: Task) -> "Model":
        """Learn all members, and from rolling origins how to put them together.

        Nothing after ``end`` is looked at. Under two years the network yields; where too few customers bought
        again, all yield to what customers of the same cell brought.

        Raises:
            ThinDataError: fewer than two periods are known.
        """
        known = orders.until(end)
        first = int(known.day.min()) if len(known) else end
        if task.periods.between(first, end) < 2:
            raise ThinDataError(
                f"orders are known of {end - first + 1} days; a forecast needs two {task.periods.unit}s"
            )
        counted = (len(np.unique(known.customer)), int(known.placed.sum()), (end - first + 1) / YEAR)
        try:
            started = Members.start(known, end, task)
        except ThinDataError:
            width = width_at(known, end, task.periods)
            base = Base.assumed(Panel.at(known, task.periods.back(end, width)))
            none = Season(task.country, None, {})
            members = Members(replace(task, learners=()), end, base, none, width).taught(known)
            return cls(members, Blend({"rfm": 1.0}, 1.0, 1.0), Spread.assumed(base.mean_value), *counted)
        if counted[-1] < YEARS_FOR_LSTM:
            task = replace(task, learners=tuple(name for name in task.learners if name != "lstm"))
        origins = list(_starts(started, known, task))
        kind, power = believed_season(origins, known)
        trials, days = [], []
        for member, lead in origins:
            season = replace(member.season, kind=kind, power=power)
            taught = replace(member, season=season, task=task).taught(known)
            if taught.lstm:
                task = replace(task, heads=(taught.lstm.head,))
            samples = taught.samples(known, taught.end, lead)
            trials.append((samples, taught.forecast(samples), samples.came(known)))
            days.append((taught.end, lead))
        season = replace(started.season, kind=kind, power=power)
        members = replace(started, season=season, task=task).taught(known)
        blend = Blend.fit(trials, task.ahead)
        now = members.samples(known, end, task.ahead)
        anchored = blend.balanced(now, members.forecast(now))
        if not trials:
            return cls(members, anchored, Spread.assumed(members.base.mean_value), *counted)
        judged = [(samples, blend.combine(samples, said), came) for samples, said, came in trials]
        groups = [cohort_numbers(samples.panel.first)[0] for samples, _, _ in judged]
        spread = Spread.fit(judged, groups, members.base.pareto.r)
        told = [
            Trial(
                day, lead, {name: evaluate(table, came) for name, table in {**said, "blend": mixed}.items()}
            )
            for (day, lead), (_, said, _), (_, mixed, came) in zip(days, trials, judged, strict=True)
        ]
        return cls(members, anchored, spread, *counted, told)

    def forecast(self, orders: Orders, end: int) -> "Forecast":
        """Say what each customer known on a day will bring; later orders are not looked at."""
        samples = self.members.samples(orders.until(end), end, self.members.task.ahead)
        said = self.members.forecast(samples)
        value = self.blend.combine(samples, said)
        factor = np.abs(value).sum(axis=1) / np.maximum(samples.base.sum(axis=1), TINY)
        count = samples.base_orders * np.clip(factor, 1 / MOST_FACTOR, MOST_FACTOR)[:, None]
        return Forecast(samples, said, value, count, self.spread, self.members.base.pareto.r)


@dataclass(frozen=True)
class Forecast:
    """What is said of customers: tables of customers x periods, in the unit of the orders' values."""

    samples: Samples
    members: dict[str, Floats]
    value: Floats
    orders: Floats
    spread: Spread
    r: float

    @cached_property
    def totals(self) -> Chances:
        """How each customer's sum of all periods is distributed."""
        return self.spread.customers(self.samples, self.value.sum(axis=1), self.orders.sum(axis=1), self.r)

    @cached_property
    def months(self) -> Chances:
        """How each customer's net value of each period is distributed."""
        return self.spread.customers(self.samples, self.value, self.orders, self.r)


def cohort_numbers(first: Ints) -> tuple[Ints, list[str]]:
    """Return the number of each customer's cohort, the quarter of its first order, and names (2026-Q1)."""
    months = first.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    quarters, numbers = np.unique(months // 3, return_inverse=True)
    return numbers.ravel(), [f"{1970 + quarter // 4}-Q{quarter % 4 + 1}" for quarter in quarters.tolist()]


def _starts(now: Members, known: Orders, task: Task) -> Iterator[tuple[Members, int]]:
    """Return members begun on the earlier days on which there was enough to begin with."""
    for day, lead in rolling(known, now.end, task):
        try:
            yield Members.start(known, day, task, now.base), lead
        except ThinDataError:
            continue


def rolling(orders: Orders, end: int, task: Task) -> list[tuple[int, int]]:
    """Return the earlier days to judge by, each with how many periods ahead are judged.

    At least two thirds of the periods are always known before; where there are years, three days a season
    apart.
    """
    periods = task.periods
    span = periods.between(int(orders.day.min()), end)
    if span >= 2.5 * task.ahead and span >= 2 * periods.per_year:
        lead = task.ahead
        shifts: Sequence[int] = (lead, lead + periods.per_year // 4, lead + periods.per_year // 2)
        return [(periods.shift(end, -k), lead) for k in shifts if span - k >= lead]
    leads = sorted({span // 3, span // 4, span // 6} - {0}, reverse=True)
    return [(periods.shift(end, -k), min(k, task.ahead)) for k in leads]


def believed_season(origins: Sequence[tuple[Members, int]], orders: Orders) -> tuple[Kind, float]:
    """Return whose season to believe and how much: what would have made the earlier months of groups best.

    A season must make them clearly better than none, and that of groups clearly better than everybody's.
    """
    kinds: list[Kind] = ["tenant"]
    kinds += [kind for kind in GROUPED if all(m.season.groups.get(kind) for m, _ in origins)]
    tried = [(kind, power) for kind in kinds for power in POWERS]
    none, errors = 0.0, dict.fromkeys(tried, 0.0)
    for members, lead in origins:
        samples = members.samples(orders, members.end, lead)
        came, customers = samples.came(orders), samples.panel.customers
        groups = {
            kind: group[customers] for kind, group in members.task.groups(orders.until(members.end)).items()
        }
        none += _missed(samples.base, came, groups)
        for kind, power in tried:
            season = replace(members.season, kind=kind, power=power)
            errors[kind, power] += _missed(
                samples.base * season.factors(samples.edges, groups.get(kind)), came, groups
            )
    best: tuple[Kind, float] = ("tenant", 0.0)
    missed = none
    for kind in kinds:
        power = min(POWERS, key=lambda power: errors[kind, power])
        if errors[kind, power] < CLEARLY * missed:
            best, missed = (kind, power), errors[kind, power]
    return best


def _missed(said: Floats, came: Floats, groups: Mapping[Kind, Ints]) -> float:
    """Return what is missed of the sums of all and of each group, by period, as a share of what came."""
    off = said - came
    sums = [off.sum(axis=0)]
    sums += [off[group == number].sum(axis=0) for group in groups.values() for number in np.unique(group)]
    return float(np.abs(sums).sum()) / max(abs(float(came.sum())), TINY)


__all__ = ["Forecast", "Members", "Model", "Task", "ThinDataError", "cohort_numbers", "rolling"]
