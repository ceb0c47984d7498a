"""How members are put together: weights, calibration and level, learnt from what came after earlier days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from include.clv.btyd import Floats
from include.clv.samples import TINY, Samples

PRIOR = {"btyd": 0.5, "gbm": 0.2, "lstm": 0.2, "rfm": 0.2}
"""Weights that members have where earlier days say nothing."""
TRUST = 0.5
"""How much of the logarithm of earlier days' level is believed of the day itself, of which more is known."""
HOLD = 0.1
"""How strongly the prior holds, as a share of what the earlier days weigh."""

Trial = tuple[Samples, Mapping[str, Floats], Floats]
"""Samples of an earlier day, what the members said of them, and what came."""


@dataclass(frozen=True)
class Blend:
    """Weights of the members, the slope of the calibration, and a factor on the whole.

    ``balance``: what keeps the sum of all customers as it is under the calibration; fixed with the model, so
    that a part of the customers is forecast as if all were.
    """

    weights: dict[str, float]
    slope: float
    level: float
    balance: float | None = None

    @classmethod
    def fit(cls, trials: Sequence[Trial], ahead: int) -> "Blend":
        """Learn from earlier days; without any the prior stands.

        Trials of fewer periods than are to be forecast say less of the weights and nothing of the level: what
        was too little for a summer says nothing of a year.
        """
        if not trials:
            return cls({name: weight for name, weight in PRIOR.items() if name != "lstm"}, 1.0, 1.0)
        names = [name for name in PRIOR if name in trials[0][1]]
        shorter = float(np.mean([ahead / came.shape[1] for _, _, came in trials]))
        weights = _stack(trials, names, HOLD * shorter)
        mixed = [_mix(weights, said) for _, said, _ in trials]
        slope = _slope(
            [(m.sum(axis=1), came.sum(axis=1)) for m, (_, _, came) in zip(mixed, trials, strict=True)]
        )
        sums = [
            (float(m.sum()), float(came.sum()), float(np.square(m.sum(axis=1) - came.sum(axis=1)).sum()))
            for m, (_, _, came) in zip(mixed, trials, strict=True)
        ]
        return cls(weights, slope, _level(sums) if shorter <= 1 else 1.0)

    def combine(self, samples: Samples, said: Mapping[str, Floats]) -> Floats:
        """Return the forecast, a table of customers x periods.

        The calibration moves customers towards each other or apart and leaves the sum as it is.
        """
        table = _mix(self.weights, said) * self.level
        sums = table.sum(axis=1)
        moved = np.sign(sums) * np.abs(sums) ** self.slope
        balance = self.balance if self.balance is not None else _balance(sums, moved)
        factor = np.where(sums == 0, 1.0, balance * moved / np.where(sums == 0, 1.0, sums))
        return np.asarray(table * factor[:, None])

    def balanced(self, samples: Samples, said: Mapping[str, Floats]) -> "Blend":
        """Return the same with the balance that these customers need."""
        sums = replace(self, slope=1.0, balance=1.0).combine(samples, said).sum(axis=1)
        return replace(self, balance=_balance(sums, np.sign(sums) * np.abs(sums) ** self.slope))


def _mix(weights: Mapping[str, float], said: Mapping[str, Floats]) -> Floats:
    held = {name: weight for name, weight in weights.items() if name in said}
    return np.asarray(sum(weight * said[name] for name, weight in held.items()) / sum(held.values()))


def _balance(sums: Floats, moved: Floats) -> float:
    total = float(moved.sum())
    return float(sums.sum()) / total if total else 1.0


def _stack(trials: Sequence[Trial], names: Sequence[str], hold: float) -> dict[str, float]:
    """Return weights, none below 0 and 1 together, that would have been best, held towards the prior."""
    gram, right = np.zeros((len(names), len(names))), np.zeros(len(names))
    for _, said, came in trials:
        table = np.column_stack([said[name].sum(axis=1) for name in names])
        brought = came.sum(axis=1)
        middle = np.maximum(table.mean(axis=1), 0)
        weigh = 1 / (middle + middle.mean() + TINY)
        weigh /= weigh.sum() * max(float(np.square(brought).mean()), TINY)
        gram += table.T @ (table * weigh[:, None])
        right += table.T @ (brought * weigh)
    prior = np.array([PRIOR[name] for name in names])
    prior /= prior.sum()
    hold *= np.trace(gram) / len(names)
    gram += hold * np.eye(len(names))
    right += hold * prior
    # The row of ones holds the sum at 1.
    root = np.linalg.cholesky(gram).T
    target = np.linalg.solve(root.T, right)
    firm = 1e3 * np.sqrt(np.trace(gram))
    weights, _ = nnls(np.vstack([root, np.full(len(names), firm)]), np.append(target, firm))
    return dict(zip(names, (weights / weights.sum()).tolist(), strict=True))


def _slope(trials: Sequence[tuple[Floats, Floats]]) -> float:
    """Return the power of the forecast by which customers would have brought it, held towards 1."""
    slopes, widths = [], []
    for said, came in trials:
        some = said > 0
        logs = np.log(said[some])
        logs -= logs.mean()
        design = np.column_stack([np.ones(some.sum()), logs])
        beta = np.array([np.log(max(float(came[some].mean()), TINY)), 1.0])
        for _ in range(30):
            mean = np.exp(np.clip(design @ beta, -40, 40))
            fisher = design.T @ (design * mean[:, None])
            step = np.linalg.solve(fisher + 1e-12 * np.eye(2), design.T @ (came[some] - mean))
            beta = beta + np.clip(step, -1, 1)
            if np.abs(step).max() < 1e-8:
                break
        mean = np.exp(np.clip(design @ beta, -40, 40))
        spread = float(np.mean((came[some] - mean) ** 2 / np.maximum(mean, TINY)))
        slopes.append(beta[1])
        widths.append(spread * np.linalg.inv(fisher + 1e-12 * np.eye(2))[1, 1])
    off = float(np.mean(slopes)) - 1.0
    noise = float(np.mean(widths)) + (float(np.var(slopes)) if len(slopes) > 1 else off**2)
    return float(np.clip(1 + off * off**2 / (off**2 + noise), 0.7, 1.3)) if off else 1.0


def _level(sums: Sequence[tuple[float, float, float]]) -> float:
    """Return the factor on the whole that earlier days agree on; within the bounds of chance it stays near 1.

    Their horizons overlap, and their models knew less than that of today; so the level goes half of the way.

    Args:
        sums: of each day what was said, what came, and the sum of the customers' squared errors.
    """
    usable = [(said, came, square) for said, came, square in sums if said > 0 and came > 0]
    if len(usable) < 2:
        return 1.0
    logs = np.array([np.log(came / said) for said, came, _ in usable])
    chance = float(np.mean([square / said**2 for said, _, square in usable]))
    off, noise = float(logs.mean()), float(logs.var(ddof=1)) + chance
    return float(np.exp(TRUST * off * off**2 / (off**2 + noise))) if off else 1.0
