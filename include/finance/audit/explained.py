"""How an explained figure is shown: tables for people, CSV for spreadsheets, JSON for programs."""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from include.finance.audit.explain import FORMULAS, MEASURES, SETTINGS, Entry, Explanation, Step, label

SHOWN_ENTRIES = 20
"""Entries of each kind that a table lists unless told otherwise."""

KINDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "Completed orders": (
        ("completion",),
        {
            "activity_date": "day", "source": "source", "order_id": "order", "matched_by": "credited by",
            "contract_id": "contract", "commission_rate": "rate", "gross_amount": "amount",
            "currency": "in", "fx_rate": "FX rate", "fx_rate_date": "of day",
        },
    ),
    "Refunds and cancellations": (
        ("refund", "cancellation"),
        {
            "activity_date": "day", "source": "source", "order_id": "order", "entry_type": "what",
            "entry_id": "id", "contract_id": "contract", "commission_rate": "rate",
            "gross_amount": "amount", "currency": "in", "fx_rate": "FX rate", "fx_rate_date": "of day",
        },
    ),
    "Days of contracts": (
        ("contract_day",),
        {
            "activity_date": "day", "contract_id": "contract", "fixed_fee_amount": "fixed fee",
            "platform_fee_amount": "platform fee", "goods_amount": "goods given", "currency": "in",
            "fx_rate": "FX rate", "fx_rate_date": "of day",
        },
    ),
    "Clicks": (("click_day",), {"activity_date": "day", "campaign_id": "campaign"}),
}  # fmt: skip
"""Title -> the types of entries, and their columns with the heads that a table gives them."""


def show(explanation: Explanation, form: str, limit: int | None) -> None:
    """Print an explanation.

    Args:
        explanation: what to print.
        form: table, csv (the entries alone, with every column of the mart) or json.
        limit: entries of each kind; when None 20 in a table, and all elsewhere.
    """
    if form == "table":
        _tables(explanation, SHOWN_ENTRIES if limit is None else limit)
        return
    kinds = _by_kind(explanation.entries)
    entries = [entry for found in kinds.values() for entry in found[:limit]]
    if form == "json":
        print(json.dumps(_document(explanation, entries), indent=2, default=_plain, ensure_ascii=False))
    elif entries:
        writer = csv.DictWriter(sys.stdout, list(entries[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in entry.items()} for entry in entries)


def verdict(explanation: Explanation) -> str:
    """Say whether the entries add up to what the mart shows, and what to do when they do not."""
    asked = explanation.question
    place = f"marts.{asked.mart}"
    if not explanation.wrong:
        step = explanation.steps[0]
        return (
            f"It adds up: {len(explanation.entries):,} entries give {label(step.name)} {number(step.value)},"
            f" as {place} shows."
        )
    told = "; ".join(
        f"{label(step.name)} is {number(step.value)} by its entries and {number(step.figure)} in {place}"
        for step in explanation.wrong
    )
    return (
        f"It does not add up for KOL {asked.kol} of {asked.tenant}, {asked.period}: {told}. "
        "If a build is running, ask again when it has ended; if the last one failed, correct what it names "
        "and build again; else build with `python -m include.transform --full-refresh`."
    )


def number(value: Decimal | int | None, decimals: int = 0) -> str:
    """Return a number with at least so many decimals and no further zeros, a missing one as -."""
    if value is None:
        return "-"
    whole, _, digits = f"{Decimal(value):,f}".partition(".")
    digits = digits.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{digits}" if digits else whole


def decimals_of(values: Iterable[object]) -> int:
    """Return the decimals that the longest of some numbers needs."""
    numbers = (value for value in values if isinstance(value, Decimal | int))
    return max((len(number(value).partition(".")[2]) for value in numbers), default=0)


def worked(explanation: Explanation, step: Step) -> str:
    """Return a step's formula in words and with the numbers put in, or the sum that it is."""
    if step.name in FORMULAS:
        formula = FORMULAS[step.name]
        words = formula.words.format(**{name: label(name) for name in formula.takes})
        money = decimals_of(explanation.values[name] for name in formula.takes if name not in SETTINGS)
        numbers = {}
        for name in formula.takes:
            text = number(explanation.values[name], 0 if name in SETTINGS else money)
            numbers[name] = f"({text})" if text.startswith("-") else text
        return f"{words} = {formula.words.format(**numbers)}"
    if step.name in MEASURES:
        return f"sum of {step.entries:,} entries" if step.entries > 1 else f"{step.entries or 'no'} entry"
    return "setting of the tenant"


def _tables(explanation: Explanation, limit: int) -> None:
    console = Console(file=sys.stdout, markup=False, width=None if sys.stdout.isatty() else 170)
    asked = explanation.question
    grid = Table("figure", "how", title=f"{label(asked.metric)} of {explanation.kol_name}, {asked.period}")
    grid.caption = f"tenant {asked.tenant}, money in {explanation.currency}, as of {explanation.as_of}"
    grid.add_column("by entries", justify="right")
    grid.add_column(f"in {asked.mart}", justify="right")
    grid.add_column("")
    for step in explanation.steps:
        said = "equal" if step.agrees else "DIFFERENT"
        in_mart = (number(step.figure), said) if step.has_figure else ("", "")
        grid.add_row(label(step.name), worked(explanation, step), number(step.value), *in_mart)
    console.print(grid)

    summed = [step.name for step in explanation.steps if step.name in MEASURES]
    for kind, entries in _by_kind(explanation.entries).items():
        columns = KINDS[kind][1]
        measures = [name for name in summed if any(entry[name] for entry in entries)]
        shown = [name for name in columns if any(entry[name] for entry in entries)] + measures
        rows = [{columns.get(name, label(name)): entry[name] for name in shown} for entry in entries]
        sums = {label(name): sum(entry[name] for entry in entries) for name in measures}
        console.print(_grid(f"{kind}: {len(rows):,}", rows, limit=limit, sums=sums))
    rules = _rules(explanation.entries)
    for title, rows, most in (("Rates", _rates(explanation.entries), limit), ("Rules", rules, len(rules))):
        if rows:
            console.print(_grid(title, rows, limit=most))
    print(_restated(explanation))


def _grid(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    limit: int,
    sums: Mapping[str, Any] | None = None,
) -> Table:
    """Return rows as a table, the first ``limit`` of them.

    Args:
        title: what stands above.
        rows: cells by head, one row at least.
        limit: rows shown.
        sums: what stands under the columns, of all rows.
    """
    more = f"{len(rows) - limit:,} more: --limit {len(rows)}" if len(rows) > limit else None
    grid = Table(title=title, caption=more)
    decimals = {head: decimals_of(row[head] for row in rows) for head in rows[0]}
    for head in rows[0]:
        is_number = any(isinstance(row[head], Decimal | int) for row in rows)
        grid.add_column(head, justify="right" if is_number else "left")
    for row in rows[:limit]:
        grid.add_row(*(_cell(value, decimals[head]) for head, value in row.items()))
    if sums:
        grid.add_section()
        cells = [_cell(sums[head], decimals[head]) if head in sums else "" for head in rows[0]]
        grid.add_row("all", *cells[1:])
    return grid


def _cell(value: object, decimals: int) -> str:
    if isinstance(value, Decimal | int):
        return number(value, decimals)
    return "-" if value is None else str(value)


def _by_kind(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the entries by the title of their kind, kinds without any left out."""
    kinds: dict[str, list[Entry]] = {title: [] for title in KINDS}
    titles = {kind: title for title, (types, _) in KINDS.items() for kind in types}
    for entry in entries:
        kinds[titles[entry["entry_type"]]].append(entry)
    return {title: found for title, found in kinds.items() if found}


def _rates(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return each FX rate that was used, with the number of entries that took it."""
    used = _counted(
        entries, ("currency", "reporting_currency", "fx_rate_date", "fx_rate"), needs="fx_rate_date"
    )
    return [
        {"from": source, "to": target, "of day": day, "FX rate": rate, "entries": count}
        for (source, target, day, rate), count in used
    ]


def _rules(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return each version of a contract or of the settings that decided, with the number of entries."""
    used = [
        *_counted(entries, ("contract_version",), needs="contract_version"),
        *_counted(entries, ("settings_version",), needs="settings_version"),
    ]
    return [{"rule": rule, "entries": count} for (rule,), count in used]


def _counted(
    entries: Iterable[Entry], columns: Sequence[str], *, needs: str
) -> list[tuple[tuple[Any, ...], int]]:
    """Count entries by some columns, those without ``needs`` left out; sorted by the columns as text."""
    counts: dict[tuple[Any, ...], int] = defaultdict(int)
    for entry in entries:
        if entry[needs] is not None:
            counts[tuple(entry[column] for column in columns)] += 1
    return sorted(counts.items(), key=lambda item: [str(value) for value in item[0]])


def _restated(explanation: Explanation) -> str:
    """Say what has moved since the period's days were first published."""
    counts = explanation.restatements
    moved = counts["changed"] + counts["removed"]
    added = f" ({counts['added']} days were added as they came)" if counts["added"] else ""
    if not moved:
        return f"No restatement of the KOL's days since they were first published{added}."
    plural = "s" if moved > 1 else ""
    return f"{moved} restatement{plural} of the KOL's days since: see marts.kol_day_changes{added}."


def _document(explanation: Explanation, entries: Sequence[Entry]) -> dict[str, Any]:
    asked = explanation.question
    return {
        "tenant": asked.tenant,
        "kol": asked.kol,
        "metric": asked.metric,
        "period": asked.period,
        "mart": f"marts.{asked.mart}",
        "currency": explanation.currency,
        "as_of": explanation.as_of,
        "steps": [
            {
                "name": step.name,
                "how": worked(explanation, step),
                "by_entries": step.value,
                "in_mart": step.figure,
                "agrees": step.agrees if step.has_figure else None,
            }
            for step in explanation.steps
        ],
        "rates": _rates(explanation.entries),
        "rules": _rules(explanation.entries),
        "restatements": dict(explanation.restatements),
        "entries": entries,
        "adds_up": not explanation.wrong,
    }


def _plain(value: object) -> object:
    """Return what CSV and JSON can hold: money and instants as exact text, a missing value as it is."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value
