"""What a KOL's figure is made of: its formula with the numbers put in, and every entry that adds up to it."""

import calendar
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from include.warehouse import Warehouse

Entry = dict[str, Any]
"""One row of marts.kol_roi_entries by column."""
Values = Mapping[str, Decimal]

SHOWN_NAMES = 20
"""Names that an error lists of those that exist."""


@dataclass(frozen=True)
class Formula:
    """How a figure follows from others.

    Args:
        words: the formula, with the names of what it takes in braces.
        takes: these names, each once.
        of: the same formula on values; None where a denominator is zero.
        figure: column of the marts that shows it; empty where none does.
    """

    words: str
    takes: tuple[str, ...]
    of: Callable[[Values], Decimal | None]
    figure: str


def _ratio(above: Decimal, below: Decimal) -> Decimal | None:
    """Divide as the marts do: 4 decimals, halves away from zero, None without a denominator."""
    if not below:
        return None
    with localcontext() as context:
        context.prec = 60
        return (above / below).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _roi(gain: str, figure: str, words: str) -> Formula:
    return Formula(
        f"({words} - {{investment}}) / {{investment}} x 100",
        (gain, "investment"),
        lambda of: _ratio((of[gain] - of["investment"]) * 100, of["investment"]),
        figure,
    )


INVESTMENT = ("fixed_fees", "platform_fees", "commission", "goods")
FORMULAS: dict[str, Formula] = {
    "roi": _roi("revenue", "roi_pct", "{revenue}"),
    "roi_net": _roi("net_revenue", "roi_net_pct", "{net_revenue}"),
    "roi_contribution": _roi("contribution", "roi_contribution_pct", "{contribution}"),
    "contribution": Formula(
        "{net_revenue} x {gross_margin}",
        ("net_revenue", "gross_margin"),
        lambda of: of["net_revenue"] * of["gross_margin"],
        "",
    ),
    "revenue": Formula(
        "{gross} - {refunds}", ("gross", "refunds"), lambda of: of["gross"] - of["refunds"], "revenue"
    ),
    "net_revenue": Formula(
        "{revenue} - {vat}", ("revenue", "vat"), lambda of: of["revenue"] - of["vat"], "net_revenue"
    ),
    "investment": Formula(
        " + ".join(f"{{{part}}}" for part in INVESTMENT),
        INVESTMENT,
        lambda of: sum((of[part] for part in INVESTMENT), Decimal(0)),
        "investment",
    ),
    "cr": Formula(
        "{orders} / {clicks} x 100",
        ("orders", "clicks"),
        lambda of: _ratio(of["orders"] * 100, of["clicks"]),
        "cr_pct",
    ),
    "cpa": Formula(
        "{investment} / {new_customers}",
        ("investment", "new_customers"),
        lambda of: _ratio(of["investment"], of["new_customers"]),
        "cpa",
    ),
}
MEASURES = ("gross", "refunds", "vat", *INVESTMENT, "orders", "clicks", "new_customers")
"""What entries are summed to; each is a figure of its own in the marts, but for VAT."""
SETTINGS = ("gross_margin",)
"""What is the tenant's and stands in every entry."""
METRICS = (
    "roi", "roi_net", "roi_contribution", "revenue", "net_revenue", "investment", "commission", "orders",
    "cr", "cpa", "new_customers",
)  # fmt: skip
LABELS = {
    "roi": "ROI %", "roi_net": "ROI net %", "roi_contribution": "ROI contribution %", "cr": "CR %",
    "cpa": "CPA", "vat": "VAT",
}  # fmt: skip


def label(name: str) -> str:
    """Return a metric, formula or measure as people call it."""
    return LABELS.get(name, name.replace("_", " "))


@dataclass(frozen=True)
class Question:
    """Which figure: of a KOL's metric in a month, on a day, or over the whole time when neither is given."""

    tenant: str
    kol: str
    metric: str
    month: date | None = None
    day: date | None = None

    def __post_init__(self) -> None:
        """Refuse a day of another month.

        Raises:
            ValueError: the day is not in the month.
        """
        if self.month and self.day and self.day.replace(day=1) != self.month:
            raise ValueError(f"--day {self.day} is not in --month {self.month:%Y-%m}: leave one of them out")

    @property
    def mart(self) -> str:
        """The mart that shows the figure."""
        return "kol_roi_daily" if self.day else "kol_roi_monthly" if self.month else "kol_roi"

    @property
    def days(self) -> tuple[date, date]:
        """First and last day of the period."""
        if self.day:
            return self.day, self.day
        if self.month:
            last = calendar.monthrange(self.month.year, self.month.month)[1]
            return self.month, self.month.replace(day=last)
        return date.min, date.max

    @property
    def period(self) -> str:
        """The period as people write it."""
        return f"{self.day}" if self.day else f"{self.month:%Y-%m}" if self.month else "the whole time"


@dataclass(frozen=True)
class Step:
    """One line of the calculation: a formula, or the sum of a measure over the entries.

    Args:
        name: metric, formula or measure.
        value: what the entries give; None where a denominator is zero.
        figure: what the mart shows; None also where it shows nothing of the kind.
        has_figure: whether the mart shows it at all.
        entries: how many entries have a share in it; 0 for a formula.
    """

    name: str
    value: Decimal | None
    figure: Decimal | None
    has_figure: bool
    entries: int = 0

    @property
    def agrees(self) -> bool:
        """Whether the mart shows what the entries give."""
        return not self.has_figure or self.value == self.figure


@dataclass(frozen=True)
class Explanation:
    """A figure, the steps that lead to it (the figure itself first), and the entries behind it by day."""

    question: Question
    kol_name: str
    currency: str
    as_of: date
    steps: tuple[Step, ...]
    entries: tuple[Entry, ...]
    restatements: Counter[str]
    """Days of the period that the log of changes tells of, by type of change."""

    @property
    def values(self) -> dict[str, Decimal | None]:
        """What the entries give, by name."""
        return {step.name: step.value for step in self.steps}

    @property
    def wrong(self) -> tuple[Step, ...]:
        """Steps in which entries and mart disagree."""
        return tuple(step for step in self.steps if not step.agrees)


def explain(warehouse: Warehouse, question: Question) -> Explanation:
    """Take a published figure apart.

    Args:
        warehouse: a connection that may read the marts and sees the tenant.
        question: which figure.

    Raises:
        LookupError: there is no such tenant, KOL, month or day; the text says which there are.
    """
    with warehouse.transaction():
        # one moment for figure and entries, though a build may publish between two questions
        warehouse.execute("set transaction isolation level repeatable read")
        name, currency, as_of = _kol(warehouse, question)
        figures = _figures(warehouse, question)
        entries = _entries(warehouse, question)
        changes = warehouse.rows(
            "select change_type, count(*) from marts.kol_day_changes where tenant_id = %s and kol_id = %s "
            "and activity_date between %s and %s group by change_type",
            [question.tenant, question.kol, *question.days],
        )
    steps = _steps(question.metric, entries, figures)
    measures = [step.name for step in steps if step.name in MEASURES]
    return Explanation(
        question,
        name,
        currency,
        as_of,
        steps,
        tuple(entry for entry in entries if any(entry[measure] for measure in measures)),
        Counter(dict(changes)),
    )


def _kol(warehouse: Warehouse, question: Question) -> tuple[str, str, date]:
    """Return the KOL's name, the currency and the as-of day."""
    found = warehouse.rows(
        "select kol_name, reporting_currency, as_of_date from marts.kol_roi "
        "where tenant_id = %s and kol_id = %s",
        [question.tenant, question.kol],
    )
    if found:
        name, currency, as_of = found[0]
        return name, currency, as_of
    kols = warehouse.rows(
        "select kol_id from marts.kol_roi where tenant_id = %s order by 1", [question.tenant]
    )
    if kols:
        there = _listed(row[0] for row in kols)
        raise LookupError(f"tenant {question.tenant} has no KOL {question.kol}; there are {there}")
    tenants = warehouse.rows("select distinct tenant_id from marts.kol_roi order by 1")
    if tenants:
        there = _listed(row[0] for row in tenants)
        raise LookupError(f"there is no tenant {question.tenant} in marts.kol_roi; there are {there}")
    raise LookupError("marts.kol_roi is empty: load something, then build with `python -m include.transform`")


def _figures(warehouse: Warehouse, question: Question) -> dict[str, Decimal | None]:
    """Return the row of the mart."""
    where, params = "tenant_id = %s and kol_id = %s", [question.tenant, question.kol]
    start = question.day or question.month
    column = "activity_date" if question.day else "activity_month"
    if start is None:
        found = warehouse.query(f"select * from marts.{question.mart} where {where}", params)
    else:
        found = warehouse.query(
            f"select * from marts.{question.mart} where {where} and {column} = %s", [*params, start]
        )
    rows: list[dict[str, Any]] = found.to_pylist()
    if rows:
        return rows[0]
    there = warehouse.rows(f"select {column} from marts.{question.mart} where {where} order by 1", params)
    if not there:
        has = "there are none at all"
    elif question.day:
        has = f"there are some on {len(there):,} days from {there[0][0]} to {there[-1][0]}"
    else:
        has = f"there are some for {_listed(f'{row[0]:%Y-%m}' for row in there)}"
    raise LookupError(
        f"KOL {question.kol} of {question.tenant} has no figures for {question.period} "
        f"in marts.{question.mart}; {has}"
    )


def _entries(warehouse: Warehouse, question: Question) -> list[Entry]:
    found = warehouse.query(
        "select * from marts.kol_roi_entries where tenant_id = %s and kol_id = %s "
        "and activity_date between %s and %s order by activity_date, entry_type, source, entry_id",
        [question.tenant, question.kol, *question.days],
    )
    entries: list[Entry] = found.to_pylist()
    return entries


def _steps(metric: str, entries: list[Entry], figures: Mapping[str, Decimal | None]) -> tuple[Step, ...]:
    """Compute the metric from the entries, what it takes after it, down to the measures."""
    needed: list[str] = []

    def need(name: str) -> None:
        if name in needed:
            needed.remove(name)  # what several take stands after the last of them
        needed.append(name)
        for part in FORMULAS[name].takes if name in FORMULAS else ():
            need(part)

    need(metric)
    values: dict[str, Decimal] = {}
    steps = []
    for name in reversed(needed):
        if name in FORMULAS:
            formula = FORMULAS[name]
            value, column, count = formula.of(values), formula.figure, 0
        elif name in MEASURES:
            value = sum((Decimal(entry[name]) for entry in entries), Decimal(0))
            column = name if name in figures else ""
            count = sum(1 for entry in entries if entry[name])
        else:
            value, column, count = entries[0][name] if entries else Decimal(0), "", 0
        if value is not None:
            values[name] = value
        figure = figures[column] if column else None
        figure = None if figure is None else Decimal(figure)
        steps.append(Step(name, value, figure, bool(column), count))
    return tuple(reversed(steps))


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    more = len(known) - SHOWN_NAMES
    return ", ".join(known[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
