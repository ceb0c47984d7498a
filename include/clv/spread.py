"""How far what comes may lie from what was said: of customers, of cohorts and of tenants.

A customer's sum is nothing with some probability, else lognormal. A group's sum spreads by the chance of its
customers, which adds up, and by what the models get wrong for all of them alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.stats import gamma, norm

from include.clv.btyd import Floats
from include.clv.samples import TINY, Samples

Ints = npt.NDArray[np.int64]

LOW, HIGH = 0.1, 0.9
"""Borders of the 80 % intervals."""
MOST_CUSTOMERS = 50_000

Trial = tuple[Samples, Floats, Floats]
"""Samples of an earlier day, the blend's forecast (customers x periods), and what came."""


@dataclass(frozen=True)
class Chances:
    """For each customer and time: the probability of nothing, and the lognormal of what comes else."""

    nothing: Floats
    mean: Floats
    sigma: Floats

    def quantile(self, share: float) -> Floats:
        """Return the value below which that share of outcomes lies."""
        inside = np.clip((share - self.nothing) / np.maximum(1 - self.nothing, TINY), 0.0, 1 - 1e-9)
        log = np.log(np.maximum(self.mean, TINY)) - self.sigma**2 / 2
        value = np.exp(log + self.sigma * norm.ppf(np.maximum(inside, 1e-12)))
        return np.asarray(np.where(inside > 0, value, 0.0))

    def below(self, value: Floats) -> tuple[Floats, Floats]:
        """Return the probabilities of less than a value, and of as much or less."""
        log = np.log(np.maximum(self.mean, TINY)) - self.sigma**2 / 2
        inside = norm.cdf((np.log(np.maximum(value, TINY)) - log) / self.sigma)
        high = np.where(value > 0, self.nothing + (1 - self.nothing) * inside, self.nothing)
        return np.where(value > 0, high, 0.0), high


@dataclass(frozen=True)
class Spread:
    """What the earlier days taught of it.

    ``chance``: variance of a group's sum that its customers make, per unit of net value, by period ahead.
    ``error``: relative variance that all customers of a group share. ``shape``: how alike customers of one
    history are, against the base's own view. ``values``: relative variance of a customer's sum, fixed and per
    order.
    """

    chance: Floats
    error: float
    shape: float
    values: tuple[float, float]

    @classmethod
    def fit(cls, trials: Sequence[Trial], cohorts: Sequence[Ints], r: float) -> "Spread":
        """Learn from earlier days.

        Args:
            trials: what was said and what came.
            cohorts: number of each customer's cohort, of each trial.
            r: shape of the base's rates.
        """
        ahead = max(came.shape[1] for _, _, came in trials)
        square, said_sum = np.zeros(ahead), np.zeros(ahead)
        for _, said, came in trials:
            square[: came.shape[1]] += ((said - came) ** 2).sum(axis=0)
            said_sum[: came.shape[1]] += np.abs(said).sum(axis=0)
        chance = square / np.maximum(said_sum, TINY)
        extra, scale = 0.0, 0.0
        for (_, said, came), groups in zip(trials, cohorts, strict=True):
            for table in (groups, np.zeros_like(groups)):
                told, real = group_sums(said, table), group_sums(came, table)
                # Large groups tell of common errors; small ones drown them in chance.
                noise = chance[: came.shape[1]] * np.abs(told)
                weight = 1 / (noise + (0.03 * told) ** 2 + TINY) ** 2 * told**2
                extra += float((weight * ((told - real) ** 2 - noise)).sum())
                scale += float((weight * told**2).sum())
        error = float(np.clip(extra / max(scale, TINY), 0.0, 0.25))
        return cls(chance, error, *_customers(trials, r))

    @classmethod
    def assumed(cls, mean_value: float) -> "Spread":
        """Return a wide spread for data of which no earlier day tells anything."""
        return cls(np.array([3.0 * abs(mean_value) + TINY]), 0.04, 0.5, (1.0, 1.0))

    def group(self, said: Floats) -> tuple[Floats, Floats]:
        """Return the 80 % interval of groups' sums, a table of groups x periods."""
        chance = np.append(self.chance, np.repeat(self.chance[-1:], max(0, said.shape[1] - len(self.chance))))
        size = np.maximum(np.abs(said), TINY)
        variance = chance[None, : said.shape[1]] * size + self.error * size**2
        shape = size**2 / np.maximum(variance, TINY)
        low, high = (gamma.ppf(share, shape, scale=variance / size) for share in (LOW, HIGH))
        return np.where(said >= 0, low, -high), np.where(said >= 0, high, -low)

    def customers(self, samples: Samples, value: Floats, orders: Floats, r: float) -> Chances:
        """Return the distributions of customers' sums.

        Args:
            samples: who they are.
            value: net value said, customers (x periods).
            orders: expected orders, of the same shape.
            r: shape of the base's rates.
        """
        alive = np.clip(samples.alive, 1e-6, 1.0)
        shape = self.shape * (r + samples.panel.repeats)
        if value.ndim > 1:
            alive, shape = alive[:, None], shape[:, None]
        return _chances(np.abs(value), orders, alive, shape, self.values)


def group_sums(table: Floats, groups: Ints) -> Floats:
    """Return the sums of a table's rows by number of group."""
    sums = np.zeros((int(groups.max(initial=0)) + 1, table.shape[1]))
    np.add.at(sums, groups, table)
    return sums


def _chances(
    value: Floats, orders: Floats, alive: Floats, shape: Floats, values: tuple[float, float]
) -> Chances:
    mean = np.maximum(orders, TINY) / alive
    nothing = np.clip(1 - alive + alive * (shape / (shape + mean)) ** shape, 1e-9, 1 - 1e-9)
    some = np.maximum(orders / (1 - nothing), 1.0)
    variance = values[0] + values[1] / some
    return Chances(nothing, value / (1 - nothing), np.sqrt(np.log1p(variance)))


def _customers(trials: Sequence[Trial], r: float) -> tuple[float, tuple[float, float]]:
    rows = []
    for samples, said, came in trials:
        some = np.arange(len(samples))
        if len(some) > MOST_CUSTOMERS:
            some = np.random.default_rng(0).choice(some, MOST_CUSTOMERS, replace=False)
        periods = came.shape[1]
        rows.append(
            np.column_stack(
                [
                    np.abs(said[some].sum(axis=1)),
                    samples.base_orders[some, :periods].sum(axis=1),
                    np.clip(samples.alive[some], 1e-6, 1),
                    r + samples.panel.repeats[some],
                    came[some].sum(axis=1),
                ]
            )
        )
    value, orders, alive, shape, came = np.concatenate(rows).T
    bought = came > 0

    def loss(logs: Floats) -> float:
        told = _chances(value, orders, alive, np.exp(logs[0]) * shape, (np.exp(logs[1]), np.exp(logs[2])))
        none = np.log(told.nothing[~bought]).sum() + np.log1p(-told.nothing[bought]).sum()
        mean, sigma = told.mean[bought], told.sigma[bought]
        off = (np.log(came[bought]) - np.log(np.maximum(mean, TINY)) + sigma**2 / 2) / sigma
        return float(-(none - np.sum(np.log(sigma) + off**2 / 2)) / len(came))

    limits = [(-3.0, 3.0), (-8.0, 3.0), (-8.0, 3.0)]
    found = minimize(loss, np.array([0.0, -1.5, -0.5]), method="L-BFGS-B", bounds=limits)
    first, second, third = np.exp(found.x)
    return float(first), (float(second), float(third))
