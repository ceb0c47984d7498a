"""What is known of customers on a day: their orders, one by one and by period, and nothing of later days."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.clv.btyd import Histories

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Orders:
    """Orders of customers, one element each, sorted by customer and day.

    ``customer``: number from 0. ``day``: days since any fixed day. ``value``: net of what came back, so it
    may be negative.
    """

    customer: Ints
    day: Ints
    value: Floats

    @classmethod
    def of(cls, customer: npt.ArrayLike, day: npt.ArrayLike, value: npt.ArrayLike) -> "Orders":
        """Sort orders; what one customer ordered on one day is one order.

        Raises:
            ValueError: the columns differ in length, or a value is no number.
        """
        numbers, days = np.asarray(customer, np.int64), np.asarray(day, np.int64)
        values = np.asarray(value, np.float64)
        if not (numbers.shape == days.shape == values.shape and numbers.ndim == 1):
            raise ValueError("customer, day and value must have one element for each order")
        if not np.isfinite(values).all():
            raise ValueError("the value of an order is no number")
        places = np.lexsort((days, numbers))
        numbers, days, values = numbers[places], days[places], values[places]
        starts = np.flatnonzero(np.r_[True, (np.diff(numbers) != 0) | (np.diff(days) != 0)][: len(numbers)])
        summed = np.add.reduceat(values, starts) if len(starts) else values
        return cls(numbers[starts], days[starts], summed)

    def until(self, day: int) -> "Orders":
        """Return the orders up to a day and of it."""
        known = self.day <= day
        return Orders(self.customer[known], self.day[known], self.value[known])

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True)
class Panel:
    """Customers who have ordered by a day, and what they did by period.

    ``customers``: their numbers, in rising order; all else has one row for each. ``orders`` and ``value``:
    tables of customers x periods, the last period ending with the day. ``first`` and ``last``: days of the
    first and the last order.
    """

    customers: Ints
    end: int
    edges: Ints
    """First days of the periods, and after them the day after the last one."""
    orders: Floats
    value: Floats
    first: Ints
    last: Ints
    repeats: Floats

    @classmethod
    def at(cls, orders: Orders, edges: npt.ArrayLike) -> "Panel":
        """Say what is known at the end of the last period; later orders are not looked at.

        Args:
            orders: of any days.
            edges: first days of the periods, rising, and after them the day after the last period. Orders
                before the first edge count for ``first`` and ``repeats`` only.

        Raises:
            ValueError: no customer has ordered by then, or the edges do not rise.
        """
        bounds = np.asarray(edges, np.int64)
        if len(bounds) < 2 or np.any(np.diff(bounds) <= 0):
            raise ValueError("edges must be at least two rising days")
        end = int(bounds[-1]) - 1
        known = orders.until(end)
        if not len(known):
            raise ValueError("no customer has ordered by the end of the last period")
        customers, row, counts = np.unique(known.customer, return_inverse=True, return_counts=True)
        last = np.cumsum(counts) - 1
        first = last - counts + 1
        shape = (len(customers), len(bounds) - 1)
        column = np.searchsorted(bounds, known.day, side="right") - 1
        inside = column >= 0
        cell = row[inside] * shape[1] + column[inside]
        return cls(
            customers=customers,
            end=end,
            edges=bounds,
            orders=_summed(cell, np.ones(len(cell)), shape),
            value=_summed(cell, known.value[inside], shape),
            first=known.day[first],
            last=known.day[last],
            repeats=counts.astype(np.float64) - 1,
        )

    def __len__(self) -> int:
        return len(self.customers)

    @property
    def histories(self) -> Histories:
        """What buy-till-you-die models read, in days."""
        recency = (self.last - self.first).astype(np.float64)
        return Histories(self.repeats, recency, (self.end - self.first).astype(np.float64))

    def ahead(self, orders: Orders, edges: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return the counts and values of these customers' orders in later periods: what came.

        Raises:
            ValueError: the periods begin before what is known ends.
        """
        bounds = np.asarray(edges, np.int64)
        if bounds[0] <= self.end:
            raise ValueError(f"the periods ahead begin on day {bounds[0]}, but day {self.end} is known")
        later = (orders.day >= bounds[0]) & (orders.day < bounds[-1])
        row = np.searchsorted(self.customers, orders.customer[later])
        row = np.minimum(row, len(self) - 1)
        own = self.customers[row] == orders.customer[later]
        column = np.searchsorted(bounds, orders.day[later][own], side="right") - 1
        cell = row[own] * (len(bounds) - 1) + column
        shape = (len(self), len(bounds) - 1)
        values = orders.value[later][own]
        return _summed(cell, np.ones(len(cell)), shape), _summed(cell, values, shape)


def _summed(cell: Ints, values: Floats, shape: tuple[int, int]) -> Floats:
    """Sum values by cell of a table."""
    table = np.bincount(cell, weights=values, minlength=shape[0] * shape[1])
    return np.asarray(table, dtype=np.float64).reshape(shape)
