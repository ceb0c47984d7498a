"""Periods that end with the day of what is known: months or weeks, back into the past and ahead."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

YEAR = 365.25
"""Days of a year."""


@dataclass(frozen=True)
class Periods:
    """Months counted from the last known day (the 15th to the 15th), or weeks; days count from 1970-01-01.

    ``days``: length of a period where it is neither a calendar month nor 7 days, so that periods fill a
    horizon.
    """

    unit: Literal["month", "week"] = "month"
    days: float | None = None

    @property
    def per_year(self) -> int:
        """Periods of a year."""
        return 12 if self.unit == "month" else 52

    def shift(self, day: int, periods: int) -> int:
        """Return the day so many periods later; of a shorter month its last one."""
        if self.days or self.unit == "week":
            return day + round((self.days or 7) * periods)
        date = np.datetime64(day, "D")
        month = date.astype("datetime64[M]")
        target = month + periods
        length = int(((target + 1).astype("datetime64[D]") - target.astype("datetime64[D]")).astype(int))
        place = min(int((date - month.astype("datetime64[D]")).astype(int)), length - 1)
        return int((target.astype("datetime64[D]") + place).astype(int))

    @classmethod
    def filling(cls, horizon: int, history: int) -> "tuple[Periods, int]":
        """Return periods that fill so many days ahead, and their number: months for far horizons, else weeks.

        Args:
            horizon: days ahead.
            history: days known.
        """
        unit: Literal["month", "week"] = "month" if horizon > 200 and history >= 2 * YEAR else "week"
        count = max(1, round(horizon / (YEAR / 12 if unit == "month" else 7)))
        return cls(unit, horizon / count), count

    def back(self, end: int, count: int) -> Ints:
        """Return the edges of the periods of which the last ends with a day."""
        return np.array([self.shift(end, -k) + 1 for k in range(count, -1, -1)], dtype=np.int64)

    def ahead(self, end: int, count: int) -> Ints:
        """Return the edges of the periods of which the first begins after a day."""
        return np.array([self.shift(end, k) + 1 for k in range(count + 1)], dtype=np.int64)

    def between(self, first: int, end: int) -> int:
        """Return how many whole periods lie between the first known day and the last."""
        count = 0
        while self.shift(end, -(count + 1)) + 1 >= first:
            count += 1
        return count


def year_angle(edges: Ints) -> npt.NDArray[np.float64]:
    """Return where in the year the middle of each period lies, as an angle."""
    middle = (edges[:-1] + edges[1:]) / 2
    return np.asarray(2 * np.pi * (middle % YEAR) / YEAR)
