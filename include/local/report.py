"""What the local commands print at their end, read from the marts as anyone can read them."""

import sys
from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from include.local import stack
from include.local.airflow import LocalAirflow
from include.local.runs import TRANSFORM
from include.settings import Settings
from include.warehouse import Warehouse, connect

KOLS = """
select
    tenant_id as tenant, kol_name as kol, reporting_currency as currency, orders, round(revenue) as revenue,
    round(investment) as investment, round(roi_pct, 1) as "ROI %%", clicks, round(cr_pct, 2) as "CR %%",
    round(cpa, 2) as "CPA", new_customers as "new", round(ltv, 2) as "LTV",
    round(retention_30d_pct, 1) as "kept 30 d %%"
from marts.kol_roi
where orders > 0 or investment > 0
order by roi_pct desc nulls last, tenant_id, kol_id
limit %s
"""

FORECASTS = """
select
    tenant_id as tenant, max(method) as method, count(*) as customers,
    round(100 * avg(alive_probability), 1) as "still buying %", round(sum(orders_12m)) as "orders ahead",
    round(sum(net_value_12m)) as "net value ahead", max(reporting_currency) as currency,
    round(100 * sum(net_value_12m) filter (where segment = 'high') / nullif(sum(net_value_12m), 0), 1)
        as "% of it in segment high"
from marts.customer_lifetime_value
where is_newest
group by tenant_id
order by tenant_id
"""

BEST_KOLS = """
select
    tenant_id as tenant, kol_name as kol, reporting_currency as currency, new_customers as "new",
    round(ltv, 2) as "LTV so far", round(predicted_ltv, 2) as "LTV with 12 months ahead",
    round(roi_pct, 1) as "ROI %%"
from marts.kol_roi
where predicted_customers >= %s
order by tenant_id, predicted_ltv desc nulls last, kol_id
"""

BOOKS = """
with items as (
    select
        tenant_id, as_of_date, sum(items) as records,
        sum(items) filter (where state = 'matched') as matched,
        sum(items) filter (where state = 'timing') as timing,
        sum(items) filter (where state = 'explained') as explained,
        sum(items) filter (where is_open) as open
    from marts.reconciliation_summary
    group by tenant_id, as_of_date
),
balances as (
    select tenant_id, currency, sum(payable_amount) as payable, sum(held_amount) as held
    from marts.kol_balances
    group by tenant_id, currency
)
select
    items.tenant_id as tenant, items.as_of_date as "as of", records, coalesce(matched, 0) as matched,
    coalesce(timing, 0) as timing, coalesce(explained, 0) as explained, coalesce(open, 0) as open,
    balances.currency, balances.payable as "payable to KOLs", balances.held
from items
left join balances on items.tenant_id = balances.tenant_id
order by items.tenant_id, balances.currency
"""

BREAKS = """
select tenant_id as tenant, side, state, currency, sum(items) as records, sum(amount) as amount
from marts.reconciliation_summary
where is_open
group by tenant_id, side, state, currency
order by tenant_id, side, state, currency
"""

LOADS = """
select
    feed, sum(rows_read) as read, sum(rows_loaded) as loaded, sum(rows_quarantined) as quarantined,
    sum(rows_unchanged) as unchanged, sum(rows_conflicting) as conflicting
from ops.loads
group by feed
order by feed
"""

DAILY_REVENUE = """
select
    activity_date as day, sum(orders) as orders, sum(gross) as gross, sum(refunds) as refunds,
    sum(revenue) as revenue, sum(new_customers) as "new customers"
from marts.daily_aggregates
where tenant_id = %s
group by activity_date
having sum(orders) <> 0 or sum(gross) <> 0 or sum(refunds) <> 0
order by activity_date
"""

MARTS = """
select relname::text
from pg_class
where relnamespace = 'marts'::regnamespace and relkind in ('r', 'v', 'm', 'p')
order by relname
"""

SHOWN_KOLS = 50
FEW = 20
"""Customers below which their average says little of a KOL."""


def print_outcome(settings: Settings, airflow: LocalAirflow) -> None:
    """Print what was loaded, the marts' sizes, the KOL comparison, the gates' answer and the addresses."""
    with connect("transformer", settings) as warehouse:
        _print(
            warehouse, "What was loaded (rows read = loaded + quarantined + unchanged + conflicting)", LOADS
        )
        _print_marts(warehouse)
        _print(warehouse, f"{SHOWN_KOLS} KOLs by ROI on completed orders", KOLS, SHOWN_KOLS)
    print_gates(airflow)
    print_addresses(settings, airflow)
    print("go on      make forecasts (what each customer will be worth), make finance (is the money there?)")


def print_forecasts(settings: Settings) -> None:
    """Print what each tenant's customers are expected to bring, and those of the KOLs."""
    with connect("transformer", settings) as warehouse:
        _print(warehouse, "What customers will bring in 12 months", FORECASTS)
        _print(warehouse, f"KOLs of {FEW} new customers and more, by what one is worth", BEST_KOLS, FEW)


def print_finance(settings: Settings, packs: Sequence[tuple[str, str]]) -> None:
    """Print each tenant's books, what is open, and where its finance pack is: pairs of tenant and place."""
    with connect("transformer", settings) as warehouse:
        _print(warehouse, "The books", BOOKS)
        _print(warehouse, "What is open, and waits for a word of finance", BREAKS)
    for tenant, place in packs:
        print(f"finance pack of {tenant}: {place}")


def print_daily_revenue(settings: Settings, airflow: LocalAirflow, tenant: str) -> None:
    """Print one tenant's orders and money by day."""
    with connect("transformer", settings) as warehouse:
        _print(warehouse, "What was loaded", LOADS)
        _print(warehouse, f"Daily revenue of {tenant}", DAILY_REVENUE, tenant)
    print_gates(airflow)


def print_gates(airflow: LocalAirflow) -> None:
    """Print how each step of the last transform run ended, the quality gates among them."""
    last = airflow.api().runs(TRANSFORM, limit=1)[0]["dag_run_id"]
    tasks = airflow.api().tasks(TRANSFORM, last)
    steps = sorted((task for task in tasks if task["start_date"]), key=lambda task: str(task["start_date"]))
    said = (f"{task['task_id']} {task['state']} ({task['duration']:.0f} s)" for task in steps)
    print(f"last transform run: {', '.join(said)}")


def print_addresses(settings: Settings, airflow: LocalAirflow) -> None:
    """Print where to go on: Airflow's pages, the warehouse, the commands."""
    place = f"{settings.warehouse_host}:{settings.warehouse_port}/{settings.warehouse_database}"
    print(f"\nAirflow    {stack.describe(airflow)}")
    print(f"warehouse  {place}  (make psql; roles and passwords in {settings.home / 'local.env'})")
    print("stop       make stop")


def _print_marts(warehouse: Warehouse) -> None:
    grid = Table("mart", "rows", title="Marts")
    for (name,) in warehouse.rows(MARTS):
        grid.add_row(name, f"{warehouse.value(f'select count(*) from marts.{name}'):,}")
    _console().print(grid)


def _print(warehouse: Warehouse, title: str, query: str, *params: object) -> None:
    rows = warehouse.query(query, list(params) or None)
    if not rows.num_rows:
        print(f"{title}: nothing yet")
        return
    grid = Table(title=title)
    for field in rows.schema:
        grid.add_column(field.name, justify="left" if str(field.type) == "string" else "right")
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        grid.add_row(*(cell_text(value) for value in row))
    _console().print(grid)


def cell_text(value: object) -> str:
    """Return a value as a cell of a printed table shows it: money to the cent at most, a missing one as -."""
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        places = min(max(-int(value.as_tuple().exponent), 0), 2)
        return f"{value:,.{places}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _console() -> Console:
    return Console(file=sys.stdout, markup=False, width=None if sys.stdout.isatty() else 170)
