"""Made rows of forecasts: what customers, series and segments are expected to bring."""

import calendar
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tests.oracle.made import TENANT
from tests.oracle.rows import Row


def months(value: float = 1.0, **lists: list[float]) -> Row:
    """Return twelve equal months, but for the lists that are given."""
    twelve = {name: [value] * 12 for name in ("orders", "net_value", "low", "high")}
    return {**twelve, **lists}


def forecast(customer_id: str, as_of_date: str, net_value_12m: str = "120.00", **values: Any) -> Row:
    """Return what a customer is expected to bring after a day."""
    return {
        "tenant_id": TENANT, "as_of_date": as_of_date, "customer_id": customer_id, "model_version": "m1",
        "method": "blend", "reporting_currency": "USD", "alive_probability": "0.5", "orders_12m": "1.5",
        "net_value_12m": net_value_12m, "net_value_12m_low": "-5", "net_value_12m_high": "500",
        "segment": "medium", "months": months(), "forecast_at": f"{as_of_date}T20:00:00Z", **values,
    }  # fmt: skip


def series(as_of_date: str, month_no: int, starts_on: str, ends_on: str, **values: Any) -> Row:
    """Return a month of the tenant's own series."""
    return {
        "tenant_id": TENANT, "as_of_date": as_of_date, "series_type": "tenant", "series_key": TENANT,
        "month_no": month_no, "starts_on": starts_on, "ends_on": ends_on, "model_version": "m1",
        "customers": 3, "orders": "4.5", "net_value": "300.00", "net_value_low": "200.00",
        "net_value_high": "400.00", "forecast_at": f"{as_of_date}T20:00:00Z", **values,
    }  # fmt: skip


def segment(name: str, as_of_date: str, net_value_from: str | None, **values: Any) -> Row:
    """Return where a segment begins and what it is worth."""
    return {
        "tenant_id": TENANT, "as_of_date": as_of_date, "segment": name, "net_value_from": net_value_from,
        "customers": 1, "net_value_12m": "120.00", "model_version": "m1",
        "forecast_at": f"{as_of_date}T20:00:00Z", **values,
    }  # fmt: skip


def whole_series(
    as_of_date: str, customers: Iterable[tuple[str, str, str]], tenant_id: str = TENANT, **values: Any
) -> list[Row]:
    """Return all months of the series that customers add up to: the tenant's, their cohorts' and segments'.

    Each customer is cohort, segment and net value of the twelve months, which are equal but for the last.
    """
    worth: dict[tuple[str, str], list[Decimal]] = {}
    for cohort, name, net_value_12m in customers:
        for key in (("tenant", tenant_id), ("cohort", cohort), ("segment", name)):
            worth.setdefault(key, []).append(Decimal(net_value_12m))
    rows = []
    for (series_type, series_key), totals in worth.items():
        for month_no in range(1, 13):
            value = sum(_of_month(total, month_no) for total in totals)
            rows.append(
                series(
                    as_of_date, month_no, str(_after(as_of_date, month_no - 1) + timedelta(days=1)),
                    str(_after(as_of_date, month_no)), tenant_id=tenant_id, series_type=series_type,
                    series_key=series_key, customers=len(totals), orders=str(Decimal("0.125") * len(totals)),
                    net_value=str(value), net_value_low=str(value - 10), net_value_high=str(value + 10),
                    **values,
                )
            )  # fmt: skip
    return rows


def _of_month(total: Decimal, month_no: int) -> Decimal:
    each = (total / 12).quantize(Decimal("0.0001"), ROUND_DOWN)
    return each if month_no < 12 else total - 11 * each


def _after(day: str, months: int) -> date:
    """Return the day some months later, or the month's last where it has no such day."""
    start = date.fromisoformat(day)
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
