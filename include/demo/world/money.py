"""Money of the world: exact rounding, exchange rates as published, and what is left of an order."""

from dataclasses import dataclass

import numpy as np

from include.demo.world.cast import DIGITS, Tenant
from include.demo.world.clock import DAY, HOUR, Calendar
from include.demo.world.tables import Book, Bools, Ints, Minor

RATE_DIGITS = {("VND", "USD"): 10, ("USD", "VND"): 2, ("AUD", "USD"): 6, ("AUD", "VND"): 2}
PAR = {("VND", "USD"): 0.0000393, ("USD", "VND"): 25430.0, ("AUD", "USD"): 0.655, ("AUD", "VND"): 16650.0}


def divided(numerator: Ints, denominator: Ints | int) -> Ints:
    """Quotients rounded to whole numbers, halves away from zero; the denominator is positive."""
    below = np.asarray(denominator, dtype=np.int64)
    whole: Ints = (2 * np.abs(numerator) + below) // (2 * below)
    return np.sign(numerator) * whole


@dataclass(frozen=True)
class Rate:
    """The rate in use on each day: whole units of ``10**-digits`` from one currency into another."""

    source: str
    target: str
    first: int
    units: Ints
    digits: int

    def convert(self, minor: Ints, days: Ints, digits: int | None = None) -> Ints:
        """Minor units of ``source`` in minor units of ``target``, at each day's rate.

        ``digits`` are those of the given units where they are finer than the currency's own.
        """
        numerator = minor * self.units[days - self.first]
        power = DIGITS[self.target] - (DIGITS[self.source] if digits is None else digits) - self.digits
        if power >= 0:
            return numerator * np.int64(10**power)
        return divided(numerator, 10**-power)


def publish_rates(
    rng: np.random.Generator, tenant: Tenant, calendar: Calendar, book: Book
) -> dict[str, Rate]:
    """Let the market move, publish its rates, and return the rate in use per currency and day.

    Nothing is published at weekends and once for a longer holiday, so that the last rate stands for up to
    seven days; some rates are published late, some corrected afterwards.
    """
    first, days = calendar.first - 60, calendar.last - calendar.first + 61
    rates = {}
    for currency in tenant.currencies:
        pair = (currency, tenant.reporting)
        if currency == tenant.reporting:
            rates[currency] = Rate(*pair, first, np.ones(days, dtype=np.int64), 0)
            continue
        scale = 10.0 ** RATE_DIGITS[pair]
        walk = PAR[pair] * np.exp(np.cumsum(rng.normal(0, 0.004, days)))
        units = np.maximum(1, np.rint(walk * scale)).astype(np.int64)
        numbers = np.arange(first, first + days)
        published = (numbers + 3) % 7 < 5
        holiday = calendar.first + (calendar.last - calendar.first) // 2
        holiday -= (holiday + 3) % 7
        published[holiday + 1 - first : holiday + 8 - first] = False
        published[holiday - first] = published[holiday + 8 - first] = True
        in_use = np.maximum.accumulate(np.where(published, np.arange(days), 0))
        rates[currency] = Rate(*pair, first, units[in_use], RATE_DIGITS[pair])

        shown = np.flatnonzero(published)
        usual = np.maximum(numbers[shown] * DAY + 2 * HOUR, calendar.opens)
        settled = numbers[shown] < calendar.last - 9
        late = settled & (rng.random(len(shown)) < 0.05)
        available = usual + late * rng.integers(1, 6, len(shown)) * DAY
        wrong = settled & ~late & (rng.random(len(shown)) < 0.04)
        _write_rates(
            book,
            tenant,
            pair,
            days=numbers[shown],
            units=units[shown],
            available=np.where(wrong, NO, available),
        )
        off = units[shown] + np.maximum(1, units[shown] // 200)
        _write_rates(
            book, tenant, pair, days=numbers[shown], units=off, available=np.where(wrong, available, NO)
        )
        _write_rates(
            book,
            tenant,
            pair,
            days=numbers[shown],
            units=units[shown],
            available=np.where(wrong, available + 3 * DAY, NO),
        )
    return rates


NO = np.int64(-1)


def _write_rates(
    book: Book, tenant: Tenant, pair: tuple[str, str], *, days: Ints, units: Ints, available: Ints
) -> None:
    """Write the rates that have an instant of publication."""
    kept = available != NO
    book.write(
        "fx_rates",
        {
            "tenant_id": tenant.tenant_id,
            "from_currency": pair[0],
            "to_currency": pair[1],
            "rate_date": days[kept],
            "rate": Minor(units[kept], RATE_DIGITS[pair]),
            "updated_at": available[kept],
        },
        available[kept],
        "fx",
    )


@dataclass(frozen=True)
class Left:
    """What is left of orders, in minor units of the order's and of the reporting currency."""

    gross: Ints
    vat: Ints
    net: Ints
    commission: Ints


def left_of(gross: Ints, vat: Ints, reversed_: Ints, rate_bp: Ints) -> Left:
    """An order's measures once ``reversed_`` of its gross has been given back."""
    rest = gross - reversed_
    rest_vat = divided(vat * rest, np.maximum(gross, 1))
    net = rest - rest_vat
    return Left(rest, rest_vat, net, divided(rate_bp * np.maximum(net, 0), 10_000))


def vat_within(gross: Ints, vat_bp: int) -> Ints:
    """VAT contained in a gross amount at a rate in hundredths of a percent."""
    return divided(gross * vat_bp, 10_000 + vat_bp)


def converted(left: Left, currency: Ints, rates: list[Rate], days: Ints) -> Left:
    """``left`` in reporting currency at each order's own rate (currency is an index into ``rates``)."""
    gross, vat, commission = (np.zeros_like(left.gross) for _ in range(3))
    for index, rate in enumerate(rates):
        own: Bools = currency == index
        gross[own] = rate.convert(left.gross[own], days[own])
        vat[own] = rate.convert(left.vat[own], days[own])
        commission[own] = rate.convert(left.commission[own], days[own])
    return Left(gross, vat, gross - vat, commission)
