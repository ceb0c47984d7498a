"""The measures of a forecast, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.clv.evaluate import Floats, decile_wape, evaluate, normalised_gini, randomised_pit


def table(*rows: list[float]) -> Floats:
    return np.array(rows, dtype=np.float64)


def test_by_hand() -> None:
    told = evaluate(table([1, 1], [4, 2], [0, 0]), table([2, 0], [3, 5], [0, 0]))
    assert told.bias == pytest.approx(-0.2)
    assert told.mae == pytest.approx(2 / 3)
    assert told.mse == pytest.approx(4 / 3)
    assert told.wape == pytest.approx(0.2)
    assert told.spearman == pytest.approx(1)
    assert told.ngini == pytest.approx(1)
    assert told.curve_mape == pytest.approx((0 + 2 / 5) / 2)
    assert told.pearson == pytest.approx(np.corrcoef([2, 6, 0], [2, 8, 0])[0, 1])


def test_a_true_forecast_has_no_error() -> None:
    truth = np.random.default_rng(0).gamma(1, 5, (200, 12))
    told = evaluate(truth, truth)
    assert (told.bias, told.mae, told.mse, told.wape, told.decile_wape, told.curve_mape) == (0, 0, 0, 0, 0, 0)
    assert [told.pearson, told.spearman, told.ngini] == pytest.approx([1, 1, 1])


def test_the_ranking_against_the_wrong_way_and_chance() -> None:
    came = np.arange(1.0, 101.0)
    assert normalised_gini(-came, came) == pytest.approx(-1)
    assert normalised_gini(np.ones(100), came) == pytest.approx(0)
    assert normalised_gini(came, np.ones(100)) is None


@given(st.lists(st.floats(-50, 200), min_size=2, max_size=40))
def test_the_order_of_rows_does_not_matter(came: list[float]) -> None:
    """Neither among customers whose forecast is the same."""
    values = np.round(np.array(came), 3)
    said = np.round(values / 40)
    turned = np.argsort(np.random.default_rng(len(came)).random(len(came)))
    left, right = normalised_gini(said, values), normalised_gini(said[turned], values[turned])
    assert left == pytest.approx(right, abs=1e-9)


def test_tenths_are_cut_by_the_forecast() -> None:
    said = np.arange(100.0)
    came = said.copy()
    came[:10] += 10  # the lowest tenth brings 100 more
    assert decile_wape(said, came) == pytest.approx(100 / came.sum())
    assert decile_wape(said, np.zeros(100)) is None


def test_places_in_an_honest_distribution_are_uniform() -> None:
    chance = np.random.default_rng(1)
    came = chance.random(20_000) < 0.3  # 0 with 70 %, 1 with 30 %
    places = randomised_pit(np.where(came, 0.7, 0.0), np.where(came, 1.0, 0.7))
    assert np.quantile(places, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.02)
    wrong = randomised_pit(np.where(came, 0.5, 0.0), np.where(came, 1.0, 0.5))
    assert abs(np.quantile(wrong, 0.5) - 0.5) > 0.05


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="customers x periods"):
        evaluate(table([1, 2]), table([1, 2, 3]))
    with pytest.raises(ValueError, match="no number"):
        evaluate(table([np.nan]), table([1]))
    nothing = evaluate(table([1.0], [1.0]), table([0.0], [0.0]))
    assert (nothing.bias, nothing.wape, nothing.ngini, nothing.curve_mape, nothing.pearson) == (None,) * 5
