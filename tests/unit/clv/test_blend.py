"""Weights follow what was right, the level follows what days agree on, and noise moves neither."""

from typing import cast

import numpy as np
import pytest

from include.clv.blend import PRIOR, TRUST, Blend, Trial
from include.clv.samples import Samples

RNG = np.random.default_rng(5)
TRUE = RNG.gamma(0.5, 20.0, 3_000)
NOBODY = cast(Samples, None)


def trial(bend: float = 1.0, level: float = 1.0, good: str = "btyd") -> Trial:
    """Return a day on which one member (or ``all``) knew the customers' rates and the others did not."""
    said = {}
    for name in ("btyd", "gbm", "rfm"):
        rate = TRUE if good in {name, "all"} else RNG.permutation(TRUE)
        said[name] = np.repeat(rate[:, None] / 12, 12, axis=1)
    mean = level * TRUE**bend * TRUE.sum() / (TRUE**bend).sum()
    came = RNG.poisson(np.repeat(mean[:, None] / 12, 12, axis=1)).astype(np.float64)
    return NOBODY, said, came


@pytest.mark.parametrize("good", ["btyd", "gbm", "rfm"])
def test_the_member_that_knew_gets_the_weight(good: str) -> None:
    blend = Blend.fit([trial(good=good) for _ in range(3)], 12)
    assert max(blend.weights, key=lambda name: blend.weights[name]) == good
    assert blend.weights[good] > PRIOR[good] + 0.2
    assert sum(blend.weights.values()) == pytest.approx(1)


def test_of_a_level_that_days_agree_on_half_is_taken_and_of_short_days_none() -> None:
    days = [trial(level=1.25) for _ in range(3)]
    assert Blend.fit(days, 12).level == pytest.approx(1.25**TRUST, abs=0.015)
    assert Blend.fit(days, 36).level == 1.0
    apart = [trial(level=level) for level in (0.7, 1.0, 1.4)]
    assert abs(Blend.fit(apart, 12).level - 1) < 0.05


def test_a_slope_is_found_and_leaves_the_sum() -> None:
    flat = Blend.fit([trial(bend=0.8, good="all") for _ in range(3)], 12)
    true = Blend.fit([trial(good="all") for _ in range(3)], 12)
    assert flat.slope < 0.93
    assert abs(true.slope - 1) < 0.06
    _, said, _ = trial()
    assert flat.combine(NOBODY, said).sum() == pytest.approx(
        Blend(flat.weights, 1.0, flat.level).combine(NOBODY, said).sum()
    )


def test_without_earlier_days_the_prior_stands() -> None:
    assert Blend.fit([], 12).weights == {name: weight for name, weight in PRIOR.items() if name != "lstm"}
