"""How values stand in the tables that the local commands print."""

from datetime import date
from decimal import Decimal

import pytest

from include.local.report import cell_text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("Liam Nguyen", "Liam Nguyen"),
        (1234567, "1,234,567"),
        (Decimal("44652.8300"), "44,652.83"),
        (Decimal("52718614"), "52,718,614"),
        (Decimal("795.6"), "795.6"),
        (date(2010, 12, 1), "2010-12-01"),
    ],
)
def test_cell_text(value: object, shown: str) -> None:
    assert cell_text(value) == shown
