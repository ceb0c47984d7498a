"""Days of a tenant's zone and instants in UTC, for whole arrays."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from include.demo.world.tables import Floats, Ints

DAY = 86_400
HOUR = 3_600
EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since the epoch."""
    return (day - EPOCH).days


def as_date(number: int) -> date:
    """The date of a day number."""
    return EPOCH + timedelta(days=int(number))


class Calendar:
    """The days of one zone around the simulated period, with their true lengths.

    Args:
        zone: IANA time zone.
        first: number of the first simulated day.
        last: number of the last simulated day.
    """

    def __init__(self, zone: str, first: int, last: int) -> None:
        self.zone = zone
        self.first = first
        self.last = last
        self._base = first - 400
        info = ZoneInfo(zone)
        numbers = range(self._base, last + 402)
        self._starts = np.array(
            [
                int(datetime.combine(as_date(number), datetime.min.time(), info).astimezone(UTC).timestamp())
                for number in numbers
            ],
            dtype=np.int64,
        )
        self.opens = int(self.start_of(np.array([first]))[0])
        """First instant of the simulated period, in seconds since the epoch."""
        self.ends = int(self.start_of(np.array([last + 1]))[0])
        """First instant after it."""

    def start_of(self, days: Ints) -> Ints:
        """Instant at which each day begins."""
        return self._starts[days - self._base]

    def day_of(self, seconds: Ints) -> Ints:
        """Day in which each instant lies."""
        after: Ints = np.searchsorted(self._starts, seconds, side="right").astype(np.int64)
        return after - 1 + self._base

    def within(self, days: Ints, shares: Floats) -> Ints:
        """Instants at a share (0 to below 1) of each day's true length."""
        starts = self.start_of(days)
        into: Ints = (shares * (self.start_of(days + 1) - starts)).astype(np.int64)
        return starts + into
