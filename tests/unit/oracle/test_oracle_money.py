"""The oracle's money against examples worked by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.oracle.money import (
    Amounts,
    Rates,
    Sale,
    events_of,
    fee_days,
    round_half_away,
    unlinked_refund,
    vat_in,
)
from tests.oracle.rows import clean_rows


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def usd(*amounts: str) -> Amounts:
    """The same four amounts in order and in reporting currency."""
    return Amounts(*(Decimal(amount) for amount in (*amounts, *amounts)))


DOLLARS = Sale(Decimal("100.00"), Decimal("9.09"), Decimal("0.10"), "USD", Decimal(1), "USD")


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (Fraction(1, 8), 2, "0.13"),
        (Fraction(-1, 8), 2, "-0.13"),
        (Fraction(5, 2), 0, "3"),
        (Fraction(-5, 2), 0, "-3"),
        (Fraction(249, 100), 0, "2"),
        (Fraction(1, 3), 4, "0.3333"),
    ],
)
def test_halves_round_away_from_zero(value: Fraction, digits: int, expected: str) -> None:
    assert round_half_away(value, digits) == Decimal(expected)


def test_vat_is_contained_in_the_price() -> None:
    assert vat_in(Decimal("100.00"), Decimal("0.10"), "USD") == Decimal("9.09")
    assert vat_in(Decimal("250000"), Decimal("0.10"), "VND") == Decimal("22727")


def test_partial_refunds_take_back_what_completion_gave() -> None:
    refunds = [
        (at(5), "r1", Decimal("33.33")),
        (at(6), "r2", Decimal("33.33")),
        (at(7), "r3", Decimal("33.34")),
    ]
    events = events_of(DOLLARS, at(2), refunds, None)
    assert [event.amounts for event in events] == [
        usd("100.00", "9.09", "90.91", "9.09"),
        usd("-33.33", "-3.03", "-30.30", "-3.03"),
        usd("-33.33", "-3.03", "-30.30", "-3.03"),
        usd("-33.34", "-3.03", "-30.31", "-3.03"),
    ]
    assert sum((event.amounts for event in events), Amounts()) == Amounts()


def test_dong_has_no_minor_unit_and_reporting_net_is_gross_less_vat() -> None:
    sale = Sale(Decimal(250000), Decimal(22727), Decimal("0.15"), "VND", Decimal("0.0000395"), "USD")
    completion, refund = events_of(sale, at(2), [(at(9), "r1", Decimal(100000))], None)
    assert completion.amounts == Amounts(
        Decimal(250000),
        Decimal(22727),
        Decimal(227273),
        Decimal(34091),
        Decimal("9.88"),
        Decimal("0.90"),
        Decimal("8.98"),
        Decimal("1.35"),
    )
    assert refund.amounts == Amounts(
        Decimal(-100000),
        Decimal(-9091),
        Decimal(-90909),
        Decimal(-13636),
        Decimal("-3.95"),
        Decimal("-0.36"),
        Decimal("-3.59"),
        Decimal("-0.54"),
    )


def test_cancellation_reverses_what_refunds_left_and_later_refunds_count_beyond_the_gross() -> None:
    refunds = [(at(3), "r1", Decimal(30)), (at(6), "r2", Decimal(50)), (at(7), "r3", Decimal(40))]
    events = events_of(DOLLARS, at(2), refunds, at(5))
    assert [(event.kind, event.amounts.gross) for event in events] == [
        ("completion", Decimal(100)),
        ("refund", Decimal(-30)),
        ("cancellation", Decimal(-70)),
        ("refund", Decimal(0)),
        ("refund", Decimal(-20)),
    ]
    assert events[-1].amounts == usd("-20", "-1.82", "-18.18", "0")


def test_a_refund_comes_before_a_cancellation_at_the_same_instant() -> None:
    events = events_of(DOLLARS, at(2), [(at(5), "r1", Decimal(30))], at(5))
    assert [(event.kind, event.amounts.gross) for event in events[1:]] == [
        ("refund", Decimal(-30)),
        ("cancellation", Decimal(-70)),
    ]


def test_a_refund_before_completion_is_booked_at_completion() -> None:
    events = events_of(DOLLARS, at(4), [(at(1), "r1", Decimal(100))], None)
    assert [(event.kind, event.at, event.amounts.gross) for event in events] == [
        ("completion", at(4), Decimal(100)),
        ("refund", at(4), Decimal(-100)),
    ]


def test_unlinked_refund_takes_the_tenants_vat() -> None:
    assert unlinked_refund(Decimal("55.00"), Decimal("0.10"), "USD", Decimal(1), "USD") == usd(
        "-55.00", "-5.00", "-50.00", "0"
    )


def test_a_rate_serves_for_seven_days_and_its_absence_is_noted() -> None:
    row = {"tenant_id": "a", "from_currency": "VND", "to_currency": "USD", "rate_date": "2026-03-01"}
    rates = Rates.of(
        clean_rows("fx_rates", [{**row, "rate": "0.00004", "updated_at": "2026-03-01T00:00:00Z"}])
    )
    assert rates.rate("a", "VND", "USD", date(2026, 3, 8), "x") == Decimal("0.00004")
    assert rates.rate("a", "USD", "USD", date(2030, 1, 1), "x") == 1
    assert not rates.missing
    assert rates.rate("a", "VND", "USD", date(2026, 3, 9), "order 9") is None
    assert rates.rate("a", "VND", "USD", date(2026, 2, 28), "order 8") is None
    assert [what for _, _, what in rates.missing["a"]] == ["order 9", "order 8"]


@pytest.mark.parametrize(
    ("fee", "last", "currency", "each", "rest"),
    [
        ("100.00", 3, "USD", "33.33", "33.34"),
        ("0.02", 3, "USD", "0", "0.02"),
        ("1000000", 7, "VND", "142857", "142858"),
        ("5.00", 1, "USD", "5.00", "5.00"),
    ],
)
def test_the_last_day_takes_the_rest_of_a_fee(
    fee: str, last: int, currency: str, each: str, rest: str
) -> None:
    days = fee_days(Decimal(fee), date(2026, 3, 1), date(2026, 3, last), currency)
    assert [amount for _, amount in days] == [Decimal(each)] * (last - 1) + [Decimal(rest)]
    assert (days[0][0], days[-1][0]) == (date(2026, 3, 1), date(2026, 3, last))


def test_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="float"):
        clean_rows("fx_rates", [{"tenant_id": "a", "rate": 0.1}])
