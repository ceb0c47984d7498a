"""From the ledger to invoices: of closed months alone, each once, without a gap, whoever dies on the way."""

import csv
import signal
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from include.finance import __main__ as prompt
from include.finance.ledger import invoicing
from include.finance.ledger.commands import write_invoices, write_statements
from include.finance.ledger.invoicing import InvoiceError, invoice_month, invoices_of, statements_of
from include.finance.ledger.posting import pay_out, post_orders
from include.finance.ledger.statements import OWED, Balance, Month
from include.finance.periods import open_from
from include.settings import Settings
from include.transform import build
from include.warehouse import connect, prepare
from tests.integration.finance.killing import PLACES, invoice_and_die, start
from tests.oracle import made
from tests.oracle.loading import load_rows

ZONES = {made.TENANT: "Asia/Ho_Chi_Minh"}
MARCH, *MONTHS = (Month(date(2026, month, 1)) for month in (3, 4, 5, 6, 7))
AUGUST = date(2026, 8, 10)
"""The tenant's day."""


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with connect("transformer", settings) as warehouse:
        return warehouse.rows(query)


def close(settings: Settings, months: Sequence[Month]) -> None:
    """Enter months into the book of closes."""
    closes = [
        made.close(f"{month}", datetime.now(UTC).isoformat(), as_of_date=f"{max(AUGUST, month.last)}")
        for month in months
    ]
    load_rows(settings, {"period_closes": closes}, AUGUST, AUGUST + timedelta(days=1), zones=ZONES)


def post(settings: Settings) -> None:
    first = open_from(settings, made.TENANT)
    post_orders(made.TENANT, open_from=first, held=(), by="nightly", settings=settings)


def invoice(settings: Settings, month: Month, kol_id: str | None = None) -> list[tuple[str, str, bool]]:
    """Invoice a month, and return number, KOL and whether it is new."""
    made_ = invoice_month(made.TENANT, month, by="finance", kol_id=kol_id, settings=settings)
    return [(one.invoice.number, one.invoice.account.kol_id, one.is_new) for one in made_]


def numbers(settings: Settings) -> list[str]:
    found = rows(settings, "select invoice_number from raw.kol_invoices order by 1")
    return [number for (number,) in found]


def counted(upto: int) -> list[str]:
    return [f"acme-2026-{count:06d}" for count in range(1, upto + 1)]


@pytest.fixture(scope="module")
def shop(warehouse_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give a shop whose KOLs Ana and Binh bring orders from March to July, posted; Binh is free of VAT."""
    home = tmp_path_factory.mktemp("invoices")
    settings = warehouse_settings.model_copy(
        update={"warehouse_database": "invoices", "home": home, "landing_url": str(home / "landing")}
    )
    prepare(settings)
    months = [
        made.order(f"{kol}-{month}", f"{month}-05T05:00:00Z", coupon_code=kol)
        for month in MONTHS
        for kol in ("ana", "binh")
    ]
    feeds = {
        "tenants": [made.tenant(name="Mỹ phẩm Acme", tax_id="0312345678", address="1 Lê Lợi, Huế")],
        "kols": [
            made.kol("ana", name="Nguyễn Ánh", tax_id="8412345678"),
            made.kol("binh", name="Bình", vat_rate="0"),
        ],
        "kol_contracts": [
            made.contract(f"c-{kol}", kol, coupon_code=kol.upper(), ends_on="2026-12-31")
            for kol in ("ana", "binh")
        ],
        "fx_rates": [made.rate("2026-03-01", "0.00004")],
        "orders": [
            made.order("o1", "2026-03-02T05:00:00Z", "110.44", coupon_code="ana"),
            made.order("o2", "2026-03-03T05:00:00Z", "1100000", coupon_code="ana", currency="VND"),
            made.order("o3", "2026-03-04T05:00:00Z", "220.00", coupon_code="binh"),
            *months,
        ],
        "refunds": [
            made.refund("r1", "o1", "2026-03-30T05:00:00Z", "55.00"),
            made.refund("r3", "o3", "2026-08-02T05:00:00Z", "220.00"),
        ],
    }
    load_rows(settings, feeds, date(2026, 3, 1), AUGUST + timedelta(days=1), zones=ZONES)
    build(settings, with_tests=False, select=["+tracked_orders"])
    post(settings)
    return settings


def test_an_open_month_is_not_invoiced(shop: Settings) -> None:
    with pytest.raises(InvoiceError, match=r"tenant acme: 2026-03 is not closed \(no month is closed yet\)"):
        invoice(shop, MARCH)
    close(shop, [MARCH])
    with pytest.raises(InvoiceError, match=r"2026-04 is not closed \(open from 2026-04-01 on\)"):
        invoice(shop, MONTHS[0])
    assert numbers(shop) == []


def test_a_closed_month_is_invoiced_once(shop: Settings) -> None:
    with pytest.raises(InvoiceError, match="KOL chi has no commission to invoice in 2026-03"):
        invoice(shop, MARCH, "chi")
    assert invoice(shop, MARCH, "binh") == [("acme-2026-000001", "binh", True)]
    assert invoice(shop, MARCH) == [
        ("acme-2026-000001", "binh", False),
        ("acme-2026-000002", "ana", True),
        ("acme-2026-000003", "ana", True),
    ]
    assert [is_new for *_, is_new in invoice(shop, MARCH)] == [False] * 3
    told = rows(
        shop,
        "select kol_id, currency, entries, net_amount, vat_rate, vat_amount, gross_amount, issued_on,"
        " seller_name, buyer_name from raw.kol_invoices order by invoice_number",
    )
    # 10 % of 110.44 and of 55.00, each without VAT: 10.04 - 5.00; VAT of 5.04 is 0.504, rounded.
    assert [tuple(f"{part}" for part in row) for row in told] == [
        ("binh", "USD", "1", "20.0000", "0.0000", "0.0000", "20.0000", f"{AUGUST}", "Bình", "Mỹ phẩm Acme"),
        ("ana", "USD", "2", "5.0400", "0.1000", "0.5000", "5.5400", f"{AUGUST}", "Nguyễn Ánh",
         "Mỹ phẩm Acme"),
        ("ana", "VND", "1", "100000.0000", "0.1000", "10000.0000", "110000.0000", f"{AUGUST}", "Nguyễn Ánh",
         "Mỹ phẩm Acme"),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(len(PLACES)))
def test_a_killed_run_leaves_no_gap_and_no_second_invoice(shop: Settings, number: int) -> None:
    place, month = PLACES[number], MONTHS[number]
    close(shop, [month])
    before = len(numbers(shop))
    process = start(invoice_and_die, shop, made.TENANT, month, place)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert len(numbers(shop)) == before + (2 if place == "recorded" else 0)
    again = invoice(shop, month)
    assert [kol for _, kol, _ in again] == ["ana", "binh"]
    assert numbers(shop) == counted(before + 2)
    by = rows(shop, f"select distinct entered_by from raw.kol_invoices where period_from = '{month.first}'")
    assert by == [("finance" if place == "before landing" else "killed",)]
    assert [is_new for *_, is_new in again] == [place == "before landing"] * 2
    assert [is_new for *_, is_new in invoice(shop, month)] == [False, False]


def test_paper_is_the_same_to_the_byte_though_the_kol_is_called_otherwise(
    shop: Settings, tmp_path: Path
) -> None:
    written = write_invoices(made.TENANT, MARCH, tmp_path, settings=shop)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        f"acme/2026-03/invoice-acme-2026-00000{count}.{kind}"
        for count in (1, 2, 3)
        for kind in ("pdf", "csv")
    ]
    before = [path.read_bytes() for path in written]
    renamed = made.kol("ana", name="Ana B", updated_at="2026-08-09T00:00:00Z")
    load_rows(shop, {"kols": [renamed]}, AUGUST, AUGUST + timedelta(days=1), zones=ZONES)
    assert [
        path.read_bytes() for path in write_invoices(made.TENANT, MARCH, tmp_path, settings=shop)
    ] == before
    with (tmp_path / "acme/2026-03/invoice-acme-2026-000002.csv").open() as lines:
        assert sum(Decimal(line["amount"]) for line in csv.DictReader(lines)) == Decimal("5.04")


def test_an_invoice_that_does_not_tie_is_not_printed(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: payouts are taken for what is invoiced."""
    pay_out(made.TENANT, open_from=date(2026, 8, 1), reason="all", by="finance", settings=shop)
    monkeypatch.setattr(invoicing, "invoiced_lines", lambda lines: lines.to_pylist()[:1])
    with pytest.raises(
        InvoiceError, match=r"invoice acme-2026-000002 says 5\.0400 USD in 2 lines, the ledger"
    ):
        invoices_of(made.TENANT, MARCH, kol_id="ana", settings=shop)


def test_statements_tie_to_the_balances(shop: Settings, tmp_path: Path) -> None:
    kept: dict[tuple[str, str], dict[str, Decimal]] = {}
    for kol, currency, account, amount in rows(
        shop, "select kol_id, currency, account, amount from finance.ledger_balances"
    ):
        kept.setdefault((kol, currency), dict.fromkeys(OWED, Decimal(0)))
        if account in OWED:
            kept[kol, currency][account] = OWED[account] * amount
    found: dict[tuple[str, str], Balance] = {}
    for kol in ("ana", "binh"):
        opening: dict[str, Balance] = {}
        for month in (MARCH, *MONTHS, Month(date(2026, 8, 1))):
            _, _, statements = statements_of(made.TENANT, kol, month, settings=shop)
            for one in statements:
                assert one.opening == opening.get(one.account.currency, dict.fromkeys(OWED, Decimal(0)))
                opening[one.account.currency] = one.closing
                found[kol, one.account.currency] = one.closing
    assert found == kept
    paths = write_statements(made.TENANT, "ana", MARCH, tmp_path, settings=shop)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        f"acme/2026-03/statement-ana-{code}.{kind}" for code in ("USD", "VND") for kind in ("pdf", "csv")
    ]
    with pytest.raises(LookupError, match="nothing was booked for KOL chi up to 2026-03-31"):
        write_statements(made.TENANT, "chi", MARCH, tmp_path, settings=shop)


def test_a_month_that_takes_more_than_it_gives_is_a_credit_note(shop: Settings) -> None:
    august = Month(date(2026, 8, 1))
    close(shop, [august])
    with pytest.raises(
        InvoiceError, match="its marts are of 2026-08-10, and 2026-08 is invoiced when it is over"
    ):
        invoice(shop, august)
    later = date(2026, 9, 2)
    load_rows(shop, {"kols": [made.kol("chi")]}, later, later + timedelta(days=1), zones=ZONES)
    build(shop, with_tests=False, select=["+tracked_orders"])
    assert invoice(shop, august) == [("acme-2026-000012", "binh", True)]
    told = "select invoice_type, net_amount, issued_on from raw.kol_invoices where period_from = '2026-08-01'"
    assert rows(shop, told) == [("credit_note", Decimal(-20), later)]


def test_marts_show_what_the_books_say(shop: Settings) -> None:
    build(shop)
    shown = rows(
        shop,
        "select kol_id, currency, account, sum(amount), count(*), min(kol_name) from marts.kol_ledger"
        " group by 1, 2, 3 order by 1, 2, 3",
    )
    kept = rows(
        shop,
        "select kol_id, currency, account, amount, lines, case kol_id when 'ana' then 'Ana B' else 'Bình' end"
        " from finance.ledger_balances order by 1, 2, 3",
    )
    assert shown == kept
    odd = """
        select * from marts.kol_balances
        where earned_amount - reversed_amount - penalty_amount
            <> held_amount + payable_amount - receivable_amount + paid_amount
    """
    assert rows(shop, odd) == []
    owed = (
        "select payable_amount, receivable_amount, paid_amount from marts.kol_balances where kol_id = 'binh'"
    )
    assert rows(shop, owed) == [(0, 0, 40)]
    assert rows(shop, "select count(*), sum(entries) from marts.kol_invoices") == [(12, 13)]


def test_the_commands_say_what_they_did(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for asking in ("include.finance.ledger.commands", "include.finance.night"):
        monkeypatch.setattr(f"{asking}.get_settings", lambda: shop)

    def asked(*words: str) -> tuple[int, str, str]:
        status = prompt.main([*words, "--tenant", made.TENANT])
        return (status, *capsys.readouterr())

    month = ("--month", "2026-03")
    status, out, _ = asked("invoice", *month, "--folder", str(tmp_path), "--kol", "ana")
    assert (status, out.count("stands"), out.count(".pdf")) == (0, 2, 2)
    assert "5.54" in out
    status, out, _ = asked("balances")
    assert (status, "Bình" in out, "100,000" in out) == (0, True, True)
    assert (
        asked("statement", "--kol", "ana", *month, "--folder", str(tmp_path))[1].count("statement-ana") == 4
    )
    status, _, error = asked("invoice", "--month", "2026-09")
    assert (status, "2026-09 is not closed" in error) == (2, True)
    status, out, _ = asked("post")
    assert (status, "acme: 0 lines entered" in out) == (0, True)
    paying = ("pay", "--by", "finance", "--reason", "September")
    assert "nothing is payable" in asked(*paying)[1]
    assert asked(*paying, "--kol", "ana")[0] == 2
    status, _, error = asked(*paying, "--kol", "ana", "--currency", "USD", "--amount", "5")
    assert (status, "0 is payable" in error) == (2, True)
    assert prompt.main(["post", "--tenant", "nobody"]) == 2
    assert "tenant nobody is held or unknown" in capsys.readouterr().err
