"""The arithmetic of the truth against hand-worked examples."""

from datetime import date

import numpy as np
import pytest

from include.demo.world.clock import Calendar, day_number
from include.demo.world.money import Rate, divided, left_of, vat_within


@pytest.mark.parametrize(
    ("numerator", "denominator", "whole"),
    [(5, 10, 1), (-5, 10, -1), (4, 10, 0), (-4, 10, 0), (15, 10, 2), (-15, 10, -2), (7, 1, 7)],
)
def test_halves_are_rounded_away_from_zero(numerator: int, denominator: int, whole: int) -> None:
    assert divided(np.array([numerator]), denominator)[0] == whole


def test_what_is_left_of_an_order() -> None:
    """100.00 with 9.09 VAT at 12.25 %: 33.33 back leaves 66.67, 6.06 VAT, 60.61 net, 7.42 commission."""
    one = np.ones(1, dtype=np.int64)
    left = left_of(one * 10_000, one * 909, one * 3_333, one * 1_225)
    assert (left.gross[0], left.vat[0], left.net[0], left.commission[0]) == (6_667, 606, 6_061, 742)
    over = left_of(one * 10_000, one * 909, one * 11_000, one * 1_225)
    assert (over.gross[0], over.vat[0], over.net[0], over.commission[0]) == (-1_000, -91, -909, 0)


def test_vat_within_a_gross_amount() -> None:
    assert vat_within(np.array([10_000, 110_000]), 1_000).tolist() == [909, 10_000]


def test_money_is_converted_exactly() -> None:
    days = np.array([0])
    dong = Rate("VND", "USD", 0, np.array([393_000]), 10)
    assert dong.convert(np.array([1_000_000]), days).tolist() == [3_930]
    dollars = Rate("USD", "VND", 0, np.array([2_543_050]), 2)
    assert dollars.convert(np.array([1_999]), days).tolist() == [508_356]
    same = Rate("USD", "USD", 0, np.array([1]), 0)
    assert same.convert(np.array([1_234_500]), days, digits=6).tolist() == [123]


def test_days_have_their_true_length() -> None:
    spring = day_number(date(2026, 3, 8))
    calendar = Calendar("America/New_York", spring - 1, spring + 1)
    lengths = np.diff(calendar.start_of(np.arange(spring - 1, spring + 2)))
    assert lengths.tolist() == [86_400, 82_800]
    last = calendar.start_of(np.array([spring + 1])) - 1
    assert calendar.day_of(last).tolist() == [spring]
