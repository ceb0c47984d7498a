"""Distributions say what they are asked, and tell when they are wrong."""

import numpy as np

from include.clv.evaluate import randomised_pit
from include.clv.spread import Chances, Spread, group_sums

RNG = np.random.default_rng(3)


def test_quantile_and_probability_are_each_others_inverse() -> None:
    told = Chances(np.array([0.0, 0.05, 0.5, 0.95]), np.full(4, 20.0), np.full(4, 0.7))
    high = told.quantile(0.9)
    assert high[-1] == 0, "nine of ten bring nothing"
    assert (high[:3] > 0).all()
    assert np.allclose(told.below(high)[1][:3], 0.9)
    assert told.below(np.zeros(4))[0].tolist() == [0, 0, 0, 0]
    assert np.allclose(told.below(np.full(4, -3.0))[1], told.nothing)


def test_the_mean_is_that_of_those_who_bring_something() -> None:
    told = Chances(np.zeros(1), np.array([50.0]), np.array([0.8]))
    shares = (np.arange(20_000) + 0.5) / 20_000
    assert np.isclose(np.mean([told.quantile(share)[0] for share in shares[::20]]), 50, rtol=0.02)


def test_honest_distributions_have_uniform_pit_and_narrow_ones_have_not() -> None:
    nothing, sigma = RNG.uniform(0.2, 0.9, 4_000), np.full(4_000, 0.8)
    told = Chances(nothing, np.full(4_000, 30.0), sigma)
    drawn = np.where(
        RNG.random(4_000) < nothing, 0, np.exp(np.log(30) - 0.32 + 0.8 * RNG.standard_normal(4_000))
    )
    pit = randomised_pit(*told.below(drawn))
    assert abs(np.mean((pit > 0.1) & (pit < 0.9)) - 0.8) < 0.02
    narrow = randomised_pit(*Chances(nothing * 0.5, np.full(4_000, 30.0), sigma * 0.3).below(drawn))
    assert abs(np.mean((narrow > 0.1) & (narrow < 0.9)) - 0.8) > 0.1


def test_groups_of_many_spread_less() -> None:
    spread = Spread(np.array([2.0]), 0.0, 1.0, (0.5, 0.5))
    low, high = spread.group(np.array([[100.0, 100.0], [10_000.0, 10_000.0]]))
    assert ((high - low)[0] / 100 > 5 * (high - low)[1] / 10_000).all()
    assert (low < [[100.0], [10_000.0]]).all()
    shared = Spread(np.array([2.0]), 0.01, 1.0, (0.5, 0.5)).group(np.array([[10_000.0]]))
    assert shared[1][0, 0] - shared[0][0, 0] > (high - low)[1, 0]
    back, forth = spread.group(np.array([[-100.0]]))
    assert back[0, 0] < -100 < forth[0, 0]


def test_sums_of_groups() -> None:
    table = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert group_sums(table, np.array([1, 0, 1])).tolist() == [[3, 4], [6, 8]]
