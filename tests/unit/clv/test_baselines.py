"""The yardsticks, by hand."""

import numpy as np

from include.clv.baselines import PRIOR, Rfm, naive
from include.clv.panel import Orders, Panel
from include.clv.periods import Periods

WEEKS = Periods("week")


def test_naive_repeats_the_mean_of_the_last_periods() -> None:
    panel = Panel.at(Orders.of([1, 1, 2], [0, 10, 20], [6, 3, -2]), WEEKS.back(20, 3))
    assert naive(panel, WEEKS, 2).tolist() == [[1.5, 1.5], [-1, -1]]


def test_naive_repeats_the_same_periods_of_a_year_ago() -> None:
    panel = Panel.at(Orders.of([1, 1], [3, 363], [5, 7]), WEEKS.back(363, 52))
    said = naive(panel, WEEKS, 53)[0]
    assert said[0] == said[52] == 5
    assert said[51] == 7
    assert said.sum() == 17


def test_a_cell_is_worth_what_it_brought_held_to_what_all_did() -> None:
    orders = Orders.of(np.arange(100), np.repeat([0, 90], 50), np.full(100, 10.0))
    panel = Panel.at(orders, WEEKS.back(95, 13))
    came = np.concatenate([np.zeros((50, 2)), np.full((50, 2), 4.0)])
    said = Rfm.fit([(panel, came)]).forecast(panel, 3)
    assert said.shape == (100, 3)
    assert np.allclose(said[:50], PRIOR * 2 / (50 + PRIOR))
    assert np.allclose(said[50:], (50 * 4 + PRIOR * 2) / (50 + PRIOR))
