"""A shop whose customers buy as the models assume, in tables of the shape that forecasts read."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from include.settings import Settings
from include.warehouse import connect

LAST = date(2026, 6, 30)
TABLES = """
    create table if not exists intermediate.int_tenants__published (
        tenant_id text, country_code text, reporting_currency text, as_of_date date
    );
    create table if not exists intermediate.int_orders__events (
        tenant_id text, customer_id text, event_date date, event_type text, channel text,
        reporting_net_amount numeric
    );
    create table if not exists intermediate.int_products__purchases (
        tenant_id text, customer_id text, product_id text, first_bought_date date
    );
    create table if not exists intermediate.int_products__catalogue (
        tenant_id text, product_id text, category text
    );
"""
EVENTS = ("tenant_id", "customer_id", "event_date", "event_type", "channel", "reporting_net_amount")


def open_shop(settings: Settings, tenant_id: str, *, as_of: date = LAST) -> None:
    """Make a tenant known as of a day."""
    with connect("transformer", settings) as warehouse:
        warehouse.execute(TABLES)
        warehouse.execute("delete from intermediate.int_tenants__published where tenant_id = %s", [tenant_id])
        warehouse.execute(
            "insert into intermediate.int_tenants__published values (%s, 'VN', 'USD', %s)", [tenant_id, as_of]
        )


def buy(settings: Settings, tenant_id: str, rows: pa.Table) -> None:
    """Add events of a tenant."""
    with connect("transformer", settings) as warehouse:
        warehouse.bulk_load("intermediate.int_orders__events", EVENTS, rows)


def purchases(tenant_id: str, customers: int, days: int, seed: int = 0, *, since: int = 0) -> pa.Table:
    """Return events of customers who come over time, buy as Poisson processes and leave; some send back.

    Args:
        tenant_id: whose they are.
        customers: how many.
        days: of the history, which ends with ``LAST``.
        seed: of the draws.
        since: days of it that are left out at the beginning.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, date, str, str, str]] = []
    first = LAST - timedelta(days=days - 1)
    for number in range(customers):
        begins = int(rng.integers(0, days))
        rate, lives = rng.gamma(1.0, 1 / 40), rng.exponential(250)
        worth = rng.lognormal(3.5, 0.4)
        count = rng.poisson(rate * min(days - begins, lives))
        times = begins + np.sort(rng.integers(0, max(1, int(min(days - begins, lives))), count))
        for time in (begins, *times.tolist()):
            if time < since:
                continue
            day, amount = first + timedelta(days=int(time)), round(worth * rng.lognormal(0, 0.3), 2)
            channel = "kol" if number % 3 else "store"
            rows.append((tenant_id, f"shop:{number:05}", day, "completion", channel, f"{amount:.2f}"))
            if rng.random() < 0.05 and day < LAST:
                back = (
                    tenant_id,
                    f"shop:{number:05}",
                    day + timedelta(days=1),
                    "refund",
                    channel,
                    f"{-amount:.2f}",
                )
                rows.append(back)
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(EVENTS)})
