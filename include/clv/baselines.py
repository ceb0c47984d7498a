"""Forecasts that need no model: more of the same, and what customers of the same cell brought before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.clv.btyd import Floats
from include.clv.panel import Panel
from include.clv.periods import Periods

PRIOR = 20.0
"""Customers of a cell that weigh as much as what all customers say."""

RECENCY = (30, 60, 90, 180, 365)
ORDERS = (2, 3, 5, 9)
"""Borders of the cells: days since the last order, and orders."""


def naive(panel: Panel, periods: Periods, ahead: int) -> Floats:
    """Return the same periods of a year ago, or where none are known the mean of the last ones.

    Returns:
        Net value, a table of customers x periods.
    """
    year, known = periods.per_year, panel.value.shape[1]
    if known >= year:
        return np.asarray(panel.value[:, -year:][:, np.arange(ahead) % year])
    mean = panel.value[:, -min(ahead, known) :].mean(axis=1)
    return np.repeat(mean[:, None], ahead, axis=1)


@dataclass(frozen=True)
class Rfm:
    """Net value of a period per customer, by cell of recency, number of orders and mean value.

    ``means``: one element per cell; ``borders``: of the mean value of an order.
    """

    means: Floats
    borders: Floats

    @classmethod
    def fit(cls, taught: Sequence[tuple[Panel, Floats]]) -> "Rfm":
        """Learn what customers of each cell brought in the periods after earlier days.

        Args:
            taught: panels, and what came of them (customers x periods).
        """
        values = np.concatenate([panel.spent / (panel.repeats + 1) for panel, _ in taught])
        borders = np.quantile(values, [1 / 3, 2 / 3])
        cells = np.concatenate([_cells(panel, borders) for panel, _ in taught])
        brought = np.concatenate([came.mean(axis=1) for _, came in taught])
        size = (len(RECENCY) + 1) * (len(ORDERS) + 1) * 3
        counts = np.bincount(cells, minlength=size)
        sums = np.bincount(cells, weights=brought, minlength=size)
        return cls((sums + PRIOR * brought.mean()) / (counts + PRIOR), borders)

    def forecast(self, panel: Panel, ahead: int) -> Floats:
        """Return the net value of each customer and period ahead; all periods are alike."""
        return np.repeat(self.means[_cells(panel, self.borders)][:, None], ahead, axis=1)


def _cells(panel: Panel, borders: Floats) -> npt.NDArray[np.int64]:
    silent = np.searchsorted(RECENCY, panel.end - panel.last, side="right")
    often = np.searchsorted(ORDERS, panel.repeats + 1, side="right")
    worth = np.searchsorted(borders, panel.spent / (panel.repeats + 1), side="right")
    return np.asarray((silent * (len(ORDERS) + 1) + often) * 3 + worth, dtype=np.int64)
