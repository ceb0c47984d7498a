"""Compare two tables cell by cell, null-safe, and name every cell that differs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.oracle.rows import Row

MISSING = "(no such row)"
TWICE = "(row stands twice)"


@dataclass(frozen=True)
class Difference:
    """One cell in which two tables disagree; ``column`` is the key's own name for a whole row."""

    table: str
    key: tuple[Any, ...]
    column: str
    expected: Any
    actual: Any

    def __str__(self) -> str:
        place = ", ".join(str(part) for part in self.key)
        return f"{self.table} [{place}] {self.column}: expected {self.expected}, found {self.actual}"


@dataclass(frozen=True)
class Shape:
    """How a mart of the warehouse is read: where the oracle's columns stand in it.

    ``keys`` and ``columns`` give the oracle's name -> the warehouse's. Where ``sparse`` is set, a row that is
    absent on one side stands for zeros.
    """

    table: str
    keys: Mapping[str, str]
    columns: Mapping[str, str]
    sparse: bool = False


def compare(
    expected: Iterable[Mapping[str, Any]], actual: Iterable[Mapping[str, Any]], shape: Shape
) -> list[Difference]:
    """Return every cell that differs.

    Args:
        expected: the oracle's rows, in its column names.
        actual: the warehouse's rows, in its column names.
        shape: keys and columns to compare.

    Numbers compare by value whatever their scale, instants in UTC, nulls only with nulls.
    """
    differences: list[Difference] = []
    here = indexed(expected, list(shape.keys), "expected", shape.table, differences)
    there = indexed(actual, list(shape.keys.values()), "actual", shape.table, differences)
    for key in {**here, **there}:
        ours, theirs = here.get(key), there.get(key)
        if (ours is None or theirs is None) and not shape.sparse:
            found = (MISSING, "a row") if ours is None else ("a row", MISSING)
            differences.append(Difference(shape.table, key, "*", *found))
            continue
        for name, column in shape.columns.items():
            wanted = canonical(ours[name]) if ours is not None else MISSING
            given = canonical(theirs[column]) if theirs is not None else MISSING
            if not agree(wanted, given):
                differences.append(Difference(shape.table, key, column, wanted, given))
    return differences


def agree(wanted: Any, given: Any) -> bool:
    """Tell whether two canonical values are the same; an absent row agrees with nothing and with zero."""
    if MISSING in (wanted, given):
        return all(value in (MISSING, None, False, "") or value == 0 for value in (wanted, given))
    return type(wanted) is type(given) and bool(wanted == given)


def canonical(value: Any) -> Any:
    """Return a value in the one type in which both sides are compared.

    Raises:
        TypeError: a float, which cannot carry money.
    """
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float; marts carry numeric")
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value if isinstance(value, date) else str(value)


def indexed(
    rows: Iterable[Mapping[str, Any]], names: Sequence[str], side: str, table: str, into: list[Difference]
) -> dict[tuple[Any, ...], Row]:
    """Return the rows by their key; a key that stands twice is a difference."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(canonical(row[name]) for name in names)
        if key in found:
            into.append(Difference(table, key, side, "one row", TWICE))
        found[key] = dict(row)
    return found
