"""The comparer finds every kind of difference, and nothing where there is none."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle.compare import MISSING, Difference, Shape, compare

DENSE = Shape("t", {"k": "key"}, {"v": "value"})
SPARSE = Shape("t", {"k": "key"}, {"v": "value"}, sparse=True)


def differ(
    expected: list[dict[str, Any]], actual: list[dict[str, Any]], shape: Shape = DENSE
) -> list[Difference]:
    return compare(expected, actual, shape)


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (Decimal("1.50"), Decimal("1.5000")),
        (1, Decimal("1.0")),
        (None, None),
        ("a", "a"),
        (NOON, NOON.astimezone(timezone(timedelta(hours=7)))),
    ],
)
def test_equal_values_agree_whatever_their_form(expected: Any, actual: Any) -> None:
    assert not differ([{"k": 1, "v": expected}], [{"key": 1, "value": actual}])


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (None, 0),
        (0, None),
        (Decimal("1.00"), Decimal("1.01")),
        (None, ""),
        ("1", 1),
        (True, 1),
        (False, None),
    ],
)
def test_each_difference_is_found(expected: Any, actual: Any) -> None:
    (found,) = differ([{"k": 1, "v": expected}], [{"key": 1, "value": actual}])
    assert (found.key, found.column) == ((1,), "value")


def test_rows_on_one_side_only_are_found() -> None:
    (lost,) = differ([{"k": 1, "v": 0}], [])
    (made_up,) = differ([], [{"key": 1, "value": 0}])
    assert (lost.actual, made_up.expected) == (MISSING, MISSING)


def test_a_key_that_stands_twice_is_found() -> None:
    (twice,) = differ([{"k": 1, "v": 0}], [{"key": 1, "value": 0}, {"key": 1, "value": 0}])
    assert twice.column == "actual"


def test_in_sparse_tables_an_absent_row_is_zero_and_nothing_else() -> None:
    for nothing in (0, None, False):
        assert not differ([{"k": 1, "v": nothing}], [], SPARSE)
        assert not differ([], [{"key": 1, "value": nothing}], SPARSE)
    assert differ([{"k": 1, "v": 1}], [], SPARSE)
    assert differ([], [{"key": 1, "value": Decimal("-0.01")}], SPARSE)


def test_floats_are_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        differ([{"k": 1, "v": 1}], [{"key": 1, "value": 1.0}])
