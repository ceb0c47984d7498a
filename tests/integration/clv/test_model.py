"""A forecast sees nothing of the future, adds up, is near the truth, and says what it is made of."""

from dataclasses import replace

import numpy as np
import pytest

from include.clv.base import ThinDataError
from include.clv.blend import Blend
from include.clv.evaluate import evaluate, randomised_pit
from include.clv.model import Forecast, Model, Task, cohort_numbers, rolling
from include.clv.panel import Orders
from include.clv.periods import Periods
from tests.unit.clv.shop import simulated

END = 18_000 + 720
TASK = Task(learners=("gbm",), ahead=6)


@pytest.fixture(scope="module")
def orders() -> Orders:
    return simulated()


@pytest.fixture(scope="module")
def model(orders: Orders) -> Model:
    return Model.fit(orders, END, TASK)


@pytest.fixture(scope="module")
def forecast(orders: Orders, model: Model) -> Forecast:
    return model.forecast(orders, END)


def test_it_is_near_the_truth(orders: Orders, forecast: Forecast) -> None:
    came = forecast.samples.came(orders)
    found = evaluate(forecast.value, came)
    assert found.bias is not None
    assert abs(found.bias) < 0.12
    assert (found.ngini or 0) > 0.7
    yardstick = evaluate(forecast.members["rfm"], came)
    assert found.mse < yardstick.mse
    pit = randomised_pit(*forecast.totals.below(came.sum(axis=1)))
    assert abs(np.mean((pit > 0.1) & (pit < 0.9)) - 0.8) < 0.05


def test_the_future_changes_nothing(orders: Orders, model: Model, forecast: Forecast) -> None:
    known = orders.until(END)
    later = orders.where(orders.day > END)
    order = np.random.default_rng(1).permutation(len(later))
    shuffled = Orders.of(
        np.concatenate([known.customer, later.customer[order]]),
        np.concatenate([known.day, later.day]),
        np.concatenate([known.value, later.value[::-1] * 7]),
    )
    again = Model.fit(shuffled, END, TASK)
    assert again.blend == model.blend
    assert np.array_equal(again.forecast(shuffled, END).value, forecast.value)


def test_a_forecast_of_a_part_is_the_part_of_the_forecast(
    orders: Orders, model: Model, forecast: Forecast
) -> None:
    part = orders.where(orders.customer % 5 == 2)
    alone = model.forecast(part, END)
    inside = np.isin(forecast.samples.panel.customers, alone.samples.panel.customers)
    assert np.allclose(alone.value, forecast.value[inside])
    assert np.allclose(alone.orders, forecast.orders[inside])


def test_it_says_what_it_is_made_of(model: Model) -> None:
    assert model.method == "series_and_btyd"
    assert set(model.blend.weights) == {"btyd", "gbm", "rfm"}
    assert sum(model.blend.weights.values()) == pytest.approx(1)
    assert model.trials
    assert {"btyd", "gbm", "rfm", "blend"} == set(model.trials[0].metrics)


def test_customers_of_one_order_and_of_returns_alone(orders: Orders) -> None:
    new = int(orders.customer.max()) + 1
    some = Orders.of(
        np.concatenate([orders.customer, [new, new + 1, new + 1, new + 2]]),
        np.concatenate([orders.day, [END - 30, END - 100, END - 90, END - 50]]),
        np.concatenate([orders.value, [25.0, 30.0, -90.0, -15.0]]),
        np.concatenate([orders.placed, [1, 1, 0, 0]]),
    )
    said = Model.fit(some, END, TASK).forecast(some, END)
    place = {number: row for row, number in enumerate(said.samples.panel.customers.tolist())}
    assert said.value[place[new]].sum() > 0
    assert 0 < said.samples.alive[place[new]] <= 1
    assert said.value[place[new + 1]].sum() < said.value[place[new]].sum(), "who brings back is worth less"
    assert new + 2 not in place, "who never ordered is no customer"
    assert np.isfinite(said.value).all()
    assert np.isfinite(said.totals.quantile(0.9)).all()


def test_thin_data_falls_back_to_cells(orders: Orders) -> None:
    few = orders.where(orders.customer < 25)
    model = Model.fit(few, END, Task())
    assert model.method == "rfm"
    assert model.blend == Blend({"rfm": 1.0}, 1.0, 1.0)
    assert (model.forecast(few, END).value >= 0).all()
    with pytest.raises(ThinDataError, match="orders are known of 20 days; a forecast needs two months"):
        Model.fit(orders, 18_019, Task())


def test_under_two_years_the_network_yields(orders: Orders) -> None:
    early = Model.fit(orders, 18_000 + 300, replace(TASK, learners=("lstm",), ahead=2))
    assert early.members.lstm is None
    assert "lstm" not in early.blend.weights


def test_rolling_days_leave_enough_before_them(orders: Orders) -> None:
    months, weeks = Task(ahead=12), Task(Periods("week"), ahead=39)
    assert [lead for _, lead in rolling(orders, 18_000 + 36 * 31, months)] == [12, 12, 12]
    short = rolling(orders, 18_000 + 39 * 7 - 1, weeks)
    assert [lead for _, lead in short] == [13, 9, 6]
    assert [(18_000 + 39 * 7 - 1 - day) // 7 for day, _ in short] == [13, 9, 6]


def test_cohorts_are_quarters_of_the_first_order() -> None:
    days = np.array(["2025-12-31", "2026-01-01", "2026-03-31", "2026-04-01"], dtype="datetime64[D]")
    numbers, names = cohort_numbers(days.astype(np.int64))
    assert [names[number] for number in numbers] == ["2025-Q4", "2026-Q1", "2026-Q1", "2026-Q2"]
