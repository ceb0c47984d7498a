"""Whether what came is what was forecast a month ago; the former champion returns where it is not."""

from datetime import timedelta
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from include.clv import warehouse as store
from include.clv.warehouse import EPOCH, History, Packed, Tenant
from include.warehouse import Warehouse

FAR = 3.0
"""How often the reach of the 80 % interval lies between forecast and truth before a month is far off."""

_NEWEST = """
    select as_of_date, model_version, net_value, net_value_low, net_value_high, ends_on
    from clv.series_forecasts
    where tenant_id = %s and series_type = 'tenant' and month_no = 1 and ends_on <= %s
    order by as_of_date desc limit 1
"""


def check(loader: Warehouse, transformer: Warehouse, tenant: Tenant) -> str | None:
    """Hold the newest forecast whose first month is over against what came.

    Returns:
        ``fine``, ``drift`` or ``fell back`` (to the former champion); None where no forecast is a month old,
        or this one was checked.
    """
    rows = loader.rows(_NEWEST, [tenant.tenant_id, tenant.as_of])
    if not rows:
        return None
    as_of, version, said, low, high, until = rows[0]
    done = "select 1 from clv.drift_checks where tenant_id = %s and as_of_date = %s and model_version = %s"
    if loader.rows(done, [tenant.tenant_id, as_of, version]):
        return None
    history = store.read(transformer, tenant)
    came = came_of(history, (as_of - EPOCH).days, (until - EPOCH).days)
    reach = float(high - said if came > said else said - low)
    off = abs(came - float(said)) / max(reach, 1e-9)
    verdict = "fine"
    if off > FAR:
        verdict = "fell back" if _fall_back(loader, tenant, history, (as_of - EPOCH).days, came) else "drift"
    measured = {"said": float(said), "low": float(low), "high": float(high), "came": came, "reaches": off}
    loader.execute(
        "insert into clv.drift_checks (tenant_id, model_version, as_of_date, measured, verdict)"
        " values (%s, %s, %s, %s, %s)",
        [tenant.tenant_id, version, as_of, Jsonb(measured), verdict],
    )
    return verdict


def came_of(history: History, day: int, until: int) -> float:
    """Return the net value that customers known on a day brought after it, up to another day."""
    orders = history.orders
    known = np.zeros(len(history.customers), dtype=bool)
    known[orders.customer[(orders.day <= day) & (orders.placed > 0)]] = True
    later = (orders.day > day) & (orders.day <= until) & known[orders.customer]
    return float(orders.value[later].sum())


def _fall_back(loader: Warehouse, tenant: Tenant, history: History, day: int, came: float) -> bool:
    """Let the former champion return if it would have been nearer; say whether it did."""
    former, present = store.former(loader, tenant.tenant_id), store.champion(loader, tenant.tenant_id)
    if (
        former is None
        or present is None
        or _miss(former[1], history, day, came) >= _miss(present[1], history, day, came)
    ):
        return False
    store.rollback(
        loader, tenant.tenant_id, f"the month after {EPOCH + timedelta(days=day)} departed far from it"
    )
    return True


def _miss(packed: Packed, history: History, day: int, came: float) -> float:
    said: Any = packed.forecast(history, day, 1).value.sum()
    return abs(float(said) - came)
