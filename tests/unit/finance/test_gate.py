"""What people read of unexplained money: what, where, how much, how old, and what to do."""

from datetime import date
from decimal import Decimal

import pytest

from include.finance.reporting.gate import OpenItem, OpenSum, Tie, Unexplained

AS_OF = date(2026, 3, 31)
SUM = OpenSum("payout", "missing_in_bank", "VND", 1200, Decimal("5000000000001.0000"))
ITEM = OpenItem("payout", "vnpay", "po-7", "missing_in_bank", "VND", Decimal("4000000.0000"), 9)
UNTIED = Tie("what was due, what came", "USD", Decimal("10.00"), Decimal("9.5"), Decimal("0.4"))


def found(
    sums: tuple[OpenSum, ...] = (), items: tuple[OpenItem, ...] = (), untied: tuple[Tie, ...] = ()
) -> Unexplained:
    return Unexplained("lotus", AS_OF, sums, items, untied)


def test_the_text_says_what_is_open_and_what_to_do() -> None:
    said = str(found((SUM,), (ITEM,)))
    assert "lotus as of 2026-03-31" in said
    assert "payout missing_in_bank: 1,200, VND 5,000,000,000,001\n" in said
    assert "1 of 1,200" in said
    assert "payout vnpay po-7, missing_in_bank: VND 4,000,000, 9 days old" in said
    assert "where tenant_id = 'lotus' and is_open" in said
    assert "python -m include.finance explain-item --tenant lotus" in said
    assert "docs/runbooks/finance-gate-red.md" in said


@pytest.mark.parametrize(
    ("unexplained", "is_clean", "level", "title"),
    [
        (found(), True, "success", "lotus: nothing open, as of 2026-03-31"),
        (found((SUM,), (ITEM,)), False, "warning", "lotus: 1,200 open, as of 2026-03-31"),
        (
            found(untied=(UNTIED,)),
            False,
            "failure",
            "lotus: nothing open, totals that do not tie: 1, as of 2026-03-31",
        ),
    ],
)
def test_how_bad_it_is(unexplained: Unexplained, is_clean: bool, level: str, title: str) -> None:
    assert (unexplained.is_clean, unexplained.level, unexplained.title) == (is_clean, level, title)


def test_totals_that_do_not_tie_are_shown_with_both_amounts() -> None:
    assert "what was due, what came: USD 10.00 and USD 9.50" in str(found(untied=(UNTIED,)))


@pytest.mark.parametrize(
    ("one", "other", "holds"), [("1", "1.4", True), ("1.4", "1", True), ("1", "1.4001", False)]
)
def test_a_tie_holds_up_to_what_the_rules_allow(one: str, other: str, holds: bool) -> None:
    assert Tie("x", "USD", Decimal(one), Decimal(other), Decimal("0.4")).holds is holds
