"""Which months of a tenant are closed, and from which day on it may be booked."""

import calendar
import re
from datetime import date, timedelta

from include.feeds.decision import turn
from include.settings import Settings
from include.warehouse import connect, load_contracts

CLOSES = "period_closes"
SOURCE = "sokol_close"

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def first_day(month: str) -> date:
    """Return the first day of a month that is written as ``YYYY-MM``.

    Raises:
        ValueError: it is written in another way.
    """
    if not _MONTH.fullmatch(month):
        raise ValueError(f"month {month!r} is not written as YYYY-MM, such as 2026-03")
    return date(int(month[:4]), int(month[5:]), 1)


def last_day(month: str) -> date:
    """Return the last day of a month; raises as ``first_day``."""
    first = first_day(month)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def month_of(day: date) -> str:
    """Return the month of a day as ``YYYY-MM``."""
    return f"{day:%Y-%m}"


def open_from(settings: Settings, tenant_id: str) -> date:
    """Return a tenant's first open day: that after its last closed month, the first of days without one.

    A close that was landed by somebody who was killed then is loaded first: it stands.
    """
    folder = f"{tenant_id}/{SOURCE}"
    with connect("loader", settings) as loader, turn(loader, load_contracts()[CLOSES], folder, settings):
        month = loader.value(f"select max(month) from raw.{CLOSES} where tenant_id = %s", [tenant_id])
    return date.min if month is None else last_day(month) + timedelta(days=1)
