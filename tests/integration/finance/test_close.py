"""A closed month is what it was closed with, whatever comes later, and whoever dies closing it."""

import csv
import io
import signal
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from include.feeds.replay import replay
from include.finance.__main__ import main
from include.finance.closing.booking import Entered, post_journal
from include.finance.closing.close import CloseError, close_period
from include.finance.closing.report import ReportError, report
from include.finance.ledger.posting import PostingError, post_orders
from include.finance.periods import open_from
from include.finance.reconciliation.explanations import explain_item
from include.finance.reconciliation.nightly import reconcile_all
from include.settings import PROJECT_ROOT, Settings
from include.transform import build
from include.warehouse import connect, fingerprint, prepare
from tests.integration.finance.killing import close_and_die, start
from tests.oracle import made
from tests.oracle.loading import load_rows
from tests.oracle.rows import Row

TENANT = made.TENANT
ZONES = {TENANT: "Asia/Ho_Chi_Minh"}
MODELS = [
    "path:models/staging",
    "+tracked_orders",
    "+monthly_closes",
    "+financial_journal",
    "+reconciliation_items",
]


def payment(payment_id: str, order_id: str, occurred_at: str, amount: str, **values: Any) -> Row:
    return {
        "tenant_id": TENANT, "source": "stripe", "payment_id": payment_id, "order_id": order_id,
        "payment_type": "charge", "status": "succeeded", "currency": "USD", "amount": amount,
        "fee_amount": "3.00", "payout_id": f"po-{payment_id}", "payer_ref": None, "occurred_at": occurred_at,
        "updated_at": occurred_at, **values,
    }  # fmt: skip


def bank_line(line_id: str, booked_on: str, amount: str, reference: str | None = None) -> Row:
    return {
        "tenant_id": TENANT, "account_id": "main", "line_id": line_id, "currency": "USD", "amount": amount,
        "description": "payout", "counterparty": "stripe", "reference": reference, "booked_on": booked_on,
        "booked_at": f"{booked_on}T03:00:00Z",
    }  # fmt: skip


MARCH: dict[str, list[Row]] = {
    "tenants": [made.tenant()],
    "kols": [made.kol("ana")],
    "kol_contracts": [made.contract("c1", "ana", coupon_code="ANA", ends_on="2026-12-31")],
    "orders": [
        made.order("o1", "2026-03-02T05:00:00Z", coupon_code="ana"),
        made.order("o2", "2026-03-20T05:00:00Z", "220.00", coupon_code="ana", discount_amount="20.00"),
    ],
    "payments": [
        payment("p1", "o1", "2026-03-02T05:00:00Z", "110.00"),
        payment("p2", "o2", "2026-03-20T05:00:00Z", "220.00"),
    ],
    "bank_lines": [
        bank_line("b1", "2026-03-04", "107.00", "po-p1"),
        bank_line("b2", "2026-03-24", "217.00", "po-p2"),
        bank_line("b3", "2026-03-25", "-40.00"),
    ],
    "pos_sales": [made.sale("s1", "2026-03-31T16:30:00Z", "11.00", payment_method="other")],
}


def load(settings: Settings, upto: date, feeds: Mapping[str, Sequence[Row]]) -> None:
    """Load what became known up to a day."""
    load_rows(settings, feeds, upto - timedelta(days=1), upto + timedelta(days=1), zones=ZONES)


def night(settings: Settings) -> Entered:
    """Build, post the ledger and the journal, and reconcile."""
    build(settings, with_tests=False, select=MODELS)
    post_orders(TENANT, open_from=open_from(settings, TENANT), held=set(), by="nightly", settings=settings)
    entered = post_journal(settings, TENANT, by="nightly")
    reconcile_all(settings)
    return entered


def close(settings: Settings, month: str, **options: Any) -> Any:
    return close_period(settings, TENANT, month, by="chi", reason="all is explained", **options)


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with connect("transformer", settings) as warehouse:
        return warehouse.rows(query)


def section(made_report: bytes, name: str) -> list[dict[str, str]]:
    return [row for row in csv.DictReader(io.StringIO(made_report.decode())) if row["section"] == name]


def told(made_report: bytes, name: str, *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in columns) for row in section(made_report, name)]


def assert_ties(settings: Settings) -> None:
    """The journal says of each day what the feeds and the events of orders say."""
    facts = """
        select 'orders', event_date, currency, sum(gross_amount), sum(vat_amount), 0
        from intermediate.int_orders__events group by 2, 3
        union all
        select 'payments', (occurred_at at time zone 'Asia/Ho_Chi_Minh')::date, currency,
            sum(case payment_type when 'charge' then amount else -amount end), 0, sum(coalesce(fee_amount, 0))
        from raw.payments where status = 'succeeded' and not _deleted group by 2, 3
        union all
        select 'bank_lines', booked_on, currency, sum(amount), 0, 0 from raw.bank_lines group by 2, 3
        order by 1, 2, 3
    """
    entered = """
        select case when record_type in ('order', 'store_sale') then 'orders' else record_type || 's' end,
            event_date, currency, sum(amount), sum(vat_amount), sum(fee_amount)
        from raw.journal_entries group by 1, 2, 3
        having sum(amount) <> 0 or sum(vat_amount) <> 0 or sum(fee_amount) <> 0 order by 1, 2, 3
    """
    assert rows(settings, entered) == [row for row in rows(settings, facts) if any(row[3:])]


@pytest.fixture(scope="module")
def shop(warehouse_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give a shop of which March is known, and nothing after the first of April."""
    home = tmp_path_factory.mktemp("close")
    settings = warehouse_settings.model_copy(
        update={"warehouse_database": "close", "home": home, "landing_url": str(home / "landing")}
    )
    prepare(settings)
    load(settings, date(2026, 3, 30), MARCH)
    return settings


@pytest.fixture(scope="module")
def closed(shop: Settings) -> dict[str, bytes]:
    """Close March, and give its report; on the way every reason to refuse it is met."""
    build(shop, with_tests=False, select=MODELS)
    with pytest.raises(CloseError, match="2026-03 is not over, its figures are those of 2026-03-30"):
        close(shop, "2026-03")
    late = {"pos_sales": [made.sale("s4", "2026-04-01T05:00:00Z", "33.00", payment_method="other")]}
    load(shop, date(2026, 4, 1), late)
    build(shop, with_tests=False, select=MODELS)
    with pytest.raises(CloseError, match="the commission of build 2 is not posted yet"):
        close(shop, "2026-03")
    post_orders(TENANT, open_from=date(2026, 3, 1), held=set(), by="nightly", settings=shop)
    with pytest.raises(CloseError, match="not reconciled up to 2026-03-31"):
        close(shop, "2026-03")
    assert str(night(shop)) == "acme: 9 entries, 0 of them adjust closed months"
    assert b"provisional" in report(shop, TENANT, "2026-03")
    with pytest.raises(CloseError, match=r"1 records of 2026-03 are open: 1 bank_line unexplained \(-40"):
        close(shop, "2026-03")
    with pytest.raises(ValueError, match="a close needs by"):
        close_period(shop, TENANT, "2026-03", by=" ", reason="none")
    with pytest.raises(ValueError, match="'March' is not written as YYYY-MM"):
        close(shop, "March")
    explain_item(
        TENANT, "bank_line", "b3", category="operating_cost", entered_by="chi", reason="rent", settings=shop
    )  # fmt: skip
    assert open_from(shop, TENANT) == date.min
    with pytest.raises(CloseError, match="the marts do not show yet what was explained last"):
        close(shop, "2026-03")
    night(shop)
    done = close(shop, "2026-03")
    assert open_from(shop, TENANT) == date(2026, 4, 1)
    assert (done.month, done.open_items) == ("2026-03", 0)
    with pytest.raises(CloseError, match="2026-03 is closed already"):
        close(shop, "2026-03")
    with pytest.raises(CloseError, match="2026-04 is not over"):
        close(shop, "2026-04")
    return {"2026-03": report(shop, TENANT, "2026-03")}


def test_the_report_says_what_is_in_the_books(shop: Settings, closed: dict[str, bytes]) -> None:
    made_report = closed["2026-03"]
    columns = ("type", "detail", "source", "currency", "entries", "amount", "vat_amount", "discount_amount")
    assert told(made_report, "orders", *columns) == [
        ("completion", "entry", "shop", "USD", "2", "330.0000", "30.0000", "20.0000"),
        ("completion", "entry", "till", "USD", "1", "11.0000", "1.0000", "0.0000"),
    ]
    assert told(made_report, "payments", "type", "source", "amount", "fee_amount") == [
        ("charge", "stripe", "330.0000", "6.0000")
    ]
    assert told(made_report, "bank_lines", "type", "source", "entries", "amount") == [
        ("paid", "main", "1", "-40.0000"), ("received", "main", "2", "324.0000"),
    ]  # fmt: skip
    assert told(made_report, "commission", "type", "detail", "amount") == [
        ("commission_expense", "accrual", "30.0000"), ("kol_payable", "accrual", "-30.0000"),
    ]  # fmt: skip
    assert section(made_report, "adjustments") == []
    states = told(made_report, "reconciliation", "type", "detail", "entries", "amount")
    assert ("bank_line", "explained", "1", "-40.0000") in states
    assert ("bank_line", "matched", "2", "324.0000") in states
    assert ("report", "closed by", "chi") in told(made_report, "report", "section", "type", "text")


def test_what_comes_late_is_booked_in_the_open_month(shop: Settings, closed: dict[str, bytes]) -> None:
    """A late refund, a restated payment, a late order, and the old backfill run once more."""
    restated = payment("p2", "o2", "2026-03-20T05:00:00Z", "200.00", updated_at="2026-04-03T01:00:00Z")
    late = {
        "refunds": [made.refund("r1", "o1", "2026-03-30T05:00:00Z", "55.00")],
        "payments": [restated],
        "orders": [made.order("o3", "2026-03-31T05:00:00Z", "22.00")],
    }
    load(shop, date(2026, 4, 3), late)
    assert night(shop) == Entered(TENANT, 3, 3)
    load(shop, date(2026, 3, 30), {feed: list(reversed(told_of)) for feed, told_of in MARCH.items()})
    assert night(shop) == Entered(TENANT, 0, 0)
    assert report(shop, TENANT, "2026-03") == closed["2026-03"]
    assert_ties(shop)
    april = report(shop, TENANT, "2026-04")
    columns = ("type", "detail", "record", "event_date", "amount", "vat_amount", "text")
    assert told(april, "adjustments", *columns) == [
        ("commission_expense", "reversal", "ana o1 r1", "2026-03-30", "-5.0000", "", "refund"),
        ("kol_payable", "reversal", "ana o1 r1", "2026-03-30", "5.0000", "", "refund"),
        ("order", "completion", "o3", "2026-03-31", "22.0000", "2.0000", "came after its month was closed"),
        ("order", "refund", "o1 r1", "2026-03-30", "-55.0000", "-5.0000", "came after its month was closed"),
        ("payment", "charge", "p2", "2026-03-20", "-20.0000", "0.0000",
         "amount moved from 220.0000 to 200.0000"),
    ]  # fmt: skip
    assert told(april, "orders", "detail", "entries", "amount") == [
        ("adjustment", "1", "22.0000"), ("entry", "1", "33.0000"),
    ]  # fmt: skip
    entered = """
        select event_date::text, posting_date::text, record_type || ' ' || record_id, event_type,
            round(amount, 2)::text, round(vat_amount, 2)::text, reason
        from raw.journal_entries where entry_type = 'adjustment' order by event_date
    """
    documented = (PROJECT_ROOT / "docs" / "close.md").read_text().splitlines()
    lines = [tuple(line.strip("| ").split(" | ")) for line in documented if line.startswith("| 2026-")]
    assert rows(shop, entered) == lines
    audit = """
        select key ->> 'entry_id' = content ->> 'entry_id', entered_by, reason, content ->> 'posting_date'
        from ops.financial_audit where book = 'journal_entries' and action = 'adjustment' order by reason
    """
    why = ("amount moved from 220.0000 to 200.0000", *["came after its month was closed"] * 2)
    assert rows(shop, audit) == [(True, "nightly", reason, "2026-04-01") for reason in why]
    closes = (
        "select key ->> 'month', entered_by, reason from ops.financial_audit where book = 'period_closes'"
    )
    assert rows(shop, closes) == [("2026-03", "chi", "all is explained")]


def test_closed_and_since_close_stand_beside_each_other(shop: Settings, closed: dict[str, bytes]) -> None:
    build(shop, with_tests=False, select=MODELS)
    months = """
        select month_start::text, is_closed, booked_amount, earlier_amount, since_close_amount, current_amount
        from marts.monthly_closes where measure = '{}' order by 1
    """
    assert rows(shop, months.format("sales")) == [
        ("2026-03-01", True, 341, 0, 22, 363), ("2026-04-01", False, 55, 22, 0, 33),
    ]  # fmt: skip
    assert rows(shop, months.format("commission_expense")) == [
        ("2026-03-01", True, 30, 0, -5, 25), ("2026-04-01", False, -5, -5, 0, 0),
    ]  # fmt: skip
    fact = "select sum(gross_amount) from intermediate.int_orders__events where event_date < '2026-04-01'"
    current = """
        select sum(current_amount) from marts.monthly_closes
        where month_start = '2026-03-01' and measure in ('sales', 'refunds')
    """
    assert rows(shop, current) == rows(shop, fact)


def test_nothing_is_posted_from_a_closed_month_on(shop: Settings, closed: dict[str, bytes]) -> None:
    with pytest.raises(PostingError, match="nothing is booked before 2026-04-01 any more"):
        post_orders(TENANT, open_from=date(2026, 3, 1), held=set(), by="nightly", settings=shop)


def test_facts_that_go_are_taken_back(shop: Settings, closed: dict[str, bytes]) -> None:
    """A payment fails after all, an order and a sale are withdrawn, a refund turns out to have no order."""
    gone = {
        "payments": [
            payment("p1", "o1", "2026-03-02T05:00:00Z", "110.00", updated_at="2026-04-04T01:00:00Z")
            | {"_deleted": True}
        ],
        "orders": [
            made.order("o1", "2026-03-02T05:00:00Z", coupon_code="ana", updated_at="2026-04-04T01:00:00Z")
            | {"_deleted": True}
        ],
        "pos_sales": [
            made.sale("s1", "2026-03-31T16:30:00Z", "11.00", updated_at="2026-04-04T01:00:00Z")
            | {"_deleted": True}
        ],
    }
    load(shop, date(2026, 4, 4), gone)
    build(shop, with_tests=False, select=["reconciliation_items"])  # as a night refreshes the books alone
    assert post_journal(shop, TENANT, by="nightly") == Entered(TENANT, 1, 1)
    assert night(shop) == Entered(TENANT, 4, 4)
    assert_ties(shop)
    assert rows(shop, "select sum(amount) from raw.journal_entries where record_id = 'o1'") == [(0,)]
    back = {"orders": [made.order("o1", "2026-03-02T05:00:00Z", coupon_code="ana",
                                  updated_at="2026-04-05T01:00:00Z")]}  # fmt: skip
    load(shop, date(2026, 4, 5), back)
    assert night(shop) == Entered(TENANT, 3, 3)
    assert_ties(shop)
    reasons = "select distinct reason from raw.journal_entries where record_id = 'o1' and event_id is null"
    assert {reason for (reason,) in rows(shop, reasons)} == {"came", "counts no longer", "counts again"}
    assert report(shop, TENANT, "2026-03") == closed["2026-03"]


def test_at_the_prompt(
    shop: Settings, closed: dict[str, bytes], tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    for asking in ("include.finance.closing.commands", "include.finance.night"):
        monkeypatch.setattr(f"{asking}.get_settings", lambda: shop)
    of_march, file = ["--tenant", TENANT, "--month", "2026-03"], tmp_path / "march.csv"
    assert main(["report", *of_march, "--file", str(file)]) == 0
    assert file.read_bytes() == closed["2026-03"]
    assert main(["report", *of_march]) == 0
    assert capsys.readouterr().out.encode() == closed["2026-03"]
    assert main(["close", *of_march, "--by", "chi", "--reason", "again"]) == 2
    assert "tenant acme: 2026-03 is closed already" in capsys.readouterr().err
    assert main(["journal", "--tenant", TENANT]) == 0
    assert capsys.readouterr().out == "post_journal: acme: 0 entries, 0 of them adjust closed months\n"


KILLS = {
    "2026-04": [("journal_entries", "before landing"), ("journal_entries", "landed"),
                ("period_closes", "before landing"), ("period_closes", "landed")],
    "2026-05": [("journal_entries", "loaded"), ("period_closes", "loaded")],
}  # fmt: skip


@pytest.mark.parametrize("month", KILLS)
def test_a_close_that_is_killed_is_made_up_for(shop: Settings, closed: dict[str, bytes], month: str) -> None:
    next_month = date.fromisoformat(f"{month}-28") + timedelta(days=10)
    name = f"killed-{month}"
    sold = {"pos_sales": [made.sale(name, f"{month}-10T05:00:00Z", payment_method="other")]}
    load(shop, next_month, sold)
    build(shop, with_tests=False, select=MODELS)
    post_orders(TENANT, open_from=open_from(shop, TENANT), held=set(), by="nightly", settings=shop)
    reconcile_all(shop)
    for feed, place in KILLS[month]:
        process = start(close_and_die, shop, TENANT, month, feed, place)
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, (feed, place)
    with pytest.raises(CloseError, match=f"{month} is closed already"):
        close(shop, month)
    made_report = report(shop, TENANT, month)
    closed[month] = made_report
    of_sale = f"select count(*), sum(amount) from raw.journal_entries where record_id = '{name}'"
    assert rows(shop, of_sale) == [(1, Decimal(110))]
    assert post_journal(shop, TENANT, by="nightly") == Entered(TENANT, 0, 0)
    assert_ties(shop)


def test_months_close_one_after_another(shop: Settings, closed: dict[str, bytes]) -> None:
    load(shop, date(2026, 8, 2), {"orders": [made.order("o9", "2026-06-10T05:00:00Z")]})
    night(shop)
    with pytest.raises(CloseError, match="months close one after another; the next is 2026-06"):
        close(shop, "2026-07")
    with pytest.raises(CloseError, match="1 order missing_in_gateway"):
        close(shop, "2026-06")
    assert close(shop, "2026-06", accept_open=True).open_items == 1
    assert ("open records", "1") in told(report(shop, TENANT, "2026-06"), "report", "type", "text")
    assert close(shop, "2026-07").open_items == 0, "a month in which nothing happened is closed too"


def test_a_replay_gives_the_same_books_and_reports(shop: Settings, closed: dict[str, bytes]) -> None:
    def standing(settings: Settings) -> Any:
        with connect("admin", settings) as warehouse:
            found = fingerprint(warehouse, "raw")
        return {book: found[book] for book in ("journal_entries", "ledger_entries", "period_closes")}

    other = shop.model_copy(update={"warehouse_database": "close_replayed"})
    prepare(other)
    with connect("loader", other) as loader:
        replay(loader, settings=other, order="random", seed=7)
    assert standing(other) == standing(shop)
    build(other, with_tests=False, select=MODELS)
    assert post_journal(other, TENANT, by="nightly") == Entered(TENANT, 0, 0)
    assert standing(other) == standing(shop)
    assert len(closed) == 3
    for month, made_report in closed.items():
        assert report(other, TENANT, month) == made_report

    # Whoever gets a row into a closed month past the journal is found out by its fingerprint.
    with connect("loader", other) as loader:
        loader.execute(
            """
            insert into raw.journal_entries
            select (jsonb_populate_record(e, '{"entry_id": "forged"}')).* from raw.journal_entries as e
            where posting_date < '2026-04-01' limit 1
            """
        )
    with pytest.raises(ReportError, match="rows came or went past the guards of a book"):
        report(other, TENANT, "2026-03")
    assert report(other, TENANT, "2026-04") == closed["2026-04"]
