"""All subsets of a sum, against trying every one."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from include.finance.reconciliation.subsets import MOST_AMOUNTS, subsets_that_sum


@given(amounts=st.lists(st.integers(-9, 30), max_size=9), total=st.integers(-20, 90))
def test_every_way_is_found_once(amounts: list[int], total: int) -> None:
    places = range(len(amounts))
    true = [
        chosen
        for size in range(1, len(amounts) + 1)
        for chosen in combinations(places, size)
        if sum(amounts[place] for place in chosen) == total
    ]
    assert subsets_that_sum(amounts, total, most=10_000) == sorted(true)


def test_too_many_amounts_are_not_tried() -> None:
    assert subsets_that_sum([1] * (MOST_AMOUNTS + 1), 3) is None


def test_more_ways_than_asked_for_are_cut_off() -> None:
    assert len(subsets_that_sum([1] * 20, 10, most=5) or []) == 6
