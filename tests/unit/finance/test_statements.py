"""Statements and invoices tie to the ledger to the smallest unit, whatever was booked and in which order."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.feeds.currencies import MINOR_UNITS
from include.finance.ledger.commission import ENTRIES, LedgerError
from include.finance.ledger.printing import invoice_csv, invoice_pdf, statement_csv, statement_pdf
from include.finance.ledger.statements import (
    INVOICED,
    OWED,
    Account,
    Invoice,
    Line,
    Month,
    Party,
    Statement,
    group,
    invoiced_lines,
    make_statement,
    net_of,
    numbers,
    vat_of,
)

MARCH, APRIL = Month(date(2026, 3, 1)), Month(date(2026, 4, 1))
ANA = Account("acme", "ana", "USD")
EXPENSE, PAYABLE, HELD, RECEIVABLE = "commission_expense", "kol_payable", "kol_held", "kol_receivable"
KINDS = (
    ("accrual", EXPENSE, PAYABLE), ("accrual", EXPENSE, HELD), ("reversal", PAYABLE, EXPENSE),
    ("reversal", HELD, EXPENSE), ("correction", EXPENSE, PAYABLE), ("correction", PAYABLE, "penalty_income"),
    ("hold", PAYABLE, HELD), ("release", HELD, PAYABLE), ("penalty", PAYABLE, "penalty_income"),
    ("payout", PAYABLE, "cash"), ("clawback", RECEIVABLE, PAYABLE), ("settlement", PAYABLE, RECEIVABLE),
)  # fmt: skip


def transaction(
    number: int, kind: tuple[str, str, str], cents: int, day: date = MARCH.first, **values: Any
) -> list[Line]:
    entry_type, debit, credit = kind
    amount = Decimal(cents).scaleb(-2)
    said: Line = dict.fromkeys(ENTRIES.names) | {
        "transaction_id": f"t{number}", "entry_type": entry_type, "kol_id": "ana", "currency": "USD",
        "event_date": day, "posting_date": day, "entered_at": datetime(2026, 3, 1, tzinfo=UTC),
        "entered_by": "nightly", "reason": entry_type, **values,
    }  # fmt: skip
    return [
        {**said, "entry_id": f"t{number}-1", "line_no": 1, "account": debit, "amount": amount},
        {**said, "entry_id": f"t{number}-2", "line_no": 2, "account": credit, "amount": -amount},
    ]


def table(lines: list[Line]) -> pa.Table:
    return pa.Table.from_pylist(lines, schema=ENTRIES)


def sums(lines: list[Line]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in lines:
        found[line["account"]] = found.get(line["account"], Decimal(0)) + line["amount"]
    return found


def of(lines: list[Line], month: Month) -> list[Line]:
    return [line for line in lines if month.first <= line["posting_date"] <= month.last]


def statement(lines: list[Line], month: Month) -> Statement:
    before = sums([line for line in lines if line["posting_date"] < month.first])
    return make_statement(ANA, month, before, table(of(lines, month)))


def invoice(lines: list[Line], month: Month = MARCH, **values: Any) -> Invoice:
    covered = invoiced_lines(table(of(lines, month)))
    said: dict[str, Any] = {
        "number": "acme-2026-000001", "account": ANA, "month": month, "issued_on": date(2026, 5, 2),
        "entries": len(covered), "net": net_of(covered), "vat_rate": Decimal("0.1"),
        "seller": Party("Nguyễn Ánh", "8412345678", "Hà Nội"), "buyer": Party("Acme"), **values,
    }  # fmt: skip
    return Invoice(**said)


booked = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(-99_999, 99_999).filter(bool), st.integers(0, 91)),
    max_size=25,
).map(
    lambda found: [
        line
        for number, (kind, cents, days) in enumerate(found)
        for line in transaction(number, kind, cents, date(2026, 2, 1) + timedelta(days=days))
    ]
)


@settings(deadline=None)
@given(booked, st.randoms())
def test_opening_and_movements_are_closing_and_closing_the_next_opening(
    lines: list[Line], chance: Any
) -> None:
    march, april = statement(lines, MARCH), statement(lines, APRIL)
    assert march.closing == april.opening
    upto = sums([line for line in lines if line["posting_date"] <= APRIL.last])
    assert april.closing == {name: sign * upto.get(name, Decimal(0)) for name, sign in OWED.items()}
    for one in (march, april):
        moved = {name: sum((part.moved[name] for part in one.movements), Decimal(0)) for name in OWED}
        assert one.closing == {name: one.opening[name] + moved[name] for name in OWED}
        assert not any(amount.is_zero() and amount.is_signed() for amount in one.closing.values())
    shuffled = chance.sample(lines, len(lines))
    assert statement(shuffled, MARCH) == march, "the order of lines is not the order of a statement"


@settings(deadline=None)
@given(booked)
def test_invoices_sum_to_what_the_kol_was_given_however_it_was_settled(lines: list[Line]) -> None:
    """Over all time, the claims invoiced are what is payable, less what is owed, and what was paid."""
    months = [Month(date(2026, month, 1)) for month in (2, 3, 4, 5)]
    invoices = [invoice(lines, month) for month in months]
    stands = sums(lines)
    settled = sum((stands.get(name, Decimal(0)) for name in (PAYABLE, RECEIVABLE, "cash")), Decimal(0))
    assert sum(one.net for one in invoices) == -settled
    for one, month in zip(invoices, months, strict=True):
        covered = invoiced_lines(table(of(lines, month)))
        groups = group(covered)
        assert sum(part.amount for part in groups) == one.net
        assert sum(part.entries for part in groups) == one.entries
        assert {line["entry_type"] for line in covered} <= set(INVOICED)


@given(
    st.sampled_from(("USD", "VND", "KWD")),
    st.integers(-(10**9), 10**9),
    st.integers(0, 9999).map(lambda rate: Decimal(rate).scaleb(-4)),
)
def test_vat_is_the_nearest_smallest_unit_and_the_same_on_a_credit_note(
    currency: str, units: int, rate: Decimal
) -> None:
    unit = Decimal(1).scaleb(-MINOR_UNITS[currency])
    vat = vat_of(units * unit, rate, currency)
    assert vat % unit == 0
    assert abs(vat - units * unit * rate) <= unit / 2
    assert vat_of(-units * unit, rate, currency) == -vat


@pytest.mark.parametrize(
    ("net", "currency", "vat"),
    [("0.05", "USD", "0.01"), ("0.04", "USD", "0.00"), ("-0.05", "USD", "-0.01"), ("15", "VND", "2"),
     ("14", "VND", "1"), ("0.005", "KWD", "0.001")],
)  # fmt: skip
def test_half_a_unit_is_rounded_away_from_zero(net: str, currency: str, vat: str) -> None:
    assert vat_of(Decimal(net), Decimal("0.1"), currency) == Decimal(vat)


@given(st.integers(0, 30), st.integers(1, 30), st.randoms())
def test_numbers_follow_what_stands_without_a_gap(standing: int, wanted: int, chance: Any) -> None:
    taken = list(islice(numbers("acme", 2026, []), standing))
    chance.shuffle(taken)
    found = [*taken, *islice(numbers("acme", 2026, taken), wanted)]
    assert sorted(found) == [f"acme-2026-{count:06d}" for count in range(1, standing + wanted + 1)]


def test_numbers_with_a_gap_have_no_next() -> None:
    with pytest.raises(LedgerError, match=r"acme-2026-000002 is not in the book, though 2 of that year are"):
        next(numbers("acme", 2026, ["acme-2026-000001", "acme-2026-000003"]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kol_id": "binh"},
        {"currency": "VND"},
        {"posting_date": date(2026, 4, 1)},
        {"posting_date": date(2026, 2, 28)},
    ],
)
def test_a_line_of_another_account_or_month_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LedgerError, match="line t1-1 is none of KOL ana of tenant acme in USD in 2026-03"):
        make_statement(ANA, MARCH, {}, table(transaction(1, KINDS[0], 100, **{"day": MARCH.first, **wrong})))


def test_half_a_transaction_is_refused() -> None:
    with pytest.raises(LedgerError, match=r"transaction t1 of KOL ana .* does not sum to zero: 1\.0000"):
        make_statement(ANA, MARCH, {}, table(transaction(1, KINDS[0], 100)[:1]))


def test_what_settles_follows_what_it_settles() -> None:
    lines = [
        *transaction(1, ("settlement", PAYABLE, RECEIVABLE), 10),
        *transaction(2, ("accrual", EXPENSE, PAYABLE), 30, order_source="shop", order_id="o1"),
    ]
    assert [one.entry_type for one in statement(lines, MARCH).movements] == ["accrual", "settlement"]


STORY = [
    *transaction(1, ("accrual", EXPENSE, PAYABLE), 1005, event_type="completion", contract_id="c1",
                 commission_rate=Decimal("0.125"), order_source="shop", order_id="o1"),
    *transaction(2, ("accrual", EXPENSE, PAYABLE), 2000, event_type="completion", contract_id="c1",
                 commission_rate=Decimal("0.125"), order_source="shop", order_id="o2"),
    *transaction(3, ("reversal", PAYABLE, EXPENSE), 500, event_type="refund", contract_id="c1",
                 commission_rate=Decimal("0.125"), order_source="shop", order_id="o2"),
    *transaction(4, ("payout", PAYABLE, "cash"), 3000, date(2026, 3, 31)),
    *transaction(5, ("clawback", RECEIVABLE, PAYABLE), 495, date(2026, 3, 31)),
]  # fmt: skip


def test_an_invoice_tells_services_apart_and_leaves_settling_out() -> None:
    one = invoice(STORY)
    assert (one.kind, one.entries, one.net, one.vat, one.gross) == (
        "invoice", 3, Decimal("25.05"), Decimal("2.51"), Decimal("27.56")
    )  # fmt: skip
    told = [(part.entry_type, part.entries, part.amount) for part in group(invoiced_lines(table(STORY)))]
    assert told == [("accrual", 2, Decimal("30.05")), ("reversal", 1, Decimal("-5.00"))]
    assert invoice(STORY, net=Decimal("-0.01")).kind == "credit_note"


def test_the_csv_of_an_invoice_sums_to_its_net_amount() -> None:
    one = invoice(STORY)
    rows = list(csv.DictReader(io.StringIO(invoice_csv(one, invoiced_lines(table(STORY))).decode())))
    assert sum(Decimal(row["amount"]) for row in rows) == one.net
    assert {(row["net_amount"], row["vat_amount"], row["gross_amount"]) for row in rows} == {
        ("25.05", "2.51", "27.56")
    }
    assert [row["entry_id"] for row in rows] == ["t1-2", "t2-2", "t3-1"]


def test_the_csv_of_a_statement_begins_and_ends_with_what_stands() -> None:
    rows = list(csv.DictReader(io.StringIO(statement_csv(statement(STORY, MARCH)).decode())))
    assert [(row["payable"], row["held"], row["receivable"]) for row in (rows[0], rows[-1])] == [
        ("0.00", "0.00", "0.00"), ("0.00", "0.00", "4.95"),
    ]  # fmt: skip
    assert sum(Decimal(row["payable"]) for row in rows[:-1]) == Decimal(rows[-1]["payable"])
    assert len(rows) == len(STORY) // 2 + 2


def test_paper_is_the_same_to_the_byte_and_another_for_another_invoice() -> None:
    lines = invoiced_lines(table(STORY))
    one, again = invoice_pdf(invoice(STORY), lines), invoice_pdf(invoice(STORY), lines)
    assert one == again
    assert one.startswith(b"%PDF-")
    assert one != invoice_pdf(invoice(STORY, number="acme-2026-000002"), lines)
    march = statement(STORY, MARCH)
    printed = [statement_pdf(march, "Ana", "Acme", is_final=final) for final in (True, True, False)]
    assert printed[0] == printed[1] != printed[2]


def test_a_statement_of_many_orders_takes_several_pages() -> None:
    lines = [
        line
        for number in range(60)
        for line in transaction(number, KINDS[0], 100, order_source="shop", order_id=f"{number}" * 30)
    ]
    assert statement_pdf(statement(lines, MARCH), "Ana", "Acme", is_final=True).count(b"/Type /Page\n") > 1


def test_a_month_is_told_by_its_first_day() -> None:
    assert (MARCH.last, f"{MARCH}") == (date(2026, 3, 31), "2026-03")
    assert Month(date(2028, 2, 1)).last == date(2028, 2, 29)
    with pytest.raises(ValueError, match="not by 2026-03-02"):
        Month(date(2026, 3, 2))
