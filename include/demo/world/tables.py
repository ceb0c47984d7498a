"""Arrow tables in the columns of a feed's contract, from numpy columns."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.warehouse.contracts import load_contracts

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

NEVER = np.int64(np.iinfo(np.int64).min)
"""Instant (in seconds) of what did not happen; null in a table."""

INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Minor:
    """Exact amounts: whole ``units`` of ``10**-digits``; null where ``missing``."""

    units: Ints
    digits: Ints | int
    missing: Bools | None = None


@lru_cache(maxsize=64)
def contract_columns(feed: str) -> dict[str, str]:
    """Columns of a feed and their data types, in order, as its contract states them."""
    return {column.name: column.data_type for column in load_contracts()[feed].columns}


def arrow_type(data_type: str) -> pa.DataType:
    """The Arrow type that carries a contract's data type."""
    if data_type.startswith("numeric"):
        precision, scale = data_type[len("numeric(") : -1].split(",")
        return pa.decimal128(int(precision), int(scale))
    plain = {
        "text": pa.string(),
        "timestamptz": INSTANT,
        "date": pa.date32(),
        "boolean": pa.bool_(),
        "bigint": pa.int64(),
        "integer": pa.int32(),
    }
    return plain[data_type]


def instants(seconds: Ints) -> pa.Array:
    """UTC instants from seconds since the epoch; ``NEVER`` becomes null."""
    never = seconds == NEVER
    return pa.array(np.where(never, 0, seconds) * 1_000_000, pa.int64(), mask=never).cast(INSTANT)


def decimals(minor: Minor, kind: pa.Decimal128Type) -> pa.Array:
    """Exact decimals of ``kind`` from whole minor units."""
    scaled = minor.units.astype(np.int64) * np.power(np.int64(10), np.int64(kind.scale) - minor.digits)
    words = np.empty((len(scaled), 2), dtype=np.int64)
    words[:, 0] = scaled
    words[:, 1] = scaled >> 63
    whole = pa.Array.from_buffers(kind, len(scaled), [None, pa.py_buffer(words.tobytes())])
    if minor.missing is None:
        return whole
    return pc.if_else(pa.array(minor.missing), pa.scalar(None, kind), whole)


def column(value: Any, kind: pa.DataType, rows: int) -> pa.Array | pa.ChunkedArray:
    """One column of ``rows`` values of ``kind`` from an array, a ``Minor`` or one value for all."""
    if isinstance(value, Minor):
        return decimals(value, kind)
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return value.cast(kind) if value.type != kind else value
    if isinstance(value, np.ndarray):
        if pa.types.is_timestamp(kind):
            return instants(value)
        if pa.types.is_date32(kind):
            return pa.array(value.astype(np.int32), pa.int32()).cast(kind)
        return pa.array(value, kind, from_pandas=False)
    return pa.repeat(pa.scalar(value, kind), rows)


def feed_table(
    feed: str, columns: Mapping[str, Any], available: Ints, system: str | Texts | pa.Array
) -> pa.Table:
    """Versions of a feed's records in its contract's columns, with ``_available_at`` and ``_system``.

    Args:
        feed: name of the feed.
        columns: values by column; columns that are not named are null.
        available: seconds since the epoch at which the source shows each version.
        system: the system that exports it, one for all rows or one per row.

    Raises:
        KeyError: ``columns`` names a column that the contract does not have.
    """
    contract = contract_columns(feed)
    unknown = set(columns) - set(contract)
    if unknown:
        raise KeyError(f"feed {feed} has no column {', '.join(sorted(unknown))}")
    rows = len(available)
    arrays = [column(columns.get(name), arrow_type(kind), rows) for name, kind in contract.items()]
    arrays += [instants(available), column(system, pa.string(), rows)]
    return pa.table(arrays, names=[*contract, "_available_at", "_system"])


def joined(*parts: Any) -> pa.Array:
    """Element-wise concatenation of text arrays and constants; null where a part is null."""
    return pc.binary_join_element_wise(*parts, "")


def numbered(prefix: str, numbers: Ints, width: int) -> pa.Array:
    """Ids of one width, so that their order as text is their order as numbers."""
    return joined(prefix, pc.utf8_lpad(pa.array(numbers, pa.int64()).cast(pa.string()), width, "0"))


def scattered(prefix: str, numbers: Ints) -> pa.Array:
    """Ids without visible order: a bijection of numbers below 2**50; -1 becomes null."""
    mixed = (numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15 | 1)) & np.uint64((1 << 50) - 1)
    texts = pc.utf8_lpad(pa.array(mixed.astype(np.int64)).cast(pa.string()), 16, "0")
    return pc.if_else(pa.array(numbers < 0), pa.scalar(None, pa.string()), joined(prefix, texts))


def picked(words: Sequence[str | None], indices: Ints) -> pa.Array:
    """Words by index; -1 becomes null."""
    return pa.array(words, pa.string()).take(pa.array(indices, pa.int64(), mask=indices < 0))


def nulled(values: pa.Array, missing: Bools) -> pa.Array:
    """``values`` with null where ``missing``."""
    return pc.if_else(pa.array(missing), pa.scalar(None, values.type), values)


def present(*values: pa.Array) -> Bools:
    """Rows in which at least one of the columns is not null."""
    there: Bools = np.any([pc.is_valid(each).to_numpy(zero_copy_only=False) for each in values], axis=0)
    return there


class Book:
    """What the simulator has written down so far: versions per feed and notes of the truth."""

    def __init__(self, only: Collection[str] | None = None) -> None:
        """Start an empty book, for all feeds or ``only`` for some."""
        self._only = only
        self.feeds: dict[str, list[pa.Table]] = {}
        self.truth: dict[str, list[pa.Table]] = {}

    def write(
        self, feed: str, columns: Mapping[str, Any], available: Ints, system: str | Texts | pa.Array
    ) -> None:
        """Add versions to a feed, where the book is kept for it."""
        if self._only is not None and feed not in self._only:
            return
        self.feeds.setdefault(feed, []).append(feed_table(feed, columns, available, system))

    def note(self, name: str, table: pa.Table) -> None:
        """Add rows to a table of the truth."""
        self.truth.setdefault(name, []).append(table)
