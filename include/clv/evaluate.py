"""How good a forecast of customers is: of their sum, of each one, of their order, and month by month.

What a single customer does is mostly chance. So the sum must be right, the ranking must hold, and each tenth
of customers must bring what was said of it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metrics:
    """Measures of one forecast; shares are fractions. None where the measure is not defined.

    ``bias``: forecast sum over true sum, less 1. ``mae``, ``mse``: mean absolute and squared error of a
    customer. ``wape``: sum of absolute errors over the true sum. ``pearson``, ``spearman``: correlation of
    values and of ranks. ``ngini``: :func:`normalised_gini`. ``decile_wape``: :func:`decile_wape`.
    ``curve_mape``: mean share of error of the sums of the periods.
    """

    bias: float | None
    mae: float
    mse: float
    wape: float | None
    pearson: float | None
    spearman: float | None
    ngini: float | None
    decile_wape: float | None
    curve_mape: float | None


def evaluate(forecast: Floats, truth: Floats) -> Metrics:
    """Measure a forecast.

    Args:
        forecast: one row per customer, one column per period ahead.
        truth: what came, of the same shape.

    Raises:
        ValueError: there is no customer, the shapes differ, or a value is no number.
    """
    if forecast.shape != truth.shape or forecast.ndim != 2 or not forecast.size:
        raise ValueError(
            f"forecast {forecast.shape} and truth {truth.shape} must be one table of customers x periods"
        )
    if not (np.isfinite(forecast).all() and np.isfinite(truth).all()):
        raise ValueError("a forecast or a true value is no number")
    said, came = forecast.sum(axis=1), truth.sum(axis=1)
    error, total = said - came, float(came.sum())
    return Metrics(
        bias=float(error.sum()) / total if total else None,
        mae=float(np.abs(error).mean()),
        mse=float((error**2).mean()),
        wape=float(np.abs(error).sum()) / abs(total) if total else None,
        pearson=_correlation(said, came),
        spearman=_correlation(rankdata(said), rankdata(came)),
        ngini=normalised_gini(said, came),
        decile_wape=decile_wape(said, came),
        curve_mape=curve_mape(forecast.sum(axis=0), truth.sum(axis=0)),
    )


def normalised_gini(said: Floats, came: Floats) -> float | None:
    """Return the Gini index of what came, in the order of the forecast, over that in its own order.

    1 for the true order, 0 for chance. Customers of one forecast share what they bring, so no order among
    them counts. None when all bring the same.
    """
    best = _gini(came, came)
    return _gini(said, came) / best if best else None


def _gini(order: Floats, came: Floats) -> float:
    _, place, counts = np.unique(-order, return_inverse=True, return_counts=True)
    brought = np.bincount(place.ravel(), weights=came)
    ends = np.cumsum(counts)
    middles = ends - counts / 2
    total = came.sum()
    return float((brought / total) @ (1 - 2 * middles / ends[-1])) if total else 0.0


def decile_wape(said: Floats, came: Floats, parts: int = 10) -> float | None:
    """Return the share of error of the sums of each tenth of customers, cut by the forecast."""
    total = float(came.sum())
    if not total:
        return None
    part = (rankdata(said, method="ordinal") - 1) * parts // len(said)
    errors = np.bincount(part.astype(np.int64), weights=said - came, minlength=parts)
    return float(np.abs(errors).sum()) / abs(total)


def curve_mape(said: Floats, came: Floats) -> float | None:
    """Return the mean share of error of the sums of periods; those in which nothing came are left out."""
    known = came != 0
    return float(np.mean(np.abs(said[known] - came[known]) / np.abs(came[known]))) if known.any() else None


def randomised_pit(low: Floats, high: Floats, seed: int = 0) -> Floats:
    """Return where each true value lies in its forecast distribution, as a share.

    Uniform between 0 and 1 for honest distributions. C. Czado, T. Gneiting, L. Held: Predictive Model
    Assessment for Count Data (2009), https://doi.org/10.1111/j.1541-0420.2009.01191.x.

    Args:
        low: probability of less than what came.
        high: probability of what came or less; equal to ``low`` where no single value has a probability.
        seed: of the draw within such values.
    """
    return np.asarray(low + np.random.default_rng(seed).random(low.shape) * (high - low))


def _correlation(left: Floats, right: Floats) -> float | None:
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])
