"""Customers do not depend on the order of what is told, keep the rules, and do not grow by a thread."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from include.identity.cluster import LARGEST, Floats, Ints, Pairs, Rules, cluster

LINK = 3.0
Weights = dict[tuple[int, int], float]


def grouped(
    count: int, weights: Weights, rules: Rules | None = None, known: set[tuple[int, int]] | None = None
) -> tuple[list[int], set[tuple[int, int]]]:
    """Partition and refused links; ``known`` pairs (all when left out) shared a key, others weigh -20."""
    told = sorted(weights if known is None else known)
    pairs = Pairs(
        np.array([a for a, _ in told], dtype=np.int64),
        np.array([b for _, b in told], dtype=np.int64),
        np.array([weights[pair] for pair in told], dtype=np.float64),
    )
    groups, refused = cluster(count, pairs, LINK, scorer(weights), rules)
    return groups.tolist(), set(zip(refused.left.tolist(), refused.right.tolist(), strict=True))


def scorer(weights: Weights) -> Callable[[Ints, Ints], Floats]:
    def score(left: Ints, right: Ints) -> Floats:
        assert (left < right).all()
        return np.array(
            [weights.get(pair, -20.0) for pair in zip(left.tolist(), right.tolist(), strict=True)]
        )

    return score


def chained(count: int, weights: Weights) -> list[int]:
    """Customers as links alone would have them: what a careless matcher makes."""
    groups = list(range(count))
    for (a, b), weight in weights.items():
        if weight >= LINK and groups[a] != groups[b]:
            old, new = max(groups[a], groups[b]), min(groups[a], groups[b])
            groups = [new if group == old else group for group in groups]
    return groups


def clique(members: range, weight: float = 10.0) -> Weights:
    return dict.fromkeys(combinations(members, 2), weight)


def by_hand(count: int, weights: Weights, rules: Rules) -> list[int]:
    """Average linkage by its definition: groups as sets, every average computed anew from all the pairs."""

    def between(one: set[int], other: set[int]) -> list[float]:
        told = [weights.get((min(a, b), max(a, b)), -20.0) for a in one for b in other]
        return [round(min(max(weight, -20.0), 20.0) * 1000) for weight in told]

    def may_join(one: set[int], other: set[int]) -> bool:
        owners = rules.exclusive
        pairs = {(min(a, b), max(a, b)) for a in one for b in other}
        same = {(min(pair), max(pair)) for pair in rules.same}
        held = {
            (a, b)
            for a, b in pairs - same
            if owners is not None and owners[a] >= 0 and owners[a] == owners[b]
        }
        return not held and not (pairs - same) & {(min(pair), max(pair)) for pair in rules.different}

    groups = [{record} for record in range(count)]
    for a, b in rules.same:
        one, other = (next(group for group in groups if record in group) for record in (a, b))
        if one is not other:
            groups = [group for group in groups if group not in (one, other)] + [one | other]
    while True:
        groups.sort(key=min)
        best = max(
            (
                (sum(told) / len(told), -min(one), -min(other), one, other)
                for one, other in combinations(groups, 2)
                if max(told := between(one, other)) >= LINK * 1000 and may_join(one, other)
            ),
            key=lambda found: found[:3],
            default=None,
        )
        if best is None or best[0] < 0:
            break
        groups = [group for group in groups if group not in best[3:]] + [best[3] | best[4]]
    return [min(next(group for group in groups if record in group)) for record in range(count)]


COUNTS = st.integers(2, 9)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[int, Weights]:
    count = draw(COUNTS)
    weight = st.sampled_from([-20.0, -9.5, -3.0, -0.5, 0.0, 1.0, 3.0, 4.2, 7.7, 12.0, 25.0])
    return count, {pair: draw(weight) for pair in combinations(range(count), 2)}


@st.composite
def ruled_worlds(draw: st.DrawFn) -> tuple[int, Weights, Rules]:
    count, weights = draw(worlds())
    pairs = list(combinations(range(count), 2))
    same = draw(st.lists(st.sampled_from(pairs), max_size=1))
    different = draw(
        st.lists(st.sampled_from([pair for pair in pairs if pair not in same] or pairs), max_size=2)
    )
    return count, weights, Rules(same, [pair for pair in different if pair not in same])


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_average_linkage_is_as_by_definition(world: tuple[int, Weights]) -> None:
    count, weights = world
    assert grouped(count, weights)[0] == by_hand(count, weights, Rules())


@settings(max_examples=300, deadline=None)
@given(ruled_worlds())
def test_average_linkage_under_rules_is_as_by_definition(world: tuple[int, Weights, Rules]) -> None:
    count, weights, rules = world
    assert grouped(count, weights, rules)[0] == by_hand(count, weights, rules)


@settings(max_examples=200, deadline=None)
@given(worlds(), st.lists(st.integers(-1, 2), min_size=9, max_size=9))
def test_an_exclusive_source_has_one_record_in_a_customer(
    world: tuple[int, Weights], owners: list[int]
) -> None:
    count, weights = world
    rules = Rules(exclusive=np.array(owners[:count], dtype=np.int64))
    groups, _ = grouped(count, weights, rules)
    assert groups == by_hand(count, weights, rules)
    held = [(group, owner) for group, owner in zip(groups, owners, strict=False) if owner >= 0]
    assert len(held) == len(set(held))


@settings(max_examples=150, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(world: tuple[int, Weights], chance: object) -> None:
    count, weights = world
    groups, refused = grouped(count, weights)
    order = np.random.default_rng(chance.randint(0, 10**6)).permutation(len(weights))  # type: ignore[attr-defined]
    ends = np.array(list(weights), dtype=np.int64)[order]
    pairs = Pairs(ends[:, 0], ends[:, 1], np.array(list(weights.values()))[order])
    again, refused_again = cluster(count, pairs, LINK, scorer(weights))
    assert again.tolist() == groups
    assert set(zip(refused_again.left.tolist(), refused_again.right.tolist(), strict=True)) == refused


@settings(max_examples=150, deadline=None)
@given(worlds(), st.data())
def test_pairs_that_shared_no_key_are_weighed(world: tuple[int, Weights], data: st.DataObject) -> None:
    count, weights = world
    links = {pair for pair, weight in weights.items() if weight >= LINK}
    others = st.sets(st.sampled_from(sorted(weights)))
    assert grouped(count, weights, known=links | data.draw(others)) == grouped(count, weights)


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_refused_links_are_those_across_customers(world: tuple[int, Weights]) -> None:
    count, weights = world
    groups, refused = grouped(count, weights)
    assert refused == {
        (a, b) for (a, b), weight in weights.items() if weight >= LINK and groups[a] != groups[b]
    }


def test_a_customer_is_named_by_its_first_record() -> None:
    assert grouped(5, {(1, 4): 9.0, (2, 3): 9.0})[0] == [0, 1, 2, 2, 1]


def test_operators_decisions_hold_against_any_weight() -> None:
    weights = {**clique(range(4)), (3, 4): -20.0}
    assert grouped(6, weights)[0] == [0, 0, 0, 0, 4, 5]
    rules = Rules(same=[(5, 4), (4, 3)], different=[(1, 0)])
    groups, refused = grouped(6, weights, rules)
    assert groups[0] != groups[1]
    assert groups[3] == groups[4] == groups[5]
    assert {(min(a, b), max(a, b)) for a, b in refused} >= {(0, 1)}


def test_records_without_any_candidate_may_be_demanded_together() -> None:
    assert grouped(3, {}, Rules(same=[(0, 2)]))[0] == [0, 1, 0]
    assert grouped(3, {})[0] == [0, 1, 2]


def test_a_bridge_does_not_join_two_persons() -> None:
    weights = {**clique(range(4)), **clique(range(5, 9)), (3, 4): 6.0, (4, 5): 6.0}
    assert len(set(chained(9, weights))) == 1  # the defect that is guarded against
    groups, refused = grouped(9, weights)
    assert groups[:4] == [0] * 4
    assert groups[5:] == [groups[5]] * 4
    assert groups[0] != groups[5]
    assert refused


def test_two_cliques_with_one_link_and_all_else_against_stay_apart() -> None:
    weights = {**clique(range(4)), **clique(range(4, 8)), (0, 7): 9.0}
    assert len(set(chained(8, weights))) == 1
    assert grouped(8, weights) == ([0] * 4 + [4] * 4, {(0, 7)})


def test_two_cliques_with_one_link_and_nothing_against_are_one() -> None:
    across = dict.fromkeys(((a, b) for a in range(3) for b in range(3, 6)), 0.0)
    assert grouped(6, {**clique(range(3)), **clique(range(3, 6)), **across, (0, 5): 4.0})[0] == [0] * 6


def test_a_phone_on_five_hundred_records_makes_no_giant() -> None:
    count = 500
    own = {(a, a + 1): 12.0 for a in range(0, count, 2)}
    shared = {(a, b): 3.5 for a in range(0, count, 2) for b in range(a + 2, min(a + 12, count), 2)}
    weights = {**own, **shared}
    assert len(set(chained(count, weights))) == 1
    groups, refused = grouped(count, weights)
    assert max(np.bincount(groups)) <= LARGEST
    assert all(groups[a] == groups[b] for a, b in own)
    assert refused
    assert refused <= set(shared)


def test_a_large_group_that_all_agrees_stays_whole() -> None:
    count = LARGEST + 15
    assert grouped(count, clique(range(count), 14.0))[0] == [0] * count
    thinned = {pair: weight for pair, weight in clique(range(count), 25.0).items() if sum(pair) % 7}
    thinned |= {pair: 1.0 for pair in combinations(range(count), 2) if not sum(pair) % 7}
    assert grouped(count, thinned)[0] == [0] * count
