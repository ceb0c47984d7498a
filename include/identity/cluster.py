"""From weighed pairs to customers: join what is linked, then take apart what hangs together by a thread."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

STRONGEST, WEAKEST = 20.0, -20.0
"""One pair speaks no louder than this in the average of two groups."""

LARGEST = 60
"""Records that may hang together before the weakest links between them are cut first."""


@dataclass(frozen=True)
class Pairs:
    """Weighed pairs of records by number; ``left`` is below ``right``."""

    left: Ints
    right: Ints
    weight: Floats

    def where(self, mask: npt.NDArray[np.bool_]) -> "Pairs":
        """Keep the pairs of a mask."""
        return Pairs(self.left[mask], self.right[mask], self.weight[mask])

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.left)


@dataclass(frozen=True)
class Rules:
    """What no weight overrules.

    ``same`` and ``different`` are pairs of record numbers that an operator decided; ``exclusive`` gives each
    record the number of the source that guarantees one record per person, -1 for none.
    """

    same: Sequence[tuple[int, int]] = ()
    different: Sequence[tuple[int, int]] = ()
    exclusive: Ints | None = None


def cluster(
    count: int,
    pairs: Pairs,
    link_weight: float,
    score_missing: Callable[[Ints, Ints], Floats],
    rules: Rules | None = None,
) -> tuple[Ints, Pairs]:
    """Partition records into customers.

    Links of ``link_weight`` and more are joined. A group in which every two records are linked stands. Any
    other is taken apart and put together again by average linkage over all its pairs, those that shared no
    key weighed for the purpose: two groups are joined, the best first, while a link runs between them and the
    average weight between them is not against it, and never across a rule. So a chain of links does not join
    ends that contradict each other. Records are numbered in the order of their names, and weights are
    compared as whole thousandths, so the result depends on nothing but the records.

    Args:
        count: number of records.
        pairs: weighed candidate pairs.
        link_weight: weight from which two records are linked.
        score_missing: weighs further pairs, given their record numbers.
        rules: operators' decisions and exclusive sources.

    Returns:
        The group of each record (the smallest number in it), and the links that were refused.
    """
    rules = rules or Rules()
    linked = pairs.where(pairs.weight >= link_weight)
    same = np.array(rules.same, dtype=np.int64).reshape(-1, 2)
    groups = _components(
        count, np.concatenate([linked.left, same[:, 0]]), np.concatenate([linked.right, same[:, 1]])
    )
    order = _doubtful_members(count, groups, linked, rules, same)
    if not len(order):
        return _smallest(groups), linked.where(np.zeros(len(linked), dtype=bool))
    is_doubtful = np.zeros(count, dtype=bool)
    is_doubtful[order] = True
    inside = pairs.where(is_doubtful[pairs.left] & (groups[pairs.left] == groups[pairs.right]))
    stacks = _parts(order, groups, inside, link_weight)
    final, following = groups.copy(), int(groups.max()) + 1
    ruled = _Ruled.of(rules)
    for stack, weights in zip(stacks, _weights_within(count, stacks, inside, score_missing), strict=True):
        final[stack] = following + stack[:, :1]
        against = (weights < 0).any(axis=1) | ruled.touches(stack)
        for part, told in zip(stack[against], weights[against].tolist(), strict=True):
            final[part] = following + part[_put_together(part.tolist(), told, link_weight, ruled)]
    if len(same):
        final = _components(count, *(np.concatenate(ends) for ends in _chains(final, same)))
    refused = linked.where(final[linked.left] != final[linked.right])
    return _smallest(final), refused


def _components(count: int, left: Ints, right: Ints) -> Ints:
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _chains(groups: Ints, same: Ints) -> tuple[list[Ints], list[Ints]]:
    """Links that reproduce a partition, and those that operators demand across parts that were cut."""
    order = np.argsort(groups, kind="stable")
    inner = groups[order][1:] == groups[order][:-1]
    return [order[:-1][inner], same[:, 0]], [order[1:][inner], same[:, 1]]


def _doubtful_members(count: int, groups: Ints, linked: Pairs, rules: Rules, same: Ints) -> Ints:
    """Members of the groups in which not every two records are linked or a rule has a say, group by group."""
    sizes = np.bincount(groups)
    links = np.bincount(groups[linked.left], minlength=len(sizes))
    doubtful = links < sizes * (sizes - 1) // 2
    doubtful[groups[same[:, 0]]] = True
    for a, b in rules.different:
        doubtful[groups[a]] |= groups[a] == groups[b]
    if rules.exclusive is not None:
        held = np.flatnonzero(rules.exclusive >= 0)
        code = groups[held] * (int(rules.exclusive.max()) + 2) + rules.exclusive[held]
        different, times = np.unique(code, return_counts=True)
        doubtful[different[times > 1] // (int(rules.exclusive.max()) + 2)] = True
    members = np.flatnonzero(doubtful[groups])
    return members[np.argsort(groups[members], kind="stable")]


@dataclass(frozen=True)
class _Ruled:
    """The rules by record: who must be together with whom, who must not, whose source is exclusive."""

    together: Mapping[int, Set[int]]
    apart: Mapping[int, Set[int]]
    exclusive: Ints | None

    @classmethod
    def of(cls, rules: Rules) -> "_Ruled":
        return cls(_both_ways(rules.same), _both_ways(rules.different), rules.exclusive)

    def touches(self, stack: Ints) -> npt.NDArray[np.bool_]:
        """Whether a rule speaks of a record of each part."""
        named = np.array([*self.together, *self.apart], dtype=np.int64)
        told = np.isin(stack, named)
        if self.exclusive is not None:
            told |= self.exclusive[stack] >= 0
        return np.asarray(told.any(axis=1))


def _both_ways(decided: Iterable[tuple[int, int]]) -> Mapping[int, Set[int]]:
    told: dict[int, set[int]] = {}
    for a, b in decided:
        told.setdefault(a, set()).add(b)
        told.setdefault(b, set()).add(a)
    return told


def _parts(order: Ints, groups: Ints, inside: Pairs, link_weight: float) -> list[Ints]:
    """Stack the groups of the records ``order`` by size: one array (groups x members) per size.

    A group that is too large to look at whole is cut first.
    """
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    stacks = {
        int(size): [order[starts[sizes == size][:, None] + np.arange(size)]] for size in np.unique(sizes)
    }
    for size in [size for size in stacks if size > LARGEST]:
        for whole in stacks.pop(size)[0]:
            for part in _cut(whole, inside.where(inside.weight >= link_weight), link_weight):
                stacks.setdefault(len(part), []).append(part[None, :])
    return [np.concatenate(found) for _, found in sorted(stacks.items())]


def _cut(part: Ints, linked: Pairs, link_weight: float) -> list[Ints]:
    """Cut the weakest links of a group until what hangs together is small enough to look at whole."""
    inside = linked.where(np.isin(linked.left, part))
    left, right = np.searchsorted(part, inside.left), np.searchsorted(part, inside.right)
    done: list[Ints] = []
    waiting = [(np.arange(len(part)), link_weight)]
    while waiting:
        records, least = waiting.pop()
        if len(records) <= LARGEST or least > STRONGEST:
            done.append(part[records])
            continue
        kept = np.isin(left, records) & np.isin(right, records) & (inside.weight >= least + 1)
        labels = _components(len(part), left[kept], right[kept])[records]
        waiting.extend((records[labels == label], least + 1) for label in np.unique(labels))
    return done


def _weights_within(
    count: int, stacks: Sequence[Ints], inside: Pairs, score_missing: Callable[[Ints, Ints], Floats]
) -> list[Ints]:
    """Weights between the members of each part, in thousandths: per stack an array (parts x pairs).

    The pairs stand in the order of :func:`itertools.combinations`; those that lack a weight are weighed.
    """
    corners = [np.triu_indices(stack.shape[1], 1) for stack in stacks]
    left = np.concatenate([stack[:, rows].ravel() for stack, (rows, _) in zip(stacks, corners, strict=True)])
    right = np.concatenate([stack[:, cols].ravel() for stack, (_, cols) in zip(stacks, corners, strict=True)])
    known = inside.left * count + inside.right
    order = np.argsort(known)
    known = np.append(known[order], np.iinfo(np.int64).max)
    wanted = left * count + right
    found = np.searchsorted(known, wanted)
    is_known = known[found] == wanted
    weight = np.zeros(len(wanted))
    weight[is_known] = inside.weight[order[found[is_known]]]
    if not is_known.all():
        weight[~is_known] = score_missing(left[~is_known], right[~is_known])
    thousandths = np.rint(np.clip(weight, WEAKEST, STRONGEST) * 1000).astype(np.int64)
    ends = np.cumsum([len(stack) * len(rows) for stack, (rows, _) in zip(stacks, corners, strict=True)])
    return [
        told.reshape(len(stack), -1)
        for told, stack in zip(np.split(thousandths, ends[:-1]), stacks, strict=True)
    ]


def _put_together(part: list[int], weights: Sequence[int], link_weight: float, ruled: _Ruled) -> list[int]:
    """Average linkage under rules within one part.

    Args:
        part: record numbers, ascending.
        weights: weights of their pairs in thousandths, in the order of :func:`itertools.combinations`.
        link_weight: weight from which two records are linked.
        ruled: the rules.

    Returns:
        For each record the place in the part of the first of those that it belongs to.
    """
    size, least = len(part), round(link_weight * 1000)
    total = [[0] * size for _ in part]
    linked: list[set[int]] = [set() for _ in part]
    forbidden: list[set[int]] = [set() for _ in part]
    demanded = []
    for (i, j), weight in zip(combinations(range(size), 2), weights, strict=True):
        total[i][j] = total[j][i] = weight
        if weight >= least:
            linked[i].add(j)
            linked[j].add(i)
        if part[j] in ruled.together.get(part[i], ()):
            demanded.append((i, j))
        elif part[j] in ruled.apart.get(part[i], ()) or _excludes(ruled.exclusive, part[i], part[j]):
            forbidden[i].add(j)
            forbidden[j].add(i)
    counts, belongs = [1] * size, list(range(size))
    best: list[tuple[float, int, int, int]] = []  # how many records the two groups had makes an entry stale

    def offer(i: int, j: int) -> None:
        average = total[i][j] / (counts[i] * counts[j])
        if average >= 0 and j not in forbidden[i]:
            heappush(best, (-average, min(i, j), max(i, j), counts[i] + counts[j]))

    def join(i: int, j: int) -> None:
        counts[i], counts[j] = counts[i] + counts[j], 0
        for other in range(size):
            total[i][other] = total[other][i] = total[i][other] + total[j][other]
        for neighbours in (linked, forbidden):
            for other in neighbours[j]:
                neighbours[other].discard(j)
                neighbours[other].add(i)
            neighbours[i] = (neighbours[i] | neighbours[j]) - {i, j}
            neighbours[j] = set()
        for place, first in enumerate(belongs):
            if first == j:
                belongs[place] = i

    for i, j in demanded:
        first, second = sorted((belongs[i], belongs[j]))
        if first != second:
            join(first, second)
    for i in range(size):
        for j in linked[i]:
            if i < j:
                offer(i, j)
    while best:
        _, i, j, records = heappop(best)
        if counts[i] and counts[j] and counts[i] + counts[j] == records:
            join(i, j)
            for other in linked[i]:
                offer(i, other)
    return belongs


def _excludes(exclusive: Ints | None, a: int, b: int) -> bool:
    return exclusive is not None and bool(exclusive[a] >= 0) and bool(exclusive[a] == exclusive[b])


def _smallest(groups: Ints) -> Ints:
    """Name each group by the smallest number in it."""
    _, inverse = np.unique(groups, return_inverse=True)
    first = np.full(int(inverse.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, inverse, np.arange(len(groups)))
    return first[inverse]
