"""Made rows of forecasts: what customers, series and segments are expected to bring."""

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
