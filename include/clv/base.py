"""What a customer of such a history is expected to bring: the common start of all models of customers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.clv.btyd import FitError, Floats, GammaGamma, Histories, ParetoNbd
from include.clv.panel import Panel

FEW_REPEATERS = 30
"""Customers who bought again, from which on their rates are learnt."""
ENOUGH = 20_000
"""Customers of whom a likelihood is taken at most; more do not move it."""


class ThinDataError(ValueError):
    """There are too few repeated orders to learn rates from."""


@dataclass(frozen=True)
class Base:
    """Orders by Pareto/NBD, their values by Gamma-Gamma or, where values do not allow it, the shrunk mean."""

    pareto: ParetoNbd
    gamma: GammaGamma | None
    mean_value: float

    @classmethod
    def fit(cls, panel: Panel, seed: int = 0, near: "Base | None" = None) -> "Base":
        """Learn from all that a panel knows, beginning near another base if there is one.

        Raises:
            ThinDataError: fewer than ``FEW_REPEATERS`` customers have bought again.
        """
        repeaters = int((panel.repeats > 0).sum())
        if repeaters < FEW_REPEATERS:
            raise ThinDataError(
                f"{repeaters} of {len(panel)} customers bought a second time; {FEW_REPEATERS} are needed"
            )
        told = panel.histories
        rng = np.random.default_rng(seed)
        some = np.arange(len(told))
        if len(told) > ENOUGH:
            some = np.sort(rng.choice(len(told), ENOUGH, replace=False))
        drawn = Histories(told.repeats[some], told.recency[some], told.age[some])
        pareto = ParetoNbd.fit(drawn, near.pareto if near else None)
        orders = panel.repeats + 1
        means = panel.spent / orders
        mean_value = float(panel.spent.sum() / orders.sum())
        worth = some[means[some] > 0]
        gamma: GammaGamma | None = None
        if len(worth) > FEW_REPEATERS and np.ptp(means[worth]) > 1e-9 * abs(mean_value):
            try:
                gamma = GammaGamma.fit(orders[worth], means[worth])
            except FitError:
                gamma = None
        return cls(pareto, gamma if gamma and gamma.q > 1 else None, mean_value)

    @classmethod
    def assumed(cls, panel: Panel) -> "Base":
        """Return a base for too few customers to learn from: their mean rate, and common shapes."""
        told = panel.histories
        rate = max(float(told.repeats.sum() / max(told.age.sum(), 1.0)), 1e-5)
        mean_value = float(panel.spent.sum() / (panel.repeats + 1).sum())
        return cls(ParetoNbd(0.5, 0.5 / rate, 0.5, 90.0), None, mean_value)

    def order_value(self, panel: Panel) -> Floats:
        """Return the mean value of each customer's orders to come."""
        orders = panel.repeats + 1
        if self.gamma:
            return self.gamma.expected(orders, panel.spent / orders)
        return np.asarray((panel.spent + self.mean_value) / (orders + 1))

    def orders(self, panel: Panel, edges: npt.ArrayLike) -> Floats:
        """Return the expected orders of each customer and later period."""
        told = panel.histories
        times = np.asarray(edges, np.float64) - (panel.end + 1)
        return np.diff(self.pareto.expected_by(told, times), axis=1)

    def past_orders(self, first: npt.ArrayLike, edges: npt.ArrayLike) -> Floats:
        """Return the repeated orders of all customers together that were to be expected in past periods.

        Args:
            first: day of the first order of each customer.
            edges: first days of the periods, and the day after the last one.
        """
        days, customers = np.unique(np.asarray(first, np.int64), return_counts=True)
        ages = np.maximum(np.asarray(edges, np.float64)[None, :] - days[:, None] - 1, 0.0)
        return np.asarray(customers @ np.diff(self.pareto.expected_of_new(ages), axis=1))
