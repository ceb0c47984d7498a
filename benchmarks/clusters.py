"""How well found clusters agree with true ones: pairs, B-cubed, sizes; from counts, never from all pairs.

A *cell* is what a found cluster and a true one have in common. Pairwise precision is the share of found pairs
that are true ones, recall the share of true pairs that were found. B-cubed takes for each record the share of
its found cluster that is truly with it (precision), or the share of its true cluster that was found with it
(recall), and averages over records (Bagga and Baldwin 1998).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """Figures of one clustering against the truth; rates are 0 to 1, sizes are numbers of records."""

    pair_precision: float
    pair_recall: float
    pair_f1: float
    b3_precision: float
    b3_recall: float
    b3_f1: float
    largest_cluster: int
    largest_true_cluster: int
    records: int
    customers: int


def labels(values: pa.Array | pa.ChunkedArray) -> Labels:
    """Number the distinct values of a column from 0.

    Raises:
        ValueError: when a value is null, for it would be in no cluster.
    """
    if values.null_count:
        raise ValueError(f"{values.null_count} records are in no cluster; give each one its own")
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    coded = pc.dictionary_encode(values)
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]


def agreement(found: Labels, truth: Labels) -> Agreement:
    """Compare two clusterings of the same records.

    Args:
        found: number of each record's found cluster, from 0 without large gaps.
        truth: number of each record's true cluster, in the same order.

    Returns:
        The figures. Without a found pair precision is 1, without a true pair recall is 1: nothing is wrong.

    Raises:
        ValueError: when there are no records, or more in one clustering than in the other.
    """
    if len(found) != len(truth):
        raise ValueError(f"{len(found)} records are clustered, but the truth knows {len(truth)}")
    if not len(found):
        raise ValueError("there are no records to compare")
    found_sizes, truth_sizes = np.bincount(found), np.bincount(truth)
    cells, shared = np.unique(found * len(truth_sizes) + truth, return_counts=True)
    found_of_cell, truth_of_cell = np.divmod(cells, len(truth_sizes))
    right = _pairs(shared)
    precision = _share(right, _pairs(found_sizes))
    recall = _share(right, _pairs(truth_sizes))
    squares = shared.astype(np.float64) ** 2
    b3_precision = float((squares / found_sizes[found_of_cell]).sum()) / len(found)
    b3_recall = float((squares / truth_sizes[truth_of_cell]).sum()) / len(found)
    return Agreement(
        pair_precision=precision,
        pair_recall=recall,
        pair_f1=_f1(precision, recall),
        b3_precision=b3_precision,
        b3_recall=b3_recall,
        b3_f1=_f1(b3_precision, b3_recall),
        largest_cluster=int(found_sizes.max()),
        largest_true_cluster=int(truth_sizes.max()),
        records=len(found),
        customers=int((found_sizes > 0).sum()),
    )


def _pairs(sizes: npt.NDArray[np.int64]) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
