"""The figures of a clustering are those that counting every pair by hand gives."""

from dataclasses import astuple
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.clusters import Agreement, agreement, labels

CLUSTERINGS = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 9), min_size=n, max_size=n) for _ in range(2)))
)


def judged(found: list[int], truth: list[int]) -> Agreement:
    return agreement(np.array(found), np.array(truth))


@given(CLUSTERINGS)
def test_counts_are_those_of_all_pairs(both: tuple[list[int], list[int]]) -> None:
    found, truth = both
    together = [(found[i] == found[j], truth[i] == truth[j]) for i, j in combinations(range(len(found)), 2)]
    right = sum(a and b for a, b in together)
    claimed, real = sum(a for a, _ in together), sum(b for _, b in together)
    actual = judged(found, truth)
    assert actual.pair_precision == pytest.approx(right / claimed if claimed else 1)
    assert actual.pair_recall == pytest.approx(right / real if real else 1)
    assert actual.pair_f1 == pytest.approx(2 * right / (claimed + real) if claimed + real else 1)


@given(CLUSTERINGS)
def test_b_cubed_is_the_mean_over_records(both: tuple[list[int], list[int]]) -> None:
    found, truth = both
    everyone = range(len(found))
    precision, recall = [], []
    for one in everyone:
        mine = {other for other in everyone if found[other] == found[one]}
        real = {other for other in everyone if truth[other] == truth[one]}
        precision.append(len(mine & real) / len(mine))
        recall.append(len(mine & real) / len(real))
    actual = judged(found, truth)
    assert actual.b3_precision == pytest.approx(np.mean(precision))
    assert actual.b3_recall == pytest.approx(np.mean(recall))


@given(CLUSTERINGS, st.permutations(range(10)))
def test_names_of_clusters_do_not_matter(both: tuple[list[int], list[int]], other: list[int]) -> None:
    found, truth = both
    renamed = judged([other[label] for label in found], truth)
    assert astuple(renamed) == pytest.approx(astuple(judged(found, truth)))


@given(CLUSTERINGS)
def test_precision_of_one_is_recall_of_the_other(both: tuple[list[int], list[int]]) -> None:
    there, back = judged(*both), judged(*reversed(both))
    assert there.pair_precision == back.pair_recall
    assert there.b3_precision == pytest.approx(back.b3_recall)


def test_the_truth_is_perfect_and_a_single_wrong_record_is_seen() -> None:
    truth = [0, 0, 1, 1, 1, 2]
    perfect = judged(truth, truth)
    assert (perfect.pair_f1, perfect.b3_f1, perfect.customers) == (1, 1, 3)
    merged = judged([0, 0, 1, 1, 1, 1], truth)
    assert merged.pair_recall == 1
    assert merged.pair_precision == 4 / 7
    assert merged.largest_cluster == 4 > merged.largest_true_cluster == 3
    split = judged([0, 3, 1, 1, 1, 2], truth)
    assert split.pair_precision == 1
    assert split.pair_recall == 3 / 4


def test_everyone_in_one_and_everyone_alone_are_bad() -> None:
    truth = [0, 0, 1, 2]
    one = judged([0, 0, 0, 0], truth)
    assert (one.pair_precision, one.pair_recall) == (1 / 6, 1)
    alone = judged([0, 1, 2, 3], truth)
    assert (alone.pair_precision, alone.pair_recall, alone.pair_f1) == (1, 0, 0)
    assert alone.b3_precision == 1


def test_labels_number_equal_values_alike() -> None:
    assert labels(pa.chunked_array([["b", "a"], ["b"]])).tolist() == [0, 1, 0]


def test_a_record_in_no_cluster_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 records are in no cluster"):
        labels(pa.array(["a", None]))
    with pytest.raises(ValueError, match="2 records are clustered, but the truth knows 1"):
        judged([0, 1], [0])
    with pytest.raises(ValueError, match="no records"):
        judged([], [])
