"""Trees correct what verdicts show to be wrong, and leave alone what is right."""

import numpy as np
import pytest

from include.identity.rescore import FEWEST_OF_EACH, FEWEST_VERDICTS, correct, features, learn_correction

COLUMNS = ("given", "phone", "email")


def judged(pairs: int, overrated: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs whose weight is right but for a phone that agrees, of which too much is made."""
    chance = np.random.default_rng(seed)
    degrees = {column: chance.integers(-1, 3, pairs) for column in COLUMNS}
    right = 1.5 * degrees["given"] + degrees["email"] - 1 + chance.normal(0, 1, pairs)
    is_same = chance.random(pairs) < 1 / (1 + 2.0**-right)
    return features(degrees, COLUMNS), right + overrated * (degrees["phone"] == 2), is_same


def share_right(weights: np.ndarray, is_same: np.ndarray) -> float:
    return float(np.mean((weights >= 0) == is_same))


def test_what_is_overrated_is_learnt() -> None:
    told, weights, is_same = judged(600, overrated=5.0)
    trees = learn_correction(told, weights, is_same)
    assert trees is not None
    other, other_weights, other_same = judged(2_000, overrated=5.0, seed=2)
    corrected = correct(trees, other, other_weights)
    assert share_right(corrected, other_same) > share_right(other_weights, other_same) + 0.05
    lowered = (corrected - other_weights)[other[:, 1] == 2]
    assert lowered.mean() < -2
    assert abs((corrected - other_weights)[other[:, 1] != 2].mean()) < 0.7


def test_a_right_model_is_left_alone() -> None:
    assert learn_correction(*judged(600, overrated=0.0)) is None


@pytest.mark.parametrize("same", [0, FEWEST_OF_EACH - 1])
def test_few_verdicts_teach_nothing(same: int) -> None:
    told, weights, _ = judged(FEWEST_VERDICTS, overrated=9.0)
    assert learn_correction(told, weights, np.arange(FEWEST_VERDICTS) < same) is None
    many, many_weights, is_same = judged(FEWEST_VERDICTS - 1, overrated=9.0)
    assert learn_correction(many, many_weights, is_same) is None


def test_the_same_verdicts_teach_the_same() -> None:
    assert learn_correction(*judged(300, 5.0)) == learn_correction(*judged(300, 5.0)) is not None


def test_what_is_not_stated_is_no_number() -> None:
    told = features({"given": [2, -1], "phone": [0, 1], "email": [-1, -1]}, COLUMNS)
    assert np.isnan(told).tolist() == [[False, False, True], [True, False, True]]
