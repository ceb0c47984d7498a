"""Figures of KOLs taken apart: each entry stands in the truth of a simulated world; the command says so."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from benchmarks.scratch import scratch_warehouse
from include.demo.world import World, simulate
from include.demo.world.cast import TENANTS
from include.finance import __main__ as prompt
from include.finance.audit import commands
from include.finance.audit.explain import METRICS, Question, explain
from include.settings import Settings
from include.transform import build
from include.warehouse import connect
from tests.oracle.loading import load_rows

DAYS = 20
MEASURES = (
    "orders", "gross", "refunds", "net_revenue", "commission", "fixed_fees", "platform_fees", "goods",
)  # fmt: skip
Amounts = dict[tuple[Any, ...], Decimal]
"""(tenant, KOL, day, credit, measure, what it is of) -> amount; zeros are left out."""


@pytest.fixture(scope="module")
def world() -> World:
    """Give a small world of two organisations, one of which sells in a marketplace too."""
    cast = tuple(tenant for tenant in TENANTS if tenant.tenant_id in ("kauri", "lotus"))
    return simulate(seed=41, scale=0.03, days=DAYS, clicks_per_order=6, tenants=cast)


@pytest.fixture(scope="module")
def settings(world: World) -> Iterator[Settings]:
    """Give its warehouse, built once for the first half of the days and once more after the rest."""
    half, end = world.first_day + timedelta(days=DAYS // 2), world.last_day + timedelta(days=1)
    with scratch_warehouse("sokol-explain-") as own:
        for start, stop in ((world.first_day, half), (half, end)):
            load(world, own, start, stop)
            build(own)
        yield own


@pytest.fixture
def asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Let the command ask this warehouse."""
    monkeypatch.setattr(commands, "get_settings", lambda: settings)
    return settings


def load(world: World, settings: Settings, start: date, end: date) -> None:
    """Load what the sources' exports of the days [start, end) hold."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for feed in world.feeds:
        for tenant in world.tenants:
            bounds = [datetime.combine(day, time(), ZoneInfo(tenant.zone)) for day in (start, end)]
            table = world.interval(feed, tenant.tenant_id, bounds[0], bounds[1])
            shown = [name for name in table.column_names if not name.startswith("_")]
            rows.setdefault(feed, []).extend(table.select(shown).to_pylist())
    load_rows(settings, rows, start, end, zones={tenant.tenant_id: tenant.zone for tenant in world.tenants})


def summed(rows: Iterator[tuple[tuple[Any, ...], Decimal | int]]) -> Amounts:
    amounts: Amounts = defaultdict(Decimal)
    for key, amount in rows:
        amounts[key] += amount
    return {key: amount for key, amount in amounts.items() if amount}


def of_truth(world: World) -> Amounts:
    """Return the ledger of what really happened; of what marketplaces attribute, orders and revenue."""

    def rows() -> Iterator[tuple[tuple[Any, ...], Decimal]]:
        for row in world.ledger().to_pylist():
            if row["kol_id"] and (row["credit"] == "kol" or row["measure"] in ("orders", "revenue")):
                key = ("tenant_id", "kol_id", "date", "credit", "measure", "reference")
                yield tuple(row[name] for name in key), row["amount"]

    return summed(rows())


def of_entries(settings: Settings) -> Amounts:
    """Return the same from the entries."""
    with connect("transformer", settings) as warehouse:
        entries = warehouse.query("select * from marts.kol_roi_entries").to_pylist()

    def rows() -> Iterator[tuple[tuple[Any, ...], Decimal | int]]:
        for entry in entries:
            place = (entry["tenant_id"], entry["kol_id"], entry["activity_date"])
            of = f"{entry['source']}:{entry['order_id']}" if entry["order_id"] else entry["contract_id"]
            for measure in MEASURES:
                yield (*place, "kol", measure, of), entry[measure]
            yield (*place, "kol", "revenue", of), entry["gross"] - entry["refunds"]
            yield (*place, "source", "orders", of), entry["source_orders"]
            yield (*place, "source", "revenue", of), entry["source_revenue"]

    return summed(rows())


def kol_months(settings: Settings) -> list[tuple[str, str, date]]:
    """Return every KOL-month, first those in a foreign currency with refunds and days that were restated."""
    with connect("transformer", settings) as warehouse:
        return warehouse.rows("""
            select months.tenant_id, months.kol_id, months.activity_month
            from marts.kol_roi_monthly as months
            order by
                months.tenant_id = 'kauri' and months.refunds > 0 and exists (
                    select 1 from marts.kol_day_changes as changes
                    where
                        changes.tenant_id = months.tenant_id
                        and changes.kol_id = months.kol_id
                        and changes.change_type = 'changed'
                ) desc,
                months.revenue desc
        """)


@contextmanager
def changed(settings: Settings, mart: str, column: str, *, by: str, where: str) -> Iterator[None]:
    """Let one row of a mart say something else for a while."""
    update = f"update marts.{mart} set {column} = {column} {{}} {by} where {where}"
    with connect("transformer", settings) as warehouse:
        assert warehouse.execute(update.format("+")) == 1
        try:
            yield
        finally:
            assert warehouse.execute(update.format("-")) == 1


def completion(settings: Settings) -> str:
    """Return the condition of one completion of the KOL-month with the most revenue."""
    with connect("transformer", settings) as warehouse:
        return str(
            warehouse.value(
                "select format('(tenant_id, source, entry_type, entry_id) = (%%L, %%L, %%L, %%L)', "
                "tenant_id, source, entry_type, entry_id) from marts.kol_roi_entries "
                "where tenant_id = %s and kol_id = %s and date_trunc('month', activity_date) = %s "
                "and commission > 0 order by activity_date desc, entry_id limit 1",
                kol_months(settings)[0],
            )
        )


def test_every_entry_stands_in_the_truth_and_nothing_else_does(world: World, settings: Settings) -> None:
    truth = of_truth(world)
    assert len(truth) > 1000
    assert {key[3] for key in truth} == {"kol", "source"}
    assert of_entries(settings) == truth


@pytest.mark.parametrize(
    ("column", "by"), [("activity_date", "1"), ("gross", "0.01"), ("commission", "0.01")]
)
def test_an_entry_that_is_another_is_not_the_truth(
    world: World, settings: Settings, column: str, by: str
) -> None:
    with changed(settings, "kol_roi_entries", column, by=by, where=completion(settings)):
        assert of_entries(settings) != of_truth(world)
    assert of_entries(settings) == of_truth(world)


def test_every_figure_adds_up(settings: Settings) -> None:
    months = kol_months(settings)
    assert len(months) > 5
    defined = 0
    with connect("transformer", settings) as warehouse:
        for tenant, kol, month in months:
            for metric in METRICS:
                for question in (
                    Question(tenant, kol, metric, month=month),
                    Question(tenant, kol, metric),
                ):
                    explanation = explain(warehouse, question)
                    assert not explanation.wrong, question
                    defined += explanation.steps[0].value is not None
        days = warehouse.rows("select tenant_id, kol_id, activity_date from marts.kol_roi_daily limit 40")
        for tenant, kol, day in days:
            assert not explain(warehouse, Question(tenant, kol, "roi", day=day)).wrong
    assert defined > len(months) * len(METRICS)


def test_a_reader_may_ask_about_its_own_tenant(settings: Settings) -> None:
    question = Question(*kol_months(settings)[0][:2], "roi")
    with connect("admin", settings) as admin:
        admin.execute(
            "insert into ops.tenant_access values (%s, %s)", [settings.reader_user, question.tenant]
        )
    with connect("transformer", settings) as transformer, connect("reader", settings) as reader:
        assert explain(reader, question) == explain(transformer, question)
        other = next(name for name in ("kauri", "lotus") if name != question.tenant)
        with pytest.raises(LookupError, match=f"there is no tenant {other} .* there are {question.tenant}$"):
            explain(reader, Question(other, "K001", "roi"))


def test_the_table_shows_formula_entries_rates_and_rules(
    asked: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant, kol, month = kol_months(asked)[0]
    place = ["explain", "--tenant", tenant, "--kol", kol, "--month", f"{month:%Y-%m}"]
    assert prompt.main([*place, "--metric", "roi", "--limit", "2"]) == 0
    shown = capsys.readouterr().out
    with connect("transformer", asked) as warehouse:
        explanation = explain(warehouse, Question(tenant, kol, "roi", month=month))
    assert "(revenue - investment) / investment x 100 = (" in shown
    completions = [entry for entry in explanation.entries if entry["entry_type"] == "completion"]
    assert f"Completed orders: {len(completions)}" in shown
    assert completions[1]["order_id"] in shown
    assert f"{len(completions) - 2} more: --limit {len(completions)}" in shown
    for title in ("Refunds and cancellations", "Days of contracts", "Rates", "Rules"):
        assert title in shown
    assert "commission 0." in shown
    assert "VAT 0." in shown
    moved = explanation.restatements["changed"] + explanation.restatements["removed"]
    assert moved > 0
    assert f"{moved} restatement" in shown
    assert "see marts.kol_day_changes" in shown
    assert f"It adds up: {len(explanation.entries):,} entries give ROI % " in shown


def test_csv_holds_the_entries_and_json_everything(
    asked: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant, kol, month = kol_months(asked)[0]
    place = ["explain", "--tenant", tenant, "--kol", kol, "--month", f"{month:%Y-%m}"]
    assert prompt.main([*place, "--metric", "revenue", "--format", "csv"]) == 0
    said = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(said.out)))
    revenue = sum(Decimal(row["gross"]) - Decimal(row["refunds"]) for row in rows)
    assert {row["entry_type"] for row in rows} >= {"completion", "refund"}
    assert said.err.startswith("It adds up")

    assert prompt.main([*place, "--metric", "revenue", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["adds_up"] is True
    assert told["steps"][0]["name"] == "revenue"
    assert Decimal(told["steps"][0]["in_mart"]) == Decimal(told["steps"][0]["by_entries"]) == revenue
    assert len(told["entries"]) == len(rows)
    assert told["rates"]
    assert told["rules"]

    assert prompt.main([*place, "--metric", "revenue", "--format", "json", "--limit", "1"]) == 0
    assert len(json.loads(capsys.readouterr().out)["entries"]) == 2


@pytest.mark.parametrize(
    ("mart", "column", "says"),
    [
        ("kol_roi_entries", "commission", "commission is "),
        ("kol_roi_monthly", "roi_pct", "ROI % is "),
        ("kol_roi_monthly", "refunds", "refunds is "),
    ],
)
def test_what_does_not_add_up_is_told(
    asked: Settings, capsys: pytest.CaptureFixture[str], mart: str, column: str, says: str
) -> None:
    tenant, kol, month = kol_months(asked)[0]
    where = f"tenant_id = '{tenant}' and kol_id = '{kol}' and activity_month = '{month}'"
    if mart == "kol_roi_entries":
        where = completion(asked)
    place = ["explain", "--tenant", tenant, "--kol", kol, "--month", f"{month:%Y-%m}", "--metric", "roi"]
    with changed(asked, mart, column, by="0.01", where=where):
        assert prompt.main(place) == 1
    said = capsys.readouterr().out
    assert "It does not add up for KOL" in said
    assert says in said.splitlines()[-1]
    assert "DIFFERENT" in said
    assert prompt.main(place) == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"--tenant": "nobody"}, "there is no tenant nobody in marts.kol_roi; there are kauri, lotus"),
        ({"--kol": "K999"}, "has no KOL K999; there are K001, "),
        ({"--month": "2025-01"}, "no figures for 2025-01 in marts.kol_roi_monthly; there are some for 2026-"),
        ({"--month": None, "--day": "2025-01-31"}, "no figures for 2025-01-31 in marts.kol_roi_daily; there"),
        ({"--day": "2025-01-31"}, "--day 2025-01-31 is not in --month 2026-"),
    ],
)  # fmt: skip
def test_what_there_is_not_is_told_with_what_there_is(
    asked: Settings, capsys: pytest.CaptureFixture[str], change: dict[str, str | None], says: str
) -> None:
    tenant, kol, month = kol_months(asked)[0]
    given = {"--tenant": tenant, "--kol": kol, "--month": f"{month:%Y-%m}", "--metric": "roi"} | change
    options = [text for name, value in given.items() if value for text in (name, value)]
    assert prompt.main(["explain", *options]) == 2
    assert says in capsys.readouterr().err


def test_an_unbuilt_or_absent_warehouse_is_told(
    asked: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ["explain", "--tenant", "kauri", "--kol", "K001", "--metric", "roi"]
    empty = asked.model_copy(update={"warehouse_database": "postgres"})
    monkeypatch.setattr(commands, "get_settings", lambda: empty)
    assert prompt.main(place) == 2
    assert "build with `python -m include.transform`" in capsys.readouterr().err
    gone = asked.model_copy(update={"warehouse_database": "no such one"})
    monkeypatch.setattr(commands, "get_settings", lambda: gone)
    assert prompt.main(place) == 2
    assert "the warehouse cannot be asked" in capsys.readouterr().err
