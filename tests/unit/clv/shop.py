"""Customers who truly buy as the Pareto/NBD says, with values that differ by customer."""

import numpy as np

from include.clv.panel import Orders


def simulated(
    customers: int = 2_000, days: int = 900, seed: int = 0, *, r: float = 1.0, season: float = 0.0
) -> Orders:
    """Return the orders of customers who come over the first 60 % of the days.

    Args:
        customers: how many.
        days: numbered from 18,000 (2019-04-14).
        seed: of the draws.
        r: shape of the rates; their mean is one order in 30 days.
        season: share by which customers buy more in winter and less in summer.
    """
    rng = np.random.default_rng(seed)
    begins = rng.integers(0, int(days * 0.6), customers)
    rates, leaves = (
        rng.gamma(r, 1 / 30 / r, customers),
        rng.exponential(1 / rng.gamma(1.5, 1 / 300, customers)),
    )
    active = np.minimum(leaves, days - begins)
    number = rng.poisson(rates * active * (1 + season))
    who = np.repeat(np.arange(customers), number)
    day = begins[who] + (rng.random(len(who)) * active[who]).astype(np.int64)
    wave = 1 + season * np.cos(2 * np.pi * ((18_000 + day) % 365.25) / 365.25)
    kept = rng.random(len(who)) * (1 + season) < wave
    worth = rng.gamma(4.0, 10.0, customers)
    customer = np.concatenate([np.arange(customers), who[kept]])
    value = worth[customer] * rng.gamma(5.0, 0.2, len(customer))
    return Orders.of(customer, 18_000 + np.concatenate([begins, day[kept]]), value)
