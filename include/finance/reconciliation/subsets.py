"""Which of some amounts add up to a sum: all ways, or none of them when there are too many to say."""

from collections import defaultdict
from collections.abc import Sequence

MOST_AMOUNTS = 26
MOST_WAYS = 64


def subsets_that_sum(
    amounts: Sequence[int], total: int, *, most: int = MOST_WAYS
) -> list[tuple[int, ...]] | None:
    """Return the places of every non-empty subset of amounts with a sum, by meeting in the middle.

    Half of the amounts are summed in all ways and looked up by what the other half lacks (Horowitz and
    Sahni, Computing Partitions with Applications to the Knapsack Problem, JACM 21, 1974), so that n amounts
    cost about 2 to the n/2.

    Args:
        amounts: whole numbers; may be negative.
        total: the sum to find.
        most: so many ways are listed at most; one more is as good as any number.

    Returns:
        Subsets in rising order of their places, or None when there are more than ``MOST_AMOUNTS`` amounts.
    """
    if len(amounts) > MOST_AMOUNTS:
        return None
    middle = len(amounts) // 2
    left: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for places, partial in _sums(amounts, range(middle)):
        left[partial].append(places)
    found = []
    for places, partial in _sums(amounts, range(middle, len(amounts))):
        for first in left.get(total - partial, ()):
            if first or places:
                found.append(first + places)
            if len(found) > most:
                return sorted(found)
    return sorted(found)


def _sums(amounts: Sequence[int], places: range) -> list[tuple[tuple[int, ...], int]]:
    sums: list[tuple[tuple[int, ...], int]] = [((), 0)]
    for place in places:
        sums += [((*chosen, place), partial + amounts[place]) for chosen, partial in sums]
    return sums
