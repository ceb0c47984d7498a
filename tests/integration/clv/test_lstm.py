"""The network learns what the base cannot know, the same for the same seed."""

from dataclasses import replace

import numpy as np
import pytest

from include.clv.btyd import Floats
from include.clv.lstm import BOUND, Lstm
from include.clv.model import Members, Task
from include.clv.panel import Orders
from include.clv.samples import Samples
from tests.unit.clv.shop import simulated

END = 18_000 + 780


Taught = tuple[list[tuple[Samples, Floats]], Samples]


def taught(orders: Orders) -> Taught:
    members = Members.start(orders.until(END), END, Task(learners=()))
    pairs = []
    for lead in (6, 4):
        samples = members.samples(orders.until(END), members.task.periods.shift(END, -lead), lead)
        pairs.append((samples, samples.came(orders.until(END))))
    return pairs, members.samples(orders.until(END), END, 3)


@pytest.fixture(scope="module")
def pairs() -> Taught:
    return taught(simulated(800, 900))


@pytest.mark.parametrize("head", ["tweedie", "lognormal"])
def test_both_heads_stay_near_the_base_where_it_is_true(pairs: Taught, head: str) -> None:
    made = Lstm.fit(pairs[0], head=head, seed=1)  # type: ignore[arg-type]
    said = made.forecast(pairs[1])
    assert said.shape == pairs[1].base.shape
    assert np.isfinite(said).all()
    assert 0.7 < said.sum() / pairs[1].base.sum() < 1.4
    assert np.array_equal(Lstm.fit(pairs[0], head=head, seed=1).forecast(pairs[1]), said)  # type: ignore[arg-type]


def test_what_the_base_misses_is_learnt(pairs: Taught) -> None:
    told = [
        (samples, came * np.where(samples.panel.customers % 2 == 0, 2.0, 0.3)[:, None])
        for samples, came in pairs[0]
    ]
    even = [np.column_stack([samples.panel.customers % 2 == 0]).astype(float) for samples, _ in told]
    marked = [(replace(samples, traits=flag), came) for (samples, came), flag in zip(told, even, strict=True)]
    made = Lstm.fit(marked, seed=0)
    said = made.forecast(marked[-1][0]) / np.maximum(marked[-1][0].base, 1e-9)
    assert np.median(said[even[-1][:, 0] == 1]) > 1.8 * np.median(said[even[-1][:, 0] == 0])
    assert said.max() <= np.exp(BOUND) + 1e-3
