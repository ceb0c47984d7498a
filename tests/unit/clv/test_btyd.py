"""Buy till you die: what was put into simulated customers is found again, and the formulas hold."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from include.clv.btyd import FitError, Floats, GammaGamma, Histories, ParetoNbd

TRUE = ParetoNbd(r=0.6, alpha=10.0, s=0.7, beta=12.0)
VALUES = GammaGamma(p=6.0, q=4.0, v=15.0)


def simulate(
    model: ParetoNbd, customers: int, age: float, ahead: float, seed: int
) -> tuple[Histories, Floats]:
    """Return histories as the model makes them, and how many orders follow within the time ahead."""
    chance = np.random.default_rng(seed)
    rates = chance.gamma(model.r, 1 / model.alpha, customers)
    ends = chance.exponential(1 / chance.gamma(model.s, 1 / model.beta, customers))
    ages = chance.uniform(0.7 * age, age, customers)
    repeats, recency, later = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    for one, (rate, end, known) in enumerate(zip(rates, ends, ages, strict=True)):
        orders = np.sort(chance.uniform(0, known + ahead, chance.poisson(rate * (known + ahead))))
        orders = orders[orders < end]
        before = orders[orders <= known]
        repeats[one], later[one] = len(before), len(orders) - len(before)
        recency[one] = before[-1] if len(before) else 0.0
    return Histories(repeats, recency, ages), later


def one(repeats: float, recency: float, age: float) -> Histories:
    return Histories(np.array([repeats]), np.array([recency]), np.array([age]))


@pytest.fixture(scope="module")
def simulated() -> tuple[Histories, Floats]:
    return simulate(TRUE, 4_000, 40.0, 40.0, seed=3)


@pytest.fixture(scope="module")
def fitted(simulated: tuple[Histories, Floats]) -> ParetoNbd:
    return ParetoNbd.fit(simulated[0])


def test_the_parameters_are_found_within_their_errors(fitted: ParetoNbd) -> None:
    assert fitted.errors is not None
    for name, error in zip(("r", "alpha", "s", "beta"), fitted.errors, strict=True):
        assert abs(getattr(fitted, name) - getattr(TRUE, name)) < 3 * error, name
        assert 0 < error < 1.5 * getattr(TRUE, name), name


def test_the_forecast_is_what_comes(simulated: tuple[Histories, Floats], fitted: ParetoNbd) -> None:
    histories, later = simulated
    expected = fitted.expected(histories, 40.0)
    assert expected.sum() == pytest.approx(later.sum(), rel=0.06)
    assert np.corrcoef(expected, later)[0, 1] > 0.6
    alive = fitted.alive(histories)
    assert np.all((alive > 0) & (alive <= 1))
    assert later[alive < 0.2].mean() < 0.25 * later[alive > 0.8].mean()


def test_the_unit_of_time_does_not_matter(simulated: tuple[Histories, Floats], fitted: ParetoNbd) -> None:
    told = simulated[0]
    in_days = ParetoNbd.fit(Histories(told.repeats, 7 * told.recency, 7 * told.age))
    assert in_days.r == pytest.approx(fitted.r, rel=1e-3)
    assert in_days.alpha == pytest.approx(7 * fitted.alpha, rel=1e-3)
    assert in_days.expected(one(3, 70, 140), 70.0) == pytest.approx(
        fitted.expected(one(3, 10, 20), 10.0), rel=1e-3
    )


@pytest.mark.parametrize(
    "model", [TRUE, replace(TRUE, alpha=5.0, beta=20.0), replace(TRUE, s=1.0, alpha=12.0)]
)
@pytest.mark.parametrize("history", [(0.0, 0.0, 20.0), (4.0, 15.0, 20.0), (9.0, 3.0, 30.0)])
def test_alive_is_what_the_integrals_say(model: ParetoNbd, history: tuple[float, float, float]) -> None:
    """P(alive) by integrating over both unseen rates, without the closed form."""
    repeats, recency, age = history

    def of_rate(end: float) -> float:
        """Likelihood of the orders, up to a constant, when the customer is there until ``end``."""
        return float((model.alpha + end) ** -(model.r + repeats))

    stays = of_rate(age) * (model.beta / (model.beta + age)) ** model.s
    leaves, _ = quad(
        lambda end: of_rate(end) * model.s * model.beta**model.s * (model.beta + end) ** -(model.s + 1),
        recency,
        age,
    )
    assert model.alive(one(*history))[0] == pytest.approx(stays / (stays + leaves), rel=1e-6)


def test_far_ahead_and_newcomers() -> None:
    young, old = TRUE.expected(one(3, 10, 12), 1.0), TRUE.expected(one(3, 10, 60), 1.0)
    assert young > old > 0
    assert TRUE.expected(one(3, 10, 12), 0.0) == 0
    steps = np.array([1.0, 10.0, 100.0, 1_000.0])
    assert np.all(np.diff(TRUE.expected_of_new(steps)) > 0)
    assert TRUE.expected_of_new(1e-6) / 1e-6 == pytest.approx(TRUE.r / TRUE.alpha, rel=1e-4)


def test_long_histories_stay_numbers() -> None:
    loyal = one(400, 990, 1_000)
    assert np.isfinite(TRUE.alive(loyal)).all()
    assert 0.9 < TRUE.alive(loyal)[0] <= 1
    assert TRUE.alive(one(400, 100, 1_000))[0] < 1e-6


def test_histories_too_short_to_tell_who_left_are_fitted_all_the_same() -> None:
    told, _ = simulate(replace(TRUE, s=20.0, beta=400.0), 300, 8.0, 0.0, seed=4)
    fitted = ParetoNbd.fit(told)
    assert np.isfinite([fitted.r, fitted.alpha, fitted.s, fitted.beta, fitted.log_likelihood]).all()
    assert np.isfinite(fitted.expected(told, 8.0)).all()


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody has bought a second time"):
        ParetoNbd.fit(Histories(np.zeros(5), np.zeros(5), np.ones(5)))
    with pytest.raises(ValueError, match="0 <= recency <= age"):
        one(1, 5, 4)
    with pytest.raises(ValueError, match="one element for each"):
        Histories(np.zeros(2), np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="worth more than nothing"):
        GammaGamma.fit(np.array([1.0]), np.array([-3.0]))
    with pytest.raises(FitError, match="no expectation"):
        replace(VALUES, q=0.9).expected(np.array([1.0]), np.array([10.0]))


def test_the_value_of_orders_is_found_and_shrunk() -> None:
    chance = np.random.default_rng(5)
    orders = chance.integers(1, 12, 4_000).astype(float)
    rates = chance.gamma(VALUES.q, 1 / VALUES.v, 4_000)
    means = chance.gamma(VALUES.p * orders, 1 / (orders * rates))
    fitted = GammaGamma.fit(orders, means)
    assert fitted.errors is not None
    for name, error in zip(("p", "q", "v"), fitted.errors, strict=True):
        assert abs(getattr(fitted, name) - getattr(VALUES, name)) < 3 * error, name
    everybody = VALUES.v * VALUES.p / (VALUES.q - 1)
    few, many, none = VALUES.expected(np.array([1.0, 50.0, 0.0]), np.array([90.0, 90.0, 0.0]))
    assert everybody < few < many < 90
    assert none == pytest.approx(everybody)
    assert VALUES.expected(np.array([3.0]), np.array([-20.0]))[0] < everybody


def test_equal_histories_are_computed_once() -> None:
    told = Histories(np.array([1.0, 0, 1]), np.array([2.0, 0, 2]), np.array([5.0, 5, 5]))
    distinct, counts, of = told.distinct()
    assert (len(distinct), counts.tolist()) == (2, [1.0, 2.0])
    assert distinct.recency[of].tolist() == told.recency.tolist()
