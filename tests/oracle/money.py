"""Money: rounding, exchange rates, and what is left of an order after each of its events."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from tests.oracle.rows import Row

ZERO = Decimal(0)
OLDEST_RATE_DAYS = 7

NO_MINOR_UNIT = {
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
}  # fmt: skip
THREE_DIGITS = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}


def minor_digits(currency: str) -> int:
    """Return the number of decimals of a currency (ISO 4217)."""
    if currency in NO_MINOR_UNIT:
        return 0
    return 3 if currency in THREE_DIGITS else 2


def round_half_away(value: Fraction | Decimal, digits: int) -> Decimal:
    """Round to ``digits`` decimals, halves away from zero, exactly."""
    exact = Fraction(value) * 10**digits
    size = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return Decimal(-size if exact < 0 else size).scaleb(-digits)


def round_money(value: Fraction | Decimal, currency: str) -> Decimal:
    """Round to the minor unit of ``currency``, halves away from zero."""
    return round_half_away(value, minor_digits(currency))


def vat_in(gross: Decimal, vat_rate: Decimal, currency: str) -> Decimal:
    """Return the VAT contained in ``gross`` at ``vat_rate`` (0.10 is 10 %)."""
    rate = Fraction(vat_rate)
    return round_money(Fraction(gross) * rate / (1 + rate), currency)


@dataclass
class Rates:
    """Exchange rates of all tenants, and the list of amounts that found none."""

    table: dict[tuple[str, str, str], dict[date, Decimal]]
    missing: dict[str, list[tuple[str, date, str]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Rates":
        """Index the rows of the feed ``fx_rates``."""
        table: dict[tuple[str, str, str], dict[date, Decimal]] = defaultdict(dict)
        for row in rows:
            table[row["tenant_id"], row["from_currency"], row["to_currency"]][row["rate_date"]] = row["rate"]
        return cls(dict(table))

    def rate(self, tenant: str, currency: str, reporting: str, day: date, what: str) -> Decimal | None:
        """Return the latest rate on or before ``day``, at most 7 days old.

        Where there is none, ``what`` waits for it in ``missing``.
        """
        if currency == reporting:
            return Decimal(1)
        known = self.table.get((tenant, currency, reporting), {})
        for age in range(OLDEST_RATE_DAYS + 1):
            found = known.get(date.fromordinal(day.toordinal() - age))
            if found is not None:
                return found
        self.missing[tenant].append((currency, day, what))
        return None


@dataclass(frozen=True)
class Amounts:
    """Measures of an order, or of a change of it, in order and in reporting currency."""

    gross: Decimal = ZERO
    vat: Decimal = ZERO
    net: Decimal = ZERO
    commission: Decimal = ZERO
    reporting_gross: Decimal = ZERO
    reporting_vat: Decimal = ZERO
    reporting_net: Decimal = ZERO
    reporting_commission: Decimal = ZERO

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Sale:
    """What the money of an order depends on."""

    gross: Decimal
    vat: Decimal
    commission_rate: Decimal
    currency: str
    fx: Decimal
    reporting_currency: str

    def left(self, reversed_amount: Decimal) -> Amounts:
        """Return the measures that are left when ``reversed_amount`` of the gross was reversed."""
        gross = self.gross - reversed_amount
        vat = round_money(Fraction(self.vat) * Fraction(gross) / Fraction(self.gross), self.currency)
        net = gross - vat
        commission = round_money(self.commission_rate * max(net, ZERO), self.currency)
        reporting_gross = self.in_reporting(gross)
        reporting_vat = self.in_reporting(vat)
        return Amounts(
            gross, vat, net, commission,
            reporting_gross, reporting_vat, reporting_gross - reporting_vat, self.in_reporting(commission),
        )  # fmt: skip

    def in_reporting(self, amount: Decimal) -> Decimal:
        """Convert an amount in order currency at the order's rate and round it."""
        return round_money(Fraction(amount) * Fraction(self.fx), self.reporting_currency)


@dataclass(frozen=True)
class Event:
    """A change of an order's money at an instant: completion, refund or cancellation."""

    kind: str
    at: datetime
    event_id: str
    amounts: Amounts


def events_of(
    sale: Sale,
    completed_at: datetime,
    refunds: Sequence[tuple[datetime, str, Decimal]],
    cancelled_at: datetime | None,
) -> list[Event]:
    """Return the events of one counted order in their order.

    Args:
        sale: the order's money.
        completed_at: instant of completion.
        refunds: (refunded_at, refund_id, amount) of every succeeded refund.
        cancelled_at: instant of the cancellation after payment, if there was one.
    """
    completion = sale.left(ZERO)
    events = [Event("completion", completed_at, "", completion)]
    steps: list[tuple[datetime, int, str, Decimal]] = [
        (max(at, completed_at), 1, refund_id, amount) for at, refund_id, amount in refunds
    ]
    if cancelled_at is not None:
        steps.append((max(cancelled_at, completed_at), 2, "", ZERO))
    before, refunded, is_cancelled = completion, ZERO, False
    for at, kind, event_id, amount in sorted(steps):
        refunded += amount
        is_cancelled = is_cancelled or kind == 2
        after = sale.left(max(refunded, sale.gross) if is_cancelled else refunded)
        events.append(Event("refund" if kind == 1 else "cancellation", at, event_id, after - before))
        before = after
    return events


def unlinked_refund(
    amount: Decimal, vat_rate: Decimal, currency: str, fx: Decimal, reporting: str
) -> Amounts:
    """Return the (negative) measures of a refund without a known order."""
    vat = vat_in(amount, vat_rate, currency)
    reporting_gross = round_money(Fraction(amount) * Fraction(fx), reporting)
    reporting_vat = round_money(Fraction(vat) * Fraction(fx), reporting)
    return Amounts(
        -amount, -vat, vat - amount, ZERO,
        -reporting_gross, -reporting_vat, reporting_vat - reporting_gross, ZERO,
    )  # fmt: skip


def fee_days(fee: Decimal, starts_on: date, ends_on: date, currency: str) -> list[tuple[date, Decimal]]:
    """Spread a fee over a contract's days: rounded down to the minor unit, the last day takes the rest."""
    count = (ends_on - starts_on).days + 1
    unit = 10 ** minor_digits(currency)
    each = Decimal(int(Fraction(fee) * unit / count)) / unit
    days = [date.fromordinal(starts_on.toordinal() + k) for k in range(count)]
    return [(day, each) for day in days[:-1]] + [(days[-1], fee - each * (count - 1))]
