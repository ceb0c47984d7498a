"""What the learning models read: features of each customer on a day, and what the base expects of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from include.clv.base import Base
from include.clv.btyd import Floats
from include.clv.panel import Orders, Panel
from include.clv.periods import YEAR, Periods

Ints = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

TINY = 1e-6

FEATURES = (
    "repeats",
    "age",
    "recency_share",
    "silence",
    "silence_in_gaps",
    "alive",
    "order_value",
    "last_quarter_orders",
    "last_quarter_value",
    "former_quarter_orders",
    "year_orders",
    "expected_orders",
    "returned_share",
    "first_angle_sin",
    "first_angle_cos",
)
"""Features of a customer, besides the traits that the warehouse tells."""


@dataclass(frozen=True)
class Samples:
    """Customers on a day, with the periods after it; one row per customer.

    ``base``: net value that the base expects of each customer and later period. ``base_orders``: its orders.
    ``alive``: probability of not having left. ``order_value``: mean net value of the orders to come.
    ``traits``: what is known from the first order on as 0 and 1, one column each. ``mean_value``: of an order
    of anybody's.
    """

    panel: Panel
    periods: Periods
    edges: Ints
    base: Floats
    base_orders: Floats
    alive: Floats
    order_value: Floats
    traits: Floats
    mean_value: float

    @classmethod
    def of(cls, panel: Panel, base: Base, periods: Periods, ahead: int, **more: Floats) -> "Samples":
        """Describe the customers of a panel for so many periods ahead.

        Args:
            panel: what is known.
            base: learnt from that or from less.
            periods: how time is cut.
            ahead: periods to forecast.
            more: ``traits``, a table with one row for each customer number; ``season``, factors of customers
                (or one row for all) x periods.
        """
        edges = periods.ahead(panel.end, ahead)
        orders = np.maximum(base.orders(panel, edges), TINY)
        if "season" in more:
            orders = orders * more["season"]
        order_value = base.order_value(panel)
        floor = 0.02 * abs(base.mean_value) + TINY
        traits = more["traits"][panel.customers] if "traits" in more else np.zeros((len(panel), 0))
        return cls(
            panel=panel,
            periods=periods,
            edges=edges,
            base=orders * np.maximum(order_value, floor)[:, None],
            base_orders=orders,
            alive=base.pareto.alive(panel.histories),
            order_value=order_value,
            traits=traits,
            mean_value=abs(base.mean_value) + TINY,
        )

    def __len__(self) -> int:
        return len(self.panel)

    def came(self, orders: Orders) -> Floats:
        """Return the net value that came of each customer in each period."""
        return self.panel.ahead(orders, self.edges)[1]

    @cached_property
    def features(self) -> Singles:
        """A table of customers x ``FEATURES`` and traits."""
        panel, periods = self.panel, self.periods
        told, quarter = panel.histories, max(1, periods.per_year // 4)
        gap = told.recency / np.maximum(told.repeats, 1)
        silence = told.age - told.recency
        recent = panel.orders[:, -quarter:].sum(axis=1)
        former = panel.orders[:, -2 * quarter : -quarter].sum(axis=1)
        angle = 2 * np.pi * (panel.first % YEAR) / YEAR
        gained = np.maximum(panel.value, 0).sum(axis=1)
        columns = (
            told.repeats,
            told.age,
            told.recency / np.maximum(told.age, 1),
            silence,
            np.where(told.repeats > 0, silence / np.maximum(gap, 1), -1),
            self.alive,
            self.order_value / self.mean_value,
            recent,
            panel.value[:, -quarter:].sum(axis=1) / self.mean_value,
            former,
            panel.orders[:, -periods.per_year :].sum(axis=1),
            self.base_orders.sum(axis=1) / self.base_orders.shape[1],
            1 - panel.value.sum(axis=1) / np.maximum(gained, TINY),
            np.sin(angle),
            np.cos(angle),
        )
        return np.column_stack([*columns, self.traits]).astype(np.float32)
