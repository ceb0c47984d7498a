"""What is told of a payout beside its state: what came of it at the bank; and what counts as open."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from include.finance.reconciliation import nightly
from include.finance.reconciliation.bank import Line, explain
from include.finance.reconciliation.payouts import UNIT, Due
from include.finance.reconciliation.reconcile import line_table, payout_table
from include.finance.reconciliation.rules import Rules
from include.settings import PROJECT_ROOT

DAY = date(2026, 6, 1).toordinal()


def due(name: str, amount: int, kind: str = "payout", reference: str = "") -> Due:
    return Due((kind, "vnpay", name, "VND"), "vnpay", amount * UNIT, DAY, reference)


def line(name: str, amount: int, *named: str, currency: str = "VND") -> Line:
    return Line(("bank", name), "vnpay", currency, amount * UNIT, DAY, named)


def received(dues: list[Due], lines: list[Line]) -> dict[str, tuple[Any, ...]]:
    """Return of each payout how many lines it has, and what they came to."""
    told = explain(dues, lines, Rules(), as_of=DAY + 30)
    return {
        row["payout_id"]: (row["lines"], row["received_currency"], row["received_amount"])
        for row in payout_table(dues, lines, told).to_pylist()
    }


def test_a_payout_came_by_all_its_lines() -> None:
    named = due("PO1", 100, reference="po1111")
    both = [line("a", 60, "po1111"), line("b", 30, "po1111"), line("c", 7)]
    assert received([named], both) == {"PO1": (2, "VND", Decimal(90))}
    assert received([named], []) == {"PO1": (0, None, None)}


def test_lines_of_another_currency_are_not_summed_with_others() -> None:
    named = due("PO1", 100, reference="po1111")
    foreign = line("a", 4, "po1111", currency="USD")
    assert received([named], [foreign]) == {"PO1": (1, "USD", Decimal(4))}
    assert received([named], [foreign, line("b", 1, "po1111")]) == {"PO1": (2, None, None)}


def test_what_came_is_known_where_nobody_knows_by_which_line() -> None:
    alike = [due("PO1", 100), due("PO2", 100)]
    later = [Line(("bank", name), "vnpay", "VND", 100 * UNIT, DAY + 1) for name in "ab"]
    assert set(received(alike, later).values()) == {(0, "VND", Decimal(100))}


def test_nothing_comes_of_what_is_nothing() -> None:
    nothing = [due("PO1", 0), due("st:2026-06-01:cash", -5, kind="takings")]
    assert set(received(nothing, []).values()) == {(0, None, None)}


def test_a_line_says_in_which_currency_its_payout_is() -> None:
    dues, lines = (
        [due("PO1", 100, reference="po1111")],
        [line("a", 4, "po1111", currency="USD"), line("b", 7)],
    )
    told = explain(dues, lines, Rules(), as_of=DAY + 30)
    said = {row["line_id"]: row["payout_currency"] for row in line_table(lines, told).to_pylist()}
    assert said == {"a": "VND", "b": None}


def test_what_is_open_is_said_in_the_same_words_everywhere() -> None:
    """The marts' condition, the indexes that serve it, and what a night counts."""
    words = re.compile(r"not in (\('matched'[^)]*\))")
    macro = PROJECT_ROOT / "dbt_project" / "macros" / "rules" / "reconciliation.sql"
    indexes = PROJECT_ROOT / "include" / "warehouse" / "reconciliation.sql"
    texts = [path.read_text() for path in (macro, indexes, Path(nightly.__file__))]
    found = [words.findall(text) for text in texts]
    assert [len(said) for said in found] == [1, 5, 1]
    assert len({said for some in found for said in some}) == 1
