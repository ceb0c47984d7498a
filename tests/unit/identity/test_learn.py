"""What the records were made with is learnt back from how they agree, without labels."""

import numpy as np
import pytest

from include.identity.evidence import Evidence, Level
from include.identity.learn import Ints, Learnt, Patterns, learn

PAIRS, PERSONS, HOUSEHOLDS = 1_000_000, 3_000, 4_500


def evidence(name: str, *, household: float | None = None) -> Evidence:
    levels = (Level("same", "", 0.7, 0.01), Level("alike", "", 0.15, 0.03))
    return Evidence(name, levels, household=household, most_different=0.6)


EVIDENCE = (
    evidence("given"),
    evidence("email"),
    evidence("card"),
    evidence("family", household=0.2),
    evidence("street", household=0.2),
    evidence("phone", household=0.2),
)
M = {
    "given": (0.10, 0.20, 0.70),
    "email": (0.30, 0.05, 0.65),
    "card": (0.05, 0.05, 0.90),
    "family": (0.06, 0.14, 0.80),
    "street": (0.25, 0.15, 0.60),
    "phone": (0.20, 0.05, 0.75),
}
U = {
    "given": (0.96, 0.03, 0.01),
    "email": (0.9989, 0.001, 0.0001),
    "card": (0.9989, 0.001, 0.0001),
    "family": (0.975, 0.015, 0.01),
    "street": (0.993, 0.005, 0.002),
    "phone": (0.9985, 0.001, 0.0005),
}
HOUSEHOLD = {**U, "family": (0.30, 0.10, 0.60), "street": (0.10, 0.10, 0.80), "phone": (0.48, 0.02, 0.50)}


def counted(degrees: Ints) -> Patterns:
    found, counts = np.unique(degrees, axis=0, return_counts=True)
    return Patterns(found.astype(np.int64), counts.astype(np.float64))


def simulated(seed: int, households: int = HOUSEHOLDS) -> Learnt:
    """Learn from all the pairs of a made-up shop: candidates share an e-mail, card, family name or street."""
    chance = np.random.default_rng(seed)
    degrees = np.concatenate(
        [
            np.column_stack([chance.choice(3, size=size, p=shares[item.column]) for item in EVIDENCE])
            for size, shares in ((PERSONS, M), (households, HOUSEHOLD), (PAIRS - PERSONS - households, U))
        ]
    ).astype(np.int64)
    degrees[chance.random(degrees.shape) < 0.1] = -1
    same = degrees == 2
    keys = {(item.column,): same[:, place] for place, item in enumerate(EVIDENCE) if place}
    candidate = np.logical_or.reduce(list(keys.values()))
    return learn(
        EVIDENCE,
        counted(degrees[chance.random(len(degrees)) < 0.2]),
        [(frozenset(key), counted(degrees[shared])) for key, shared in keys.items()],
        counted(degrees[candidate]),
        float(PAIRS),
    )


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    return simulated(1)


def test_one_persons_shares_are_learnt(learnt: Learnt) -> None:
    for item, share in zip(EVIDENCE, learnt.m, strict=True):
        assert share.tolist() == pytest.approx(M[item.column], abs=0.04), item.column


def test_strangers_shares_are_learnt(learnt: Learnt) -> None:
    for item, share in zip(EVIDENCE, learnt.u, strict=True):
        housed = HOUSEHOLDS / PAIRS
        told = (1 - housed) * np.array(U[item.column]) + housed * np.array(HOUSEHOLD[item.column])
        assert share.tolist() == pytest.approx(told.tolist(), rel=0.15, abs=0.0003), item.column


def test_what_a_household_shares_is_learnt_and_no_more(learnt: Learnt) -> None:
    for item, share in zip(EVIDENCE, learnt.household, strict=True):
        told = pytest.approx(HOUSEHOLD[item.column], abs=0.12 if item.household else 0.01)
        assert share.tolist() == told, item.column


def test_persons_and_households_are_told_apart(learnt: Learnt) -> None:
    assert learnt.match_share == pytest.approx(PERSONS / PAIRS, rel=0.15)
    assert learnt.household_odds == pytest.approx(PERSONS / HOUSEHOLDS, rel=0.4)


def test_more_households_lower_the_odds() -> None:
    """Planted: were households taken for persons, more of them would raise the share of matches."""
    many, few = simulated(2), simulated(2, households=750)
    assert few.household_odds > 2 * many.household_odds
    assert few.match_share == pytest.approx(many.match_share, rel=0.2)


def test_learning_is_deterministic(learnt: Learnt) -> None:
    again = simulated(1)
    assert [share.tolist() for share in again.m] == [share.tolist() for share in learnt.m]
    assert (again.match_share, again.household_odds) == (learnt.match_share, learnt.household_odds)


def test_shares_add_up(learnt: Learnt) -> None:
    for shares in (learnt.m, learnt.household, learnt.u):
        assert [float(share.sum()) for share in shares] == pytest.approx([1.0] * len(EVIDENCE))
        assert all((share > 0).all() for share in shares)


def test_nothing_to_learn_from_leaves_the_prior() -> None:
    nothing = Patterns(np.zeros((0, len(EVIDENCE)), dtype=np.int64), np.zeros(0))
    told = learn(EVIDENCE, nothing, [], nothing, 10.0)
    assert [share.tolist() for share in told.m] == [pytest.approx([0.15, 0.15, 0.7])] * len(EVIDENCE)
    assert [share.tolist() for share in told.u] == [pytest.approx([0.96, 0.03, 0.01], abs=0.01)] * len(
        EVIDENCE
    )
