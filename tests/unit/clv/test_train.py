"""Who becomes champion: the one that forecast earlier days no worse, before they were known."""

from dataclasses import replace

import numpy as np
import pytest

from include.clv.blend import Blend
from include.clv.evaluate import Metrics
from include.clv.model import Model, Task
from include.clv.train import common_traits, error, figures, judge, thresholds
from include.clv.warehouse import History, ModelError, Packed
from tests.unit.clv.shop import simulated

END = 18_000 + 720
ORDERS = simulated(600)
COUNT = int(ORDERS.customer.max()) + 1
HISTORY = History(
    np.array([f"c{number}" for number in range(COUNT)], dtype=object),
    ORDERS,
    np.array(["kol" if number % 3 else "store" for number in range(COUNT)], dtype=object),
    np.array(["tea" if number % 2 else "" for number in range(COUNT)], dtype=object),
)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.fit(ORDERS, END, Task(learners=(), ahead=6))


def packed(model: Model) -> Packed:
    return Packed(model, (), (100.0, 10.0))


def worse(model: Model, by: float) -> Model:
    trials = [
        replace(
            trial,
            metrics={
                name: replace(metrics, decile_wape=(metrics.decile_wape or 0) + by)
                for name, metrics in trial.metrics.items()
            },
        )
        for trial in model.trials
    ]
    return replace(model, trials=trials)


def test_the_first_model_is_champion(model: Model) -> None:
    assert judge(model, None, HISTORY) == ("champion", "the first model")


def test_the_same_again_is_taken_and_a_worse_one_refused(model: Model) -> None:
    assert judge(model, packed(model), HISTORY)[0] == "champion"
    status, reason = judge(worse(model, 0.3), packed(model), HISTORY)
    assert status == "refused"
    assert "earlier days" in reason
    assert judge(model, packed(worse(model, 0.3)), HISTORY)[0] == "champion"


def test_a_champion_is_judged_anew_on_days_after_its_training(model: Model) -> None:
    old = replace(model, members=replace(model.members, end=END - 400), blend=Blend({"btyd": 1.0}, 1.0, 0.2))
    status, reason = judge(model, packed(old), HISTORY)
    assert status == "champion"
    mine, theirs = (float(word.strip(",")) for word in reason.split() if word[0].isdigit() and "." in word)
    assert theirs > mine + 0.5, "a fifth of what came was forecast"


def test_a_model_that_cannot_be_judged_does_not_replace_one_that_was(model: Model) -> None:
    bare = replace(model, trials=[])
    assert judge(bare, packed(model), HISTORY)[0] == "refused"
    assert judge(bare, packed(bare), HISTORY)[0] == "champion"


def test_error_by_hand() -> None:
    nothing = dict.fromkeys(("bias", "mae", "mse", "wape", "pearson", "spearman"), 0.0)
    days = [Metrics(**nothing, ngini=0.9, decile_wape=0.1, curve_mape=0.05) for _ in range(2)]
    assert error(days) == pytest.approx(0.25)


def test_figures_are_means_over_the_days(model: Model) -> None:
    told = figures(model)
    assert told["earlier_days"] == len(model.trials)
    values = [trial.metrics["blend"].mae for trial in model.trials]
    assert told["blend_mae"] == pytest.approx(np.mean(values))


def test_segments_begin_where_their_shares_do() -> None:
    assert thresholds(np.arange(1, 101, dtype=float)) == pytest.approx((80.2, 50.5))


def test_the_most_common_channels_and_categories_are_traits() -> None:
    traits = common_traits(HISTORY)
    assert traits == (("channel", "kol"), ("channel", "store"), ("category", "tea"))
    assert HISTORY.traits(traits)[:4].tolist() == [[0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 1, 1]]
    assert HISTORY.segments(traits)[:4].tolist() == [1, 0, 0, 1]
    assert HISTORY.segments(traits[1:])[:4].tolist() == [0, -1, -1, 0]


def test_a_packed_model_forecasts_the_same_and_a_broken_one_says_what_to_do(model: Model) -> None:
    kept = Packed.unpack("v1", packed(model).pack())
    assert np.array_equal(kept.forecast(HISTORY, END).value, packed(model).forecast(HISTORY, END).value)
    with pytest.raises(ModelError, match=r"model v1 cannot be read .*include\.clv train"):
        Packed.unpack("v1", b"nothing")
