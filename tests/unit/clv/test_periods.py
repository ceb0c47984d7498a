"""Months end with the day of what is known, whatever their length; weeks and other periods fill a horizon."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from include.clv.periods import Periods, year_angle

MONTHS, WEEKS = Periods(), Periods("week")


def number(day: str) -> int:
    return int(np.datetime64(day, "D").astype(int))


def test_the_last_day_of_a_month_leads_to_last_days() -> None:
    edges = MONTHS.ahead(number("2025-01-31"), 3)
    assert [str(np.datetime64(int(day) - 1, "D")) for day in edges] == [
        "2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30",
    ]  # fmt: skip


@given(st.integers(10_000, 25_000), st.integers(1, 40))
def test_periods_join_without_gap(end: int, count: int) -> None:
    for periods in (MONTHS, WEEKS, Periods("month", 30.4)):
        back, ahead = periods.back(end, count), periods.ahead(end, count)
        assert back[-1] == ahead[0] == end + 1
        assert (np.diff(back) > 0).all()
        assert (np.diff(ahead) > 0).all()


def test_whole_periods_between_two_days() -> None:
    assert MONTHS.between(number("2025-01-01"), number("2025-12-31")) == 12
    assert MONTHS.between(number("2025-01-02"), number("2025-12-31")) == 11
    assert WEEKS.between(0, 13) == 2
    assert WEEKS.between(0, 5) == 0


@given(st.integers(1, 800), st.integers(1, 2_000))
def test_periods_fill_a_horizon_to_the_day(horizon: int, history: int) -> None:
    periods, count = Periods.filling(horizon, history)
    edges = periods.ahead(20_000, count)
    assert edges[-1] - edges[0] == horizon
    assert periods.unit == ("month" if horizon > 200 and history >= 730.5 else "week")


def test_the_angle_is_that_of_the_middle_of_the_period() -> None:
    angle = year_angle(np.array([0, 2, 367]))
    assert angle[0] * 365.25 / (2 * np.pi) == 1
    assert np.isclose(angle[1] * 365.25 / (2 * np.pi), 184.5)
