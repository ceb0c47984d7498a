"""From weighed pairs to customers: join what is linked, then take apart what hangs together by a thread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    parts: list[Ints] = []
    for part in np.split(order, starts[1:]):
        parts.extend(_cut(part, linked, link_weight) if len(part) > LARGEST else [part])
    weights = _weights_within(count, parts, pairs, score_missing)
    apart = {(min(a, b), max(a, b)) for a, b in rules.different}
    together = {(min(a, b), max(a, b)) for a, b in rules.same}
    final, following = groups.copy(), int(groups.max()) + 1
    for part, matrix in zip(parts, weights, strict=True):
        labels = _put_together(part, matrix, link_weight, together, apart, rules.exclusive)
        final[part] = following + labels
        following += int(labels.max()) + 1
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


def _cut(part: Ints, linked: Pairs, link_weight: float) -> list[Ints]:
    """Cut the weakest links of a group until what hangs together is small enough to look at whole."""
    place = {int(record): number for number, record in enumerate(part)}
    inside = linked.where(np.isin(linked.left, part))
    left = np.array([place[int(record)] for record in inside.left], dtype=np.int64)
    right = np.array([place[int(record)] for record in inside.right], dtype=np.int64)
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
    count: int, parts: Sequence[Ints], pairs: Pairs, score_missing: Callable[[Ints, Ints], Floats]
) -> list[Ints]:
    """Symmetric matrices of the weights within each part, in thousandths; pairs that lack one are weighed."""
    corners = [np.triu_indices(len(part), 1) for part in parts]
    left = np.concatenate([part[rows] for part, (rows, _) in zip(parts, corners, strict=True)])
    right = np.concatenate([part[columns] for part, (_, columns) in zip(parts, corners, strict=True)])
    known = pairs.left * count + pairs.right
    order = np.argsort(known)
    wanted = left * count + right
    found = np.searchsorted(known, wanted, sorter=order)
    found = order[np.minimum(found, len(order) - 1)]
    is_known = known[found] == wanted
    weight = np.where(is_known, pairs.weight[found], 0.0)
    if not is_known.all():
        weight[~is_known] = score_missing(left[~is_known], right[~is_known])
    thousandths = np.rint(np.clip(weight, WEAKEST, STRONGEST) * 1000).astype(np.int64)
    matrices, start = [], 0
    for part, (rows, columns) in zip(parts, corners, strict=True):
        matrix = np.zeros((len(part), len(part)), dtype=np.int64)
        matrix[rows, columns] = matrix[columns, rows] = thousandths[start : start + len(rows)]
        start += len(rows)
        matrices.append(matrix)
    return matrices


def _put_together(
    part: Ints,
    weights: Ints,
    link_weight: float,
    together: set[tuple[int, int]],
    apart: set[tuple[int, int]],
    exclusive: Ints | None,
) -> Ints:
    """Average linkage under rules within one part; return the label of each of its records."""
    size = len(part)
    least = round(link_weight * 1000)
    linked = weights >= least
    forbidden = np.zeros((size, size), dtype=bool)
    if apart:
        for i in range(size):
            for j in range(i + 1, size):
                if (int(part[i]), int(part[j])) in apart:
                    forbidden[i, j] = forbidden[j, i] = True
    if exclusive is not None:
        owner = exclusive[part]
        forbidden |= (owner[:, None] == owner[None, :]) & (owner[:, None] >= 0)
    demanded = (
        [(i, j) for i in range(size) for j in range(i + 1, size) if (int(part[i]), int(part[j])) in together]
        if together
        else []
    )
    for i, j in demanded:
        forbidden[i, j] = forbidden[j, i] = False
    np.fill_diagonal(forbidden, False)
    if not forbidden.any() and not demanded and (weights + np.eye(size, dtype=np.int64) >= 0).all():
        return np.zeros(size, dtype=np.int64)
    total, counts = weights.astype(np.float64), np.ones(size)
    joinable = linked.copy()
    np.fill_diagonal(joinable, False)
    labels = np.arange(size)
    alive = np.ones(size, dtype=bool)

    def join(i: int, j: int) -> None:
        i, j = min(i, j), max(i, j)
        total[i] += total[j]
        total[:, i] = total[i]
        counts[i] += counts[j]
        for matrix in (joinable, forbidden):
            matrix[i] |= matrix[j]
            matrix[:, i] = matrix[i]
            matrix[i, i] = False
        alive[j] = False
        joinable[j] = joinable[:, j] = False
        labels[labels == j] = i

    for i, j in demanded:
        if labels[i] != labels[j]:
            join(int(labels[i]), int(labels[j]))
    while True:
        average = np.where(joinable & ~forbidden, total / np.outer(counts, counts), -np.inf)
        best = int(np.argmax(average))
        i, j = divmod(best, size)
        if average[i, j] < 0:
            break
        join(i, j)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _smallest(groups: Ints) -> Ints:
    """Name each group by the smallest number in it."""
    _, inverse = np.unique(groups, return_inverse=True)
    first = np.full(int(inverse.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, inverse, np.arange(len(groups)))
    return first[inverse]
