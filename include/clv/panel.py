"""What is known of customers on a day: their orders, one by one and by period, and nothing of later days."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.clv.btyd import Histories

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Orders:
    """What customers ordered and sent back, one element per customer and day, sorted by these.

    ``customer``: number from 0. ``day``: days since any fixed day. ``value``: net of what came back, so it
    may be negative. ``placed``: 1 where something was ordered, 0 where goods or money only came back.
    """

    customer: Ints
    day: Ints
    value: Floats
    placed: Floats

    @classmethod
    def of(
        cls,
        customer: npt.ArrayLike,
        day: npt.ArrayLike,
        value: npt.ArrayLike,
        placed: npt.ArrayLike | None = None,
    ) -> "Orders":
        """Sort orders; what one customer ordered on one day is one order.

        Args:
            customer: number of each row's customer.
            day: its day.
            value: its net value.
            placed: whether it is an order; without it every row is.

        Raises:
            ValueError: the columns differ in length, or a value is no number.
        """
        numbers, days = np.asarray(customer, np.int64), np.asarray(day, np.int64)
        values = np.asarray(value, np.float64)
        flags = np.ones(len(values)) if placed is None else np.asarray(placed, np.float64)
        if not (numbers.shape == days.shape == values.shape == flags.shape and numbers.ndim == 1):
            raise ValueError("customer, day, value and placed must have one element for each row")
        if not np.isfinite(values).all():
            raise ValueError("the value of an order is no number")
        places = np.lexsort((days, numbers))
        numbers, days, values, flags = numbers[places], days[places], values[places], flags[places]
        starts = np.flatnonzero(np.r_[True, (np.diff(numbers) != 0) | (np.diff(days) != 0)][: len(numbers)])
        if not len(starts):
            return cls(numbers, days, values, flags)
        summed, any_placed = np.add.reduceat(values, starts), np.maximum.reduceat(flags, starts)
        return cls(numbers[starts], days[starts], summed, (any_placed > 0).astype(np.float64))

    def until(self, day: int) -> "Orders":
        """Return what is known at the end of a day."""
        return self.where(self.day <= day)

    def where(self, kept: npt.NDArray[np.bool_]) -> "Orders":
        """Return some of the rows."""
        return Orders(self.customer[kept], self.day[kept], self.value[kept], self.placed[kept])

    def firsts(self) -> tuple[Ints, Ints]:
        """Return the customers who ordered, in rising order of number, and the days of the first orders."""
        bought = self.placed > 0
        customers, starts = np.unique(self.customer[bought], return_index=True)
        return customers, self.day[bought][starts]

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True)
class Panel:
    """Customers who have ordered by a day, and what they did by period.

    ``customers``: their numbers, in rising order; all else has one row for each. ``orders`` and ``value``:
    tables of customers x periods, the last period ending with the day. ``first`` and ``last``: days of the
    first and the last order. ``repeats``: orders after the first. ``spent``: net value of all that is known.
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
    spent: Floats

    @classmethod
    def at(cls, orders: Orders, edges: npt.ArrayLike) -> "Panel":
        """Say what is known at the end of the last period; later orders are not looked at.

        Args:
            orders: of any days.
            edges: first days of the periods, rising, and after them the day after the last period. Orders
                before the first edge count for ``first``, ``repeats`` and ``spent`` only.

        Raises:
            ValueError: no customer has ordered by then, or the edges do not rise.
        """
        bounds = np.asarray(edges, np.int64)
        if len(bounds) < 2 or np.any(np.diff(bounds) <= 0):
            raise ValueError("edges must be at least two rising days")
        end = int(bounds[-1]) - 1
        known = orders.until(end)
        bought = known.where(known.placed > 0)
        if not len(bought):
            raise ValueError("no customer has ordered by the end of the last period")
        customers, counts = np.unique(bought.customer, return_counts=True)
        last = np.cumsum(counts) - 1
        row, own = _rows(customers, known.customer)
        column = np.searchsorted(bounds, known.day, side="right") - 1
        inside = own & (column >= 0)
        shape = (len(customers), len(bounds) - 1)
        cell = row[inside] * shape[1] + column[inside]
        return cls(
            customers=customers,
            end=end,
            edges=bounds,
            orders=_summed(cell, known.placed[inside], shape),
            value=_summed(cell, known.value[inside], shape),
            first=bought.day[last - counts + 1],
            last=bought.day[last],
            repeats=counts.astype(np.float64) - 1,
            spent=_summed(row[own], known.value[own], (len(customers), 1))[:, 0],
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
        later = orders.where((orders.day >= bounds[0]) & (orders.day < bounds[-1]))
        row, own = _rows(self.customers, later.customer)
        column = np.searchsorted(bounds, later.day[own], side="right") - 1
        cell = row[own] * (len(bounds) - 1) + column
        shape = (len(self), len(bounds) - 1)
        return _summed(cell, later.placed[own], shape), _summed(cell, later.value[own], shape)


def _rows(customers: Ints, wanted: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return the place of each wanted customer among sorted ones, and whether it is there."""
    row = np.minimum(np.searchsorted(customers, wanted), len(customers) - 1)
    return row, customers[row] == wanted


def _summed(cell: Ints, values: Floats, shape: tuple[int, int]) -> Floats:
    """Sum values by cell of a table."""
    table = np.bincount(cell, weights=values, minlength=shape[0] * shape[1])
    return np.asarray(table, dtype=np.float64).reshape(shape)
