"""Learn from operators' verdicts where the model errs: boosted trees correct the weight of doubtful pairs.

The trees start from the weight, so that they learn what is to be added to it.
T. Chen, C. Guestrin: XGBoost (2016), https://doi.org/10.1145/2939672.2939785.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

Floats = npt.NDArray[np.float64]

BAND = 6.0
"""How far from the linking weight a pair may be for its weight to be corrected; the rest is not in doubt."""

FEWEST_VERDICTS = 100
"""Verdicts below which nothing is learnt."""

FEWEST_OF_EACH = 25
"""Verdicts of either kind below which nothing is learnt."""

_PARTS = 5
_ROUNDS = 60
_SETTINGS: dict[str, Any] = {
    "objective": "binary:logistic",
    "max_depth": 3,
    "eta": 0.1,
    "min_child_weight": 5,
    "lambda": 5.0,
    "seed": 0,
    "nthread": 1,
}


def features(degrees: Mapping[str, npt.ArrayLike], columns: Sequence[str]) -> Floats:
    """Return one row per pair: its degree of agreement in each column, not a number where not stated."""
    told = np.column_stack([np.asarray(degrees[column], dtype=np.float64) for column in columns])
    told[told < 0] = np.nan
    return told


def learn_correction(told: Floats, weights: Floats, is_same: npt.NDArray[np.bool_]) -> str | None:
    """Return trees that correct weights, as JSON; None when verdicts kept from them show no gain.

    Args:
        told: features of the judged pairs, as :func:`features` gives them.
        weights: what the model weighs them, log2 of the odds.
        is_same: the verdicts.
    """
    of_each = np.bincount(is_same.astype(np.int64), minlength=2)
    if len(is_same) < FEWEST_VERDICTS or of_each.min() < FEWEST_OF_EACH:
        return None
    part = np.random.default_rng(0).permutation(len(is_same)) % _PARTS
    corrected = np.empty_like(weights)
    for left_out in range(_PARTS):
        own, others = part == left_out, part != left_out
        trees = _train(told[others], weights[others], is_same[others])
        corrected[own] = _corrected(trees, told[own], weights[own])
    if _loss(corrected, is_same) >= _loss(weights, is_same):
        return None
    return _train(told, weights, is_same).save_raw("json").decode()


def correct(trees: str, told: Floats, weights: Floats) -> Floats:
    """Return the corrected weights of doubtful pairs, log2 of the odds."""
    return _corrected(_loaded(trees), told, weights)


def _train(told: Floats, weights: Floats, is_same: npt.NDArray[np.bool_]) -> xgboost.Booster:
    return xgboost.train(_SETTINGS, _matrix(told, weights, is_same), num_boost_round=_ROUNDS)


def _corrected(trees: xgboost.Booster, told: Floats, weights: Floats) -> Floats:
    margin = trees.predict(_matrix(told, weights), output_margin=True)
    return np.asarray(margin, dtype=np.float64) / math.log(2)


def _matrix(told: Floats, weights: Floats, is_same: npt.NDArray[np.bool_] | None = None) -> xgboost.DMatrix:
    return xgboost.DMatrix(
        np.column_stack([told, weights]), label=is_same, base_margin=weights * math.log(2), nthread=1
    )


def _loss(weights: Floats, is_same: npt.NDArray[np.bool_]) -> float:
    """Return the mean logarithmic loss of what the weights say, in bits."""
    return float(np.mean(np.logaddexp2(0.0, np.where(is_same, -weights, weights))))


@lru_cache(maxsize=8)
def _loaded(trees: str) -> xgboost.Booster:
    booster = xgboost.Booster()
    booster.load_model(bytearray(trees.encode()))
    booster.set_param({"nthread": 1})
    return booster
