"""A night of small books: what is planted is told, what is explained is green, no night undoes another."""

import io
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from include import alerts
from include.finance import __main__ as prompt
from include.finance import night
from include.finance.reconciliation.explanations import explain_item, withdraw_explanation
from include.finance.reporting import gate, pack
from include.settings import Settings
from include.transform import build
from include.warehouse import connect, prepare
from tests.oracle import made
from tests.oracle.loading import load_rows
from tests.oracle.rows import Row

DAY = date(2026, 3, 30)
EARLIER = tuple(date(2026, 3, number) for number in (20, 10, 4))
MODELS = ("path:models/staging", *(f"+path:models/marts/{part}" for part in night.PARTS))
LARGE = Decimal("712345678901233")
"""Two of these are more than a spreadsheet keeps all digits of."""


def payment(payment_id: str, order_id: str, day: str, amount: str, **values: Any) -> Row:
    return {
        "tenant_id": made.TENANT, "source": "stripe", "payment_id": payment_id, "order_id": order_id,
        "payment_type": "charge", "status": "succeeded", "currency": "USD", "amount": amount,
        "fee_amount": "3.00", "payout_id": f"po-{payment_id}", "payer_ref": None,
        "occurred_at": f"{day}T05:00:00Z", "updated_at": f"{day}T05:00:00Z", **values,
    }  # fmt: skip


def bank_line(line_id: str, day: str, amount: str, reference: str | None = None, **values: Any) -> Row:
    return {
        "tenant_id": made.TENANT, "account_id": "main", "line_id": line_id, "currency": "USD",
        "amount": amount, "description": "payout", "counterparty": "stripe", "reference": reference,
        "booked_on": day, "booked_at": f"{day}T03:00:00Z", **values,
    }  # fmt: skip


LOTUS = {"tenant_id": "lotus", "currency": "VND"}
BOOKS: dict[str, list[Row]] = {
    "tenants": [made.tenant(), made.tenant("lotus", reporting_currency="VND")],
    "kols": [made.kol("ana")],
    "kol_contracts": [made.contract("c1", "ana", coupon_code="ANA")],
    "orders": [
        made.order("o1", "2026-03-02T05:00:00Z", coupon_code="ana"),
        made.order("o2", "2026-03-03T05:00:00Z", "220.00"),  # nobody took its money
        made.order("o4", "2026-03-04T05:00:00Z", "5500.00", coupon_code="ana"),  # held, for it is large
        *(made.order(order, "2026-03-10T05:00:00Z", f"{LARGE}", **LOTUS) for order in ("o1", "o2")),
    ],
    "refunds": [made.refund("r1", "o1", "2026-03-05T05:00:00Z", "11.00")],  # the gateway knows nothing of it
    "payments": [
        payment("p1", "o1", "2026-03-02", "110.00"),
        payment("p3", "o9", "2026-03-03", "33.00"),  # of an order that no shop knows
        payment("p4", "o4", "2026-03-04", "5500.00"),  # its payout never came
        payment("p1", "o1", "2026-03-10", f"{LARGE}", **LOTUS, fee_amount="0"),
        payment("p2", "o2", "2026-03-10", f"{LARGE}", **LOTUS, fee_amount="0"),
    ],
    "remittances": [
        made.remittance(
            "o8", "2026-03-04T05:00:00Z", remittance_id="rm-8888", remitted_at="2026-03-05T05:00:00Z"
        )
    ],  # nor of this one
    "bank_lines": [
        bank_line("b1", "2026-03-04", "107.00", "po-p1"),
        bank_line("b3", "2026-03-05", "30.00", "po-p3"),
        bank_line("b5", "2026-03-09", "-40.00", counterparty="landlord", description="rent"),
        bank_line("b1", "2026-03-12", f"{LARGE}", "po-p1", **LOTUS),
        bank_line("b2", "2026-03-12", f"{LARGE}", "po-p2", **LOTUS),
    ],
}
OPEN = {
    ("order", "o2", "missing_in_gateway"),
    ("payment", "p3", "missing_order"),
    ("refund", "r1", "missing_in_gateway"),
    ("remittance", "rm-8888/o8", "missing_order"),
    ("payout", "po-p4", "missing_in_bank"),
    ("bank_line", "b5", "unexplained"),
}


@pytest.fixture(scope="module")
def shops(warehouse_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give two tenants of which March is known up to the day; the books of one of them have breaks."""
    home = tmp_path_factory.mktemp("night")
    settings = warehouse_settings.model_copy(
        update={
            "warehouse_database": "night", "home": home, "landing_url": str(home / "landing"),
            "exports_url": str(home / "exports"),
        }
    )  # fmt: skip
    prepare(settings)
    sent = BOOKS["remittances"][0]
    rows = BOOKS | {
        "bank_lines": [
            *BOOKS["bank_lines"],
            bank_line("b8", "2026-03-06", str(sent["net_amount"]), "rm-8888", counterparty=sent["source"]),
        ]
    }
    load_rows(settings, rows, date(2026, 3, 1), date(2026, 3, 31))
    build(settings, with_tests=False, select=MODELS)
    return settings


@pytest.fixture(scope="module")
def first(shops: Settings) -> list[str]:
    """Let the first night pass; return what it found wrong."""
    return night.run(shops, say=lambda _: None)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[alerts.Alert]]:
    """Give the alerts that would be sent, each with its files read."""
    taken: list[alerts.Alert] = []

    def send(alert: alerts.Alert, settings: Settings) -> str:
        assert all(file.read_bytes()[:2] == b"PK" for file in alert.files)
        taken.append(alert)
        return "taken"

    monkeypatch.setattr(alerts, "send", send)
    return iter([taken])


def rows(settings: Settings, query: str, *given: Any) -> list[tuple[Any, ...]]:
    with connect("transformer", settings) as warehouse:
        return warehouse.rows(query, list(given))


def stands(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Return what nights decide: states and books."""
    tables = (
        "finance.order_states", "finance.receipt_states", "finance.refund_states", "finance.payout_states",
        "finance.line_states", "finance.unsettled_states", "finance.ledger_balances", "raw.ledger_entries",
        "raw.journal_entries",
    )  # fmt: skip
    return {table: sorted(rows(settings, f"select t::text from {table} as t")) for table in tables}


def exported(settings: Settings) -> dict[str, bytes]:
    """Return all files of the exports folder."""
    base = Path(settings.exports_url)
    return {str(file.relative_to(base)): file.read_bytes() for file in base.rglob("*") if file.is_file()}


def sheet(settings: Settings, tenant: str, title: str, day: date = DAY) -> list[dict[str, Any]]:
    """Return a sheet of a pack, row by row."""
    content = exported(settings)[f"finance/{tenant}/{day}.xlsx"]
    _, _, _, _, heads, *lines = load_workbook(io.BytesIO(content))[title].iter_rows(values_only=True)
    return [dict(zip(heads, line, strict=True)) for line in lines]


def amount(value: Any) -> Decimal:
    return Decimal(value.replace(",", "") if isinstance(value, str) else f"{value or 0:.15g}")


def test_the_gate_is_red_with_exactly_what_is_planted(shops: Settings, first: list[str]) -> None:
    assert len(first) == 1
    assert first[0].startswith("gate of acme: Unexplained money of acme as of 2026-03-30")
    found = gate.unexplained(shops, "acme")
    assert {(item.side, item.item_id, item.state) for item in found.items} == OPEN
    assert sum(each.items for each in found.sums) == len(OPEN)
    assert found.untied == ()
    for side, item_id, state in OPEN:
        assert any(
            f"{side} " in line and f" {item_id}, {state}: USD" in line for line in first[0].splitlines()
        )
    assert "payout missing_in_bank: 1, USD 5,497.00" in first[0]
    assert gate.unexplained(shops, "lotus").is_clean


def test_what_is_large_is_held_and_what_is_not_is_payable(shops: Settings, first: list[str]) -> None:
    held, payable = rows(shops, "select held_amount, payable_amount from marts.kol_balances")[0]
    assert (held, payable) == (Decimal(500), Decimal(9))
    [flag] = sheet(shops, "acme", "Fraud")
    assert (flag["order id"], flag["rule"], flag["held"]) == ("o4", "amount", "held")
    [balance] = sheet(shops, "acme", "Balances")
    assert (amount(balance["held amount"]), amount(balance["payable amount"])) == (held, payable)


def test_the_pack_is_what_the_marts_say(shops: Settings, first: list[str]) -> None:
    for tenant in ("acme", "lotus"):
        said = sorted(
            (line["side"], line["state"], line["items"], amount(line["amount"]))
            for line in sheet(shops, tenant, "Summary")
        )
        query = "select side, state, items, amount from marts.reconciliation_summary where tenant_id = %s"
        assert said == sorted(rows(shops, query, tenant))
    breaks = sheet(shops, "acme", "Breaks")
    assert {(line["side"], line["item id"], line["state"]) for line in breaks} == OPEN
    assert [line["state"] for line in breaks] == sorted(line["state"] for line in breaks)
    [missing] = [line for line in breaks if line["side"] == "payout"]
    assert (amount(missing["amount"]), missing["counter amount"]) == (Decimal(5497), None)
    assert sheet(shops, "lotus", "Breaks") == []
    assert [amount(line["gross amount"]) for line in sheet(shops, "lotus", "Orders")] == [2 * LARGE]
    assert {line["holds"] for line in sheet(shops, "acme", "Ties")} == {"yes"}
    due = {amount(line["due amount"]) for line in sheet(shops, "lotus", "Settlement")}
    assert due == {2 * LARGE}
    assert f"{2 * LARGE}.0000" in exported(shops)[f"finance/lotus/{DAY}-settlement.csv"].decode()


def test_the_same_night_again_changes_nothing(shops: Settings, first: list[str]) -> None:
    before, packs = stands(shops), exported(shops)
    assert night.run(shops, say=lambda _: None) == first
    assert stands(shops) == before
    assert exported(shops) == packs


def test_nights_of_earlier_days_in_any_order_move_nothing(shops: Settings, first: list[str]) -> None:
    before, packs = stands(shops), exported(shops)
    for day in EARLIER:
        for name in (*night.BOOKS, "write_pack"):
            night.take_step(name, "acme", day=day, settings=shops)
    assert stands(shops) == before
    after = exported(shops)
    assert {name: after[name] for name in packs} == packs
    for day in reversed(EARLIER):
        night.take_step("write_pack", "acme", day=day.isoformat(), settings=shops)
    assert exported(shops) == after
    # each tells of its own day
    assert {line["order id"] for line in sheet(shops, "acme", "Sample", EARLIER[2])} == {"o4"}
    assert sheet(shops, "acme", "Sample") == []
    assert len(sheet(shops, "acme", "Orders", EARLIER[2])) == 3
    assert {
        str(line["due on"])[:10] <= str(EARLIER[1]) for line in sheet(shops, "acme", "Settlement", EARLIER[1])
    } == {True}


def test_people_are_told_what_is_open_and_get_the_pack(
    shops: Settings, first: list[str], sent: Iterator[list[alerts.Alert]]
) -> None:
    taken = next(sent)
    night.take_step("alert", "acme", settings=shops)
    night.take_step("alert", "lotus", settings=shops)
    acme, lotus = taken
    assert (acme.title, acme.level) == ("acme: 6 open, as of 2026-03-30", "warning")
    assert (lotus.title, lotus.level) == ("lotus: nothing open, as of 2026-03-30", "success")
    assert "bank_line unexplained: 1, USD 40.00" in acme.text
    assert pack.place(shops, "acme", DAY) in acme.text
    assert [file.name for file in acme.files] == ["finance-acme-2026-03-30.xlsx"]
    said = night.take_step("alert", "acme", day=EARLIER[0], settings=shops)
    assert "not sent" in said
    assert len(taken) == 2


def test_an_alert_without_a_pack_says_how_to_write_it(shops: Settings, first: list[str]) -> None:
    nowhere = shops.model_copy(update={"exports_url": str(shops.home / "nowhere")})
    with pytest.raises(LookupError, match=r"no finance pack of acme .* night --tenant acme --day 2026-03-30"):
        night.take_step("alert", "acme", settings=nowhere)


def test_one_tenants_fault_does_not_stop_the_others(
    shops: Settings, first: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def fail(settings: Settings, tenant: str, day: date) -> str:
        if tenant == "acme":
            raise RuntimeError("the disk is full")
        return "posted"

    monkeypatch.setitem(night.STEPS, "post_commission", fail)
    monkeypatch.setattr(night, "refresh", lambda settings: "built")
    faults = night.run(shops, say=told.append)
    assert faults[0] == "post_commission of acme: the disk is full"
    assert faults[1].startswith("gate of acme: ")
    assert "post_commission: posted" in told
    assert any(line.startswith("gate: lotus") for line in told)


def test_totals_that_do_not_tie_are_told(shops: Settings, first: list[str]) -> None:
    """The planted defect: a cent is taken from an order, and from what was due."""
    for table, column, what in (
        ("order_states", "gross_amount", "completed orders, orders reconciled"),
        ("payout_states", "amount", "charges less refunds, chargebacks and fees, what was due"),
        ("ledger_balances", "amount", "payable to KOLs in the marts, in the ledger"),
    ):
        change = f"update finance.{table} set {column} = {column} + %s where tenant_id = 'acme'"
        change += " and account = 'kol_payable'" if table == "ledger_balances" else ""
        with connect("loader", shops) as warehouse:
            warehouse.execute(change, [Decimal("0.01")])
            found = gate.unexplained(shops, "acme")
            warehouse.execute(change, [Decimal("-0.01")])
        assert what in {tie.what for tie in found.untied}
        assert found.level == "failure"
    assert gate.unexplained(shops, "acme").untied == ()


def test_a_night_that_cannot_be_is_refused(
    shops: Settings, first: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(night, "get_settings", lambda: shops)
    assert prompt.main(["night", "--tenant", "nobody"]) == 2
    assert (
        "tenant nobody is held or unknown; why one is held is in ops.held_tenants; published are acme, lotus"
        in capsys.readouterr().err
    )
    assert prompt.main(["night", "--day", "yesterday"]) == 2
    assert "yesterday" in capsys.readouterr().err


def test_an_unknown_step_is_refused(shops: Settings) -> None:
    with pytest.raises(ValueError, match="a night has no step 'rest'; it has reconcile, post_commission"):
        night.take_step("rest", "acme", settings=shops)


def test_what_is_explained_is_green_and_red_again_when_it_is_withdrawn(
    shops: Settings, first: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: Mapping[str, Any] = {"entered_by": "chi", "reason": "looked at", "settings": shops}
    for side, item_id, _ in sorted(OPEN):
        known_as = "payment" if side == "remittance" else side
        explain_item("acme", known_as, item_id, category="other", **said)
    monkeypatch.setattr(night, "get_settings", lambda: shops)
    assert prompt.main(["night", "--tenant", "acme"]) == 0
    assert "gate: acme as of 2026-03-30: all money is explained and all totals tie" in capsys.readouterr().out
    assert sheet(shops, "acme", "Breaks") == []
    withdraw_explanation("acme", "bank_line", "b5", **said)
    night.refresh(shops)
    with pytest.raises(gate.UnexplainedMoneyError, match=r"bank_line main b5, unexplained: USD -40\.00"):
        night.take_step("gate", "acme", settings=shops)
