"""Buy till you die: how often a customer still buys, and for how much, from three numbers of each history.

Two models, each fitted by maximum likelihood:

- **Pareto/NBD** for orders: customers buy at rates of their own and leave at rates of their own, unseen.
  D. Schmittlein, D. Morrison, R. Colombo: Counting Your Customers (1987),
  https://doi.org/10.1287/mnsc.33.1.1; likelihood and expectations as in P. Fader, B. Hardie: A Note on
  Deriving the Pareto/NBD Model (2005).
- **Gamma-Gamma** for the value of an order: P. Fader, B. Hardie, K. Lee: RFM and CLV (2005),
  https://doi.org/10.1509/jmkr.2005.42.4.415.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1

Floats = npt.NDArray[np.float64]

_TINY = 1e-300
_SPREAD = 0.5
_WORST = 1e12
_LIMIT = 6.0
"""Bound of the logarithm of a parameter, in mean ages and mean values: beyond it nothing changes any more."""


class FitError(RuntimeError):
    """The likelihood has no maximum that could be found."""


@dataclass(frozen=True)
class Histories:
    """What the models read of customers, one element each; times in one unit, from the first order on.

    ``repeats``: orders after the first. ``recency``: time from the first to the last order. ``age``: time
    from the first order to the end of what is known.
    """

    repeats: Floats
    recency: Floats
    age: Floats

    def __post_init__(self) -> None:
        if not (self.repeats.shape == self.recency.shape == self.age.shape):
            raise ValueError("repeats, recency and age must have one element for each customer")
        if np.any(self.recency > self.age) or np.any(self.recency < 0) or np.any(self.repeats < 0):
            raise ValueError("a history has 0 <= recency <= age and no negative number of repeats")

    def __len__(self) -> int:
        return len(self.repeats)

    def distinct(self) -> tuple["Histories", Floats, npt.NDArray[np.int64]]:
        """Return the different histories, how many customers have each, and which one each customer has."""
        rows = np.column_stack([self.repeats, self.recency, self.age])
        found, of, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        return Histories(*found.T.copy()), counts.astype(np.float64), of.ravel()


@dataclass(frozen=True)
class ParetoNbd:
    """Orders come at a rate that differs by customer as Gamma(r, alpha), ends at one as Gamma(s, beta).

    ``errors`` are the standard errors of ``r, alpha, s, beta``, from the curvature of the log-likelihood.
    """

    r: float
    alpha: float
    s: float
    beta: float
    log_likelihood: float = 0.0
    errors: tuple[float, float, float, float] | None = None

    @classmethod
    def fit(cls, histories: Histories, near: "ParetoNbd | None" = None) -> "ParetoNbd":
        """Find the parameters under which the histories are most likely.

        Args:
            histories: of the customers.
            near: where to begin to look, if that is known; otherwise from several places.

        Raises:
            ValueError: nobody has bought again.
            FitError: no maximum was found.
        """
        if not np.any(histories.repeats > 0):
            raise ValueError("nobody has bought a second time; there is no rate to learn")
        told, counts, _ = histories.distinct()
        scale = float(np.average(told.age, weights=counts)) or 1.0
        unit = Histories(told.repeats, told.recency / scale, told.age / scale)

        def loss(logs: Floats) -> float:
            r, alpha, s, beta = np.exp(logs)
            likely = float(np.average(_log_likelihoods(r, alpha, s, beta, unit), weights=counts))
            return _too_alike(logs[[0, 2]]) / float(counts.sum()) - likely

        starts = [np.zeros(4), np.ones(4), -np.ones(4)]
        if near:
            starts = [np.log([near.r, near.alpha / scale, near.s, near.beta / scale])]
        best, curvature = _most_likely(loss, starts, counts.sum())
        r, alpha, s, beta = np.exp(best)
        told_errors = np.sqrt(np.diag(curvature)) * np.exp(best) if curvature is not None else None
        units = np.array([1.0, scale, 1.0, scale])
        repeats = float(counts @ told.repeats)
        return cls(
            float(r),
            float(alpha * scale),
            float(s),
            float(beta * scale),
            _too_alike(best[[0, 2]]) - loss(best) * float(counts.sum()) - repeats * float(np.log(scale)),
            None if told_errors is None else tuple((told_errors * units).tolist()),
        )

    def alive(self, histories: Histories) -> Floats:
        """Return each customer's probability of not having left."""
        r, alpha, s, beta = self.r, self.alpha, self.s, self.beta
        log_stays = -(r + histories.repeats) * np.log(alpha + histories.age) - s * np.log(
            beta + histories.age
        )
        log_left = np.log(s / (r + s + histories.repeats)) + _log_left(r, alpha, s, beta, histories)
        return np.asarray(1.0 / (1.0 + np.exp(np.minimum(log_left - log_stays, 700.0))))

    def expected(self, histories: Histories, ahead: float | Floats) -> Floats:
        """Return how many orders each customer is expected to make within a time ahead."""
        s, beta = self.s, self.beta
        rate = (self.r + histories.repeats) / (self.alpha + histories.age)
        return np.asarray(self.alive(histories) * rate * _stay(s, beta + histories.age, ahead))

    def expected_by(self, histories: Histories, times: Floats) -> Floats:
        """Return the same for several times ahead at once: a table of customers x times."""
        rate = (self.r + histories.repeats) / (self.alpha + histories.age)
        stays = _stay(self.s, (self.beta + histories.age)[:, None], np.asarray(times, np.float64)[None, :])
        return np.asarray((self.alive(histories) * rate)[:, None] * stays)

    def expected_of_new(self, ahead: float | Floats) -> Floats:
        """Return how many orders after the first a new customer is expected to make within a time."""
        return np.asarray(self.r / self.alpha * _stay(self.s, np.asarray(self.beta), ahead))


@dataclass(frozen=True)
class GammaGamma:
    """Order values vary around a mean of each customer's own, and that by customer, both as Gammas."""

    p: float
    q: float
    v: float
    log_likelihood: float = 0.0
    errors: tuple[float, float, float] | None = None

    @classmethod
    def fit(cls, orders: Floats, mean_values: Floats) -> "GammaGamma":
        """Find the parameters under which the mean order values are most likely.

        Args:
            orders: how many orders each customer's mean is of, at least 1.
            mean_values: mean value of these orders, above 0.

        Raises:
            ValueError: no customer is given, or one without orders or of no value.
            FitError: no maximum was found.
        """
        if not len(orders) or np.any(orders < 1) or np.any(mean_values <= 0):
            raise ValueError("the value of orders is learnt of customers with orders worth more than nothing")
        scale = float(mean_values.mean())
        means = mean_values / scale

        def loss(logs: Floats) -> float:
            p, q, v = np.exp(logs)
            return -float(
                np.mean(
                    gammaln(p * orders + q)
                    - gammaln(p * orders)
                    - gammaln(q)
                    + q * np.log(v)
                    + (p * orders - 1) * np.log(means)
                    + p * orders * np.log(orders)
                    - (p * orders + q) * np.log(orders * means + v)
                )
            )

        best, curvature = _most_likely(loss, [np.log([2.0, 3.0, 2.0])], float(len(orders)))
        p, q, v = np.exp(best)
        errors = np.sqrt(np.diag(curvature)) * np.exp(best) if curvature is not None else None
        units = np.array([1.0, 1.0, scale])
        likelihood = -loss(best) * len(orders) - len(orders) * float(np.log(scale))
        return cls(
            float(p),
            float(q),
            float(v * scale),
            likelihood,
            None if errors is None else tuple((errors * units).tolist()),
        )

    def expected(self, orders: Floats, mean_values: Floats) -> Floats:
        """Return the mean value of each customer's orders to come; one without orders has everybody's.

        A mean value may be negative, where more came back than was bought.
        """
        p, q, v = self.p, self.q, self.v
        if q <= 1:
            raise FitError(f"the mean order value has no expectation (q = {q:.3f}, 1 at most)")
        weight = p * orders / (p * orders + q - 1)
        return np.asarray((1 - weight) * v * p / (q - 1) + weight * np.where(orders > 0, mean_values, 0.0))


def _too_alike(log_shapes: Floats) -> float:
    """Return the logarithm by which shapes are less likely beforehand: customers have never been all alike.

    Short histories do not tell how much customers differ in leaving, and a shape without bound makes all of
    them leave soon. A shape of e and less is left to the histories alone.
    """
    return float(np.sum(np.maximum(log_shapes - 1.0, 0.0) ** 2)) / (2 * _SPREAD**2)


def _stay(s: float, beta: Floats, ahead: float | Floats) -> Floats:
    """Return how much of the time ahead a customer is expected to stay, whose rate of leaving is unseen."""
    if abs(s - 1) < 1e-9:
        return np.asarray(beta * np.log1p(ahead / beta))
    return np.asarray(beta / (s - 1) * -np.expm1((s - 1) * -np.log1p(ahead / beta)))


def _log_left(r: float, alpha: float, s: float, beta: float, told: Histories) -> Floats:
    """Return the logarithm of the integral over the moments at which a customer may have left (A0)."""
    power = r + s + told.repeats
    most, other = (alpha, s + 1) if alpha >= beta else (beta, r + told.repeats)
    gap = abs(alpha - beta)

    def term(time: Floats) -> Floats:
        value = hyp2f1(power, other, power + 1, gap / (most + time))
        return np.asarray(np.log(np.maximum(value, _TINY)) - power * np.log(most + time))

    early, late = term(told.recency), term(told.age)
    return np.asarray(early + np.log(np.maximum(-np.expm1(np.minimum(late - early, 0.0)), _TINY)))


def _log_likelihoods(r: float, alpha: float, s: float, beta: float, told: Histories) -> Floats:
    x = told.repeats
    head = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    stays = -(r + x) * np.log(alpha + told.age) - s * np.log(beta + told.age)
    left = np.log(s / (r + s + x)) + _log_left(r, alpha, s, beta, told)
    return np.asarray(head + np.logaddexp(stays, left))


def _most_likely(
    loss: Callable[[Floats], float], starts: Sequence[Floats], customers: float
) -> tuple[Floats, Floats | None]:
    """Minimise a mean loss over logarithms of parameters; return these and, if any, their covariance."""
    limits = [(-_LIMIT, _LIMIT)] * len(starts[0])

    def finite(logs: Floats) -> float:
        with np.errstate(all="ignore"):
            value = loss(logs)
        return value if np.isfinite(value) else _WORST

    tried = [minimize(finite, at, method="L-BFGS-B", bounds=limits) for at in starts]
    options = {"xatol": 1e-6, "fatol": 1e-10, "maxiter": 4_000}
    best = min(tried, key=lambda one: float(one.fun))
    found = minimize(finite, best.x, method="Nelder-Mead", bounds=limits, options=options)
    if found.fun >= _WORST:
        raise FitError("the likelihood of these histories is not finite anywhere near the start")
    return np.asarray(found.x), _covariance(loss, np.asarray(found.x), customers)


def _covariance(loss: Callable[[Floats], float], at: Floats, customers: float) -> Floats | None:
    """Return the inverse of the log-likelihood's curvature; None where it is flat."""
    size, step = len(at), 1e-3
    hessian = np.empty((size, size))
    moves = np.eye(size) * step
    for i in range(size):
        for j in range(size):
            hessian[i, j] = (
                loss(at + moves[i] + moves[j])
                - loss(at + moves[i] - moves[j])
                - loss(at - moves[i] + moves[j])
                + loss(at - moves[i] - moves[j])
            ) / (4 * step * step)
    try:
        covariance = np.asarray(np.linalg.inv(hessian * customers), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    return covariance if np.all(np.diag(covariance) > 0) else None
