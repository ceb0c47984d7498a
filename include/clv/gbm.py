"""Boosted trees: by how much a customer brings more or less than the base expects, told by RFM features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xgboost as xgb

from include.clv.btyd import Floats
from include.clv.samples import TINY, Samples

MOST_ROUNDS = 300
PATIENCE = 10
PARAMETERS = {
    "max_depth": 2,
    "eta": 0.05,
    "subsample": 0.5,
    "colsample_bytree": 0.5,
    "lambda": 200.0,
    "num_parallel_tree": 3,
    "max_bin": 64,
    "nthread": 1,
}
MOST_ROWS = 200_000


@dataclass
class Gbm:
    """Trees whose sum is the logarithm of a factor on the base."""

    booster: xgb.Booster
    rounds: int
    unit: float

    @classmethod
    def fit(cls, taught: Sequence[tuple[Samples, Floats]], seed: int = 0) -> "Gbm":
        """Learn from what came after earlier days; the newest of them only says when to stop.

        Args:
            taught: samples and what came of them (customers x periods), oldest first.
            seed: of the draws.
        """
        unit = float(np.mean([came.sum() / max(base.base.sum(), TINY) for base, came in taught]))
        unit = unit if unit > 0 else 1.0
        parts = [_matrix(samples, came) for samples, came in taught]
        learnt, judged = parts[:-1] or parts, parts[-1]
        features, target, base = (np.concatenate([part[k] for part in learnt]) for k in range(3))
        rng = np.random.default_rng(seed)
        if len(target) > MOST_ROWS:
            some = rng.choice(len(target), MOST_ROWS, replace=False)
            features, target, base = features[some], target[some], base[some]
        mean = max(float(np.abs(target).mean()), TINY)
        train = xgb.DMatrix(
            features, label=target / mean, base_margin=np.log(base / mean), weight=_weight(base)
        )
        test = xgb.DMatrix(
            judged[0], label=judged[1] / mean, base_margin=np.log(judged[2] / mean), weight=_weight(judged[2])
        )
        weight = float((_weight(base) * base / mean).sum())
        settings = PARAMETERS | {
            "seed": seed,
            "min_child_weight": max(100.0, 0.005 * weight),
            "base_score": 0.0,
            "disable_default_eval_metric": 1,
        }
        booster = xgb.train(
            settings,
            train,
            MOST_ROUNDS,
            obj=_gain,
            custom_metric=_deviance,
            evals=[(test, "later")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        return cls(booster, booster.best_iteration + 1, unit)

    def factor(self, samples: Samples) -> Floats:
        """Return each customer's factor on the base."""
        raw = self.booster.predict(
            xgb.DMatrix(samples.features, base_margin=np.zeros(len(samples))),
            output_margin=True,
            iteration_range=(0, self.rounds),
        )
        return np.asarray(np.exp(np.clip(raw, -3, 3)), dtype=np.float64)


def _matrix(samples: Samples, came: Floats) -> tuple[Floats, Floats, Floats]:
    periods = came.shape[1]
    base = np.maximum(samples.base[:, :periods].sum(axis=1), TINY)
    return samples.features.astype(np.float64), came.sum(axis=1), base


def _gain(margin: Floats, data: xgb.DMatrix) -> tuple[Floats, Floats]:
    """Gradient and curvature of the Poisson quasi-likelihood, which negative values do not harm."""
    mean = np.exp(np.clip(margin, -20, 12))
    weight = data.get_weight()
    gradient, curvature = weight * (mean - data.get_label()), weight * np.maximum(mean, 1e-4)
    return np.asarray(gradient, np.float64), np.asarray(curvature, np.float64)


def _deviance(margin: Floats, data: xgb.DMatrix) -> tuple[str, float]:
    mean = np.exp(np.clip(margin, -20, 12))
    return "quasi", float(np.average(mean - data.get_label() * np.log(mean), weights=data.get_weight()))


def _weight(base: Floats) -> Floats:
    """Return how much each row counts: the more is expected of a customer, the further off it may be."""
    return np.asarray(1 / (1 + base / max(float(np.mean(base)), TINY)))
