"""Learn, without labels, how often evidence agrees in one person's records and by chance.

Each pair of records is taken for one of four: one person's, two of one household, two neighbours', two
strangers'. The members of a household share some evidence (address, family name, phone), how often is learnt
too; what is each one's own agrees between them as it does between strangers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.identity.evidence import Evidence

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

TWINS = 0.01
"""Share of pairs of a household's members who were born on one day."""

SHARED = 0.7
"""How often a household shares what a person's records share, before anything is learnt."""

STRENGTH = 4.0
"""Pairs that the prior of each kind of evidence is worth."""

ROUNDS = 60
SETTLED = 1e-4
"""Change of every parameter below which learning ends."""

LEAST_U = 1e-7


@dataclass(frozen=True)
class Patterns:
    """Counted patterns of agreement.

    ``degrees`` (patterns x evidence) holds -1 for not stated, 0 for different; ``counts`` the pairs of each.
    """

    degrees: Ints
    counts: Floats


@dataclass(frozen=True)
class Learnt:
    """What was learnt.

    ``m``, ``household`` and ``u`` hold per evidence the shares of the degrees 0 (different) upwards in one
    person's pairs, a household's and strangers'; ``match_share`` is the probability that two random records
    are one person's; ``household_odds`` how many pairs of one person there are to one of different members of
    a household.
    """

    m: tuple[Floats, ...]
    household: tuple[Floats, ...]
    u: tuple[Floats, ...]
    match_share: float
    household_odds: float


def learn(
    evidence: Sequence[Evidence],
    chance: Patterns,
    sessions: Sequence[tuple[frozenset[str], Patterns]],
    candidates: Patterns,
    all_pairs: float,
) -> Learnt:
    """Estimate the parameters by expectation maximisation (Fellegi and Sunter 1969; Winkler 1988).

    Args:
        evidence: kinds of evidence, in the order of the patterns' columns.
        chance: patterns of random pairs.
        sessions: patterns of the pairs that share one kind of key, with the evidence that the key itself is
            made of: it agrees by choice and is left out.
        candidates: patterns of all candidate pairs, counts scaled to their number.
        all_pairs: number of pairs of records there are.
    """
    names = [item.column for item in evidence]
    prior_m = [_prior(item, of_m=True) for item in evidence]
    agreed = [_shares(chance, place, _prior(item, of_m=False), 1.0) for place, item in enumerate(evidence)]
    m, u = [share.copy() for share in prior_m], [share.copy() for share in agreed]
    h = _households(
        evidence, [SHARED * mine + (1 - SHARED) * other for mine, other in zip(m, u, strict=True)], m, u
    )
    told = [_merged(patterns, [names.index(name) for name in left_out]) for left_out, patterns in sessions]
    mixes = [np.array([0.4, 0.2, 0.2, 0.2]) for _ in told]
    match_share, household = 1e-4, 1e-4
    for _ in range(ROUNDS):
        sums_m = [STRENGTH * prior for prior in prior_m]
        sums_h = [STRENGTH * (SHARED * mine + (1 - SHARED) * other) for mine, other in zip(m, u, strict=True)]
        for number, patterns in enumerate(told):
            joint = mixes[number] * _likelihoods(patterns.degrees, m, h, _neighbours(evidence, m, u), u)
            weighted = joint / joint.sum(axis=1, keepdims=True) * patterns.counts[:, None]
            mixes[number] = (weighted.sum(axis=0) + 1.0) / (patterns.counts.sum() + 4.0)
            for place in range(len(evidence)):
                degree = patterns.degrees[:, place]
                stated = degree >= 0
                for sums, kind in ((sums_m, 0), (sums_h, 1)):
                    sums[place] += np.bincount(
                        degree[stated], weights=weighted[stated, kind], minlength=len(sums[place])
                    )
        before = m
        m = [_bounded(total / total.sum(), item) for total, item in zip(sums_m, evidence, strict=True)]
        h = _households(evidence, [total / total.sum() for total in sums_h], m, u)
        match_share, household = _shares_of_classes(candidates, (m, h, u), all_pairs, match_share, household)
        u = [_cleaned(share, mine, match_share) for share, mine in zip(agreed, m, strict=True)]
        if max(float(np.abs(old - new).max()) for old, new in zip(before, m, strict=True)) < SETTLED:
            break
    return Learnt(tuple(m), tuple(h), tuple(u), match_share, float(match_share / household))


def _households(
    evidence: Sequence[Evidence], shared: Sequence[Floats], m: Sequence[Floats], u: Sequence[Floats]
) -> list[Floats]:
    """A household's shares: learnt, within bounds, of what it shares; strangers' of each one's own."""
    told = []
    for item, common, mine, chance in zip(evidence, shared, m, u, strict=True):
        if item.household is None:
            share = chance.copy()
            share[-1] += TWINS if item.column == "birth" else 0
        else:
            share = np.maximum(common, item.household * mine)
            share[0] = max(1 - float(share[1:].sum()), 1e-4)
        told.append(share / share.sum())
    return told


def _neighbours(evidence: Sequence[Evidence], m: Sequence[Floats], u: Sequence[Floats]) -> list[Floats]:
    """Neighbours' shares: of the area one person's, of all else strangers'."""
    return [mine if item.is_area else chance for item, mine, chance in zip(evidence, m, u, strict=True)]


def _prior(item: Evidence, *, of_m: bool) -> Floats:
    """Prior shares of the degrees, 0 first: the evidence's levels are listed best first."""
    told = [level.prior_m if of_m else level.prior_u for level in reversed(item.levels)]
    return np.array([max(0.02, 1 - sum(told)), *told]) / (max(0.02, 1 - sum(told)) + sum(told))


def _shares(patterns: Patterns, place: int, prior: Floats, strength: float) -> Floats:
    degree = patterns.degrees[:, place]
    stated = degree >= 0
    counted = np.bincount(degree[stated], weights=patterns.counts[stated], minlength=len(prior))
    total = counted + strength * prior
    return np.asarray(total / total.sum())


def _merged(patterns: Patterns, left_out: Sequence[int]) -> Patterns:
    """Leave evidence out and count patterns that are then alike together."""
    kept = patterns.degrees.copy()
    kept[:, list(left_out)] = -1
    degrees, places = np.unique(kept, axis=0, return_inverse=True)
    counts = np.bincount(places.ravel(), weights=patterns.counts, minlength=len(degrees))
    return Patterns(degrees, counts.astype(np.float64))


def _bounded(share: Floats, item: Evidence) -> Floats:
    """One person's shares with no more differing than the evidence allows."""
    if share[0] <= item.most_different:
        return share
    rest = share[1:] / share[1:].sum() * (1 - item.most_different)
    return np.concatenate([[item.most_different], rest])


def _cleaned(agreed: Floats, m: Floats, match_share: float) -> Floats:
    """Strangers' shares: what random pairs show, without the pairs of one person among them."""
    rest = np.maximum(agreed - match_share * m, np.maximum(0.01 * agreed, LEAST_U))
    return np.asarray(rest / rest.sum())


def _likelihoods(degrees: Ints, *classes: Sequence[Floats]) -> Floats:
    """Likelihood of each pattern in each class (patterns x classes)."""
    logs = np.zeros((len(degrees), len(classes)))
    for place in range(degrees.shape[1]):
        told = [np.log(np.maximum(shares[place], 1e-12)) for shares in classes]
        table = np.column_stack(
            [np.concatenate([told_of, [0.0]]) for told_of in told]
        )  # the last row is for -1
        logs += table[degrees[:, place]]
    return np.asarray(np.exp(np.maximum(logs, -600)))


def _shares_of_classes(
    candidates: Patterns,
    classes: tuple[Sequence[Floats], Sequence[Floats], Sequence[Floats]],
    all_pairs: float,
    match_share: float,
    household: float,
) -> tuple[float, float]:
    likelihoods = _likelihoods(candidates.degrees, *classes)
    for _ in range(5):
        joint = likelihoods * np.array([match_share, household, 1.0])
        weighted = joint / joint.sum(axis=1, keepdims=True) * candidates.counts[:, None]
        match_share = max(float(weighted[:, 0].sum()) / all_pairs, 0.05 / all_pairs)
        household = max(float(weighted[:, 1].sum()) / all_pairs, 0.05 / all_pairs)
    return match_share, household
