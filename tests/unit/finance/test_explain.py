"""How a figure follows from others, and how it is written down."""

import string
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from include.finance.__main__ import main
from include.finance.audit.explain import (
    FORMULAS,
    MEASURES,
    METRICS,
    SETTINGS,
    Explanation,
    Question,
    Step,
    _steps,
)
from include.finance.audit.explained import _restated, decimals_of, number, verdict, worked
from include.settings import PROJECT_ROOT

ENTRY: dict[str, Any] = {measure: Decimal(0) for measure in MEASURES} | {"gross_margin": Decimal("0.4")}
ENTRIES = [
    ENTRY | {"gross": Decimal(110), "vat": Decimal(10), "commission": Decimal(10), "orders": 1},
    ENTRY | {"new_customers": 1},
    ENTRY | {"refunds": Decimal(11), "vat": Decimal(-1), "commission": Decimal(-1)},
    ENTRY | {"fixed_fees": Decimal(30), "platform_fees": Decimal(2), "goods": Decimal(4)},
    ENTRY | {"clicks": 8},
]  # fmt: skip
FIGURES: dict[str, Decimal | None] = {
    "gross": Decimal(110), "refunds": Decimal(11), "revenue": Decimal(99), "net_revenue": Decimal(90),
    "fixed_fees": Decimal(30), "platform_fees": Decimal(2), "commission": Decimal(9), "goods": Decimal(4),
    "investment": Decimal(45), "orders": Decimal(1), "clicks": Decimal(8), "new_customers": Decimal(1),
    "roi_pct": Decimal(120), "roi_net_pct": Decimal(100), "roi_contribution_pct": Decimal(-20),
    "cr_pct": Decimal("12.5"), "cpa": Decimal(45),
}  # fmt: skip


def explanation(metric: str, figures: dict[str, Decimal | None]) -> Explanation:
    steps = _steps(metric, ENTRIES, figures)
    question = Question("acme", "ana", metric, month=date(2026, 3, 1))
    return Explanation(question, "Ana", "USD", date(2026, 3, 31), steps, tuple(ENTRIES), Counter())


@pytest.mark.parametrize("metric", METRICS)
def test_each_metric_adds_up_and_a_cent_more_is_seen(metric: str) -> None:
    sound = explanation(metric, FIGURES)
    assert not sound.wrong
    assert sound.steps[0].name == metric
    shown = [step for step in sound.steps if step.has_figure]
    for step in shown:
        column = FORMULAS[step.name].figure if step.name in FORMULAS else step.name
        broken = explanation(metric, FIGURES | {column: (FIGURES[column] or 0) + Decimal("0.0001")})
        assert [wrong.name for wrong in broken.wrong] == [step.name]
        assert "It does not add up" in verdict(broken)


def test_a_step_stands_before_what_it_takes() -> None:
    for metric in METRICS:
        names = [step.name for step in explanation(metric, FIGURES).steps]
        assert len(names) == len(set(names))
        for name in names:
            for part in FORMULAS[name].takes if name in FORMULAS else ():
                assert names.index(part) > names.index(name)


def test_words_name_what_the_formula_takes() -> None:
    for name, formula in FORMULAS.items():
        named = {field for _, field, _, _ in string.Formatter().parse(formula.words) if field}
        assert named == set(formula.takes), name
        assert set(formula.takes) <= {*FORMULAS, *MEASURES, *SETTINGS}


def test_without_a_denominator_there_is_no_figure() -> None:
    none = {name: Decimal(0) for name in FIGURES} | {"roi_pct": None}
    steps = _steps("roi", [], none)
    assert (steps[0].value, steps[0].agrees) == (None, True)
    assert not _steps("roi", [], none | {"roi_pct": Decimal(0)})[0].agrees
    assert not _steps("roi", ENTRIES, FIGURES | {"roi_pct": None})[0].agrees


def test_the_numbers_are_put_in() -> None:
    said = {step.name: worked(explanation("roi_contribution", FIGURES), step) for step in explanation(
        "roi_contribution", FIGURES).steps}  # fmt: skip
    assert said["roi_contribution"] == (
        "(contribution - investment) / investment x 100 = (36 - 45) / 45 x 100"
    )
    assert said["contribution"] == "net revenue x gross margin = 90 x 0.4"
    assert said["net_revenue"] == "revenue - VAT = 99 - 9"
    assert said["gross"] == "1 entry"
    assert said["commission"] == "sum of 2 entries"
    assert said["gross_margin"] == "setting of the tenant"


def test_a_negative_number_stands_in_brackets() -> None:
    steps = (
        Step("revenue", Decimal("-3.5"), None, False),
        Step("gross", Decimal("-1.5"), None, False),
        Step("refunds", Decimal(2), None, False),
    )
    question = Question("acme", "ana", "revenue")
    lost = Explanation(question, "Ana", "USD", date(2026, 3, 31), steps, (), Counter())
    assert worked(lost, steps[0]) == "gross - refunds = (-1.5) - 2.0"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "No restatement of the KOL's days since they were first published."),
        ({"added": 3}, "published (3 days were added as they came)."),
        ({"changed": 1}, "1 restatement of the KOL's days since: see marts.kol_day_changes."),
        ({"changed": 1, "removed": 2, "added": 3}, "3 restatements of the KOL's days since: see"),
    ],
)
def test_what_moved_since_is_told(changes: dict[str, int], says: str) -> None:
    asked = replace(explanation("roi", FIGURES), restatements=Counter(changes))
    assert says in _restated(asked)


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (None, 2, "-"),
        (7, 0, "7"),
        (Decimal("1234.5000"), 0, "1,234.5"),
        (Decimal("1234.5000"), 2, "1,234.50"),
        (Decimal("52718614.0000"), 0, "52,718,614"),
        (Decimal("0.000041000000"), 2, "0.000041"),
        (Decimal("0E-12"), 0, "0"),
    ],
)
def test_number(value: Decimal | int | None, decimals: int, shown: str) -> None:
    assert number(value, decimals) == shown


def test_decimals_of() -> None:
    assert decimals_of([Decimal("1.5000"), 3, None, "0.1234567", Decimal("2.25")]) == 2
    assert decimals_of([]) == 0


def test_a_period_is_a_month_a_day_or_the_whole_time() -> None:
    march, day = date(2026, 3, 1), date(2026, 3, 31)
    month = Question("t", "k", "roi", month=march)
    assert (month.mart, month.days, month.period) == ("kol_roi_monthly", (march, day), "2026-03")
    both = Question("t", "k", "roi", month=march, day=day)
    assert (both.mart, both.days, both.period) == ("kol_roi_daily", (day, day), "2026-03-31")
    whole = Question("t", "k", "roi")
    assert (whole.mart, whole.days, whole.period) == ("kol_roi", (date.min, date.max), "the whole time")
    with pytest.raises(ValueError, match="--day 2026-04-01 is not in --month 2026-03"):
        Question("t", "k", "roi", month=march, day=date(2026, 4, 1))


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--month", "03/2026"], "'03/2026' is no month: write 2026-03"),
        (["--day", "31.3."], "'31.3.' is no day: write 2026-03-31"),
        (["--metric", "luck"], "invalid choice: 'luck'"),
    ],
)
def test_what_is_written_wrongly_is_refused(
    capsys: pytest.CaptureFixture[str], option: list[str], says: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["explain", "--tenant", "acme", "--kol", "ana", "--metric", "roi", *option])
    assert refused.value.code == 2
    assert says in capsys.readouterr().err


def test_every_metric_stands_in_the_definitions() -> None:
    text = (PROJECT_ROOT / "docs" / "kpi-definitions.md").read_text(encoding="utf-8")
    asked = text.split("## How to see what a number is made of")[1].split("\n## ")[0]
    assert all(f"`{metric}`" in asked for metric in METRICS)
