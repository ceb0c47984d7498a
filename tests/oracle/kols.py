"""KOL figures: what each KOL brought and cost, per day, month and in all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import cast

import pandas as pd

from tests.oracle.money import ZERO, Rates, fee_days, round_half_away, round_money
from tests.oracle.orders import Order
from tests.oracle.rows import Row, local_day

ADDITIVE = (
    "orders", "gross", "refunds", "revenue", "net_revenue", "commission", "fixed_fees", "platform_fees",
    "goods",
    "investment", "clicks", "bot_clicks", "refused_clicks", "source_orders", "source_revenue",
    "new_customers",
)  # fmt: skip
RETENTION_DAYS = 30


def ratio(
    numerator: Decimal | int | None, denominator: Decimal | int | None, scale: int = 1
) -> Decimal | None:
    """Return numerator / denominator × scale rounded to 4 decimals; None without a denominator."""
    if numerator is None or not denominator:
        return None
    return round_half_away(Fraction(numerator) / Fraction(denominator) * scale, 4)


@dataclass
class Customer:
    """The completed orders of one customer up to the as-of day, first one first."""

    orders: list[Order] = field(default_factory=list)

    @property
    def first(self) -> Order:
        """The first completed order ever."""
        return self.orders[0]

    @property
    def first_day(self) -> date:
        """The tenant's day of the first order."""
        day = self.first.completed_date
        assert day is not None
        return day


@dataclass(frozen=True)
class Value:
    """Lifetime value of a group of customers, with its four factors."""

    ltv: Decimal | None
    aov: Decimal | None
    frequency: Decimal | None
    churn: Decimal | None
    retention_30d: Decimal | None


def customers_of(orders: Iterable[Order], as_of: Mapping[str, date]) -> dict[tuple[str, str], Customer]:
    """Return the customers of all tenants with their completed orders up to the as-of day."""
    customers: dict[tuple[str, str], Customer] = defaultdict(Customer)
    completed = [(o.completed_at, o.source, o.order_id, o) for o in orders if o.completed_at is not None]
    for _, _, _, order in sorted(completed, key=lambda item: item[:3]):
        if order.customer_key and (order.completed_date or date.max) <= as_of[order.tenant_id]:
            customers[order.tenant_id, order.customer_key].orders.append(order)
    return dict(customers)


def value_of(customers: Sequence[Customer], tenant: Row, as_of: date) -> Value:
    """Return lifetime value and retention of a group of customers of one tenant."""
    window = tenant["churn_window_days"]
    net_revenue, order_count = ZERO, 0
    orders_in_passed = passed_windows = active = churned = 0
    old_enough = returned = 0
    for customer in customers:
        first_day = customer.first_day
        days = [order.completed_date for order in customer.orders if order.completed_date is not None]
        order_count += len(customer.orders)
        for order in customer.orders:
            net_revenue += sum(
                (
                    event.amounts.reporting_net
                    for event in order.events
                    if local_day(event.at, tenant["time_zone"]) <= as_of
                ),
                ZERO,
            )
        counts: dict[int, int] = defaultdict(int)
        for day in days:
            counts[(day - first_day).days // window] += 1
        # window k has passed when first_day + (k + 1) * window - 1 <= as_of
        passed = ((as_of - first_day).days + 1) // window
        passed_windows += passed
        orders_in_passed += sum(counts[k] for k in range(passed))
        for k in range(passed - 1):
            if counts[k]:
                active += 1
                churned += not counts[k + 1]
        if first_day + timedelta(days=RETENTION_DAYS) <= as_of:
            old_enough += 1
            returned += any(
                other.completed_at > customer.first.completed_at  # type: ignore[operator]
                and other.completed_date <= first_day + timedelta(days=RETENTION_DAYS)  # type: ignore[operator]
                for other in customer.orders[1:]
            )
    ltv = None
    if order_count and passed_windows and churned:
        aov = Fraction(net_revenue) / order_count
        frequency = Fraction(orders_in_passed, passed_windows)
        churn = Fraction(churned, active)
        ltv = round_half_away(aov * frequency * Fraction(tenant["gross_margin"]) / churn, 4)
    return Value(
        ltv=ltv,
        aov=ratio(net_revenue, order_count),
        frequency=ratio(orders_in_passed, passed_windows),
        churn=ratio(churned, active),
        retention_30d=ratio(100 * returned, old_enough),
    )


Cell = dict[str, Decimal]
Cells = dict[tuple[str, str, date], Cell]
"""(tenant, KOL, day) -> additive measures."""


def kol_days(
    orders: Iterable[Order],
    clicks: pd.DataFrame,
    contracts: Iterable[Row],
    *,
    customers: Mapping[tuple[str, str], Customer],
    tenants: Mapping[str, Row],
    rates: Rates,
    as_of: Mapping[str, date],
) -> Cells:
    """Return the additive measures per KOL and day, days up to the as-of day only."""
    cells: Cells = defaultdict(lambda: dict.fromkeys(ADDITIVE, ZERO))

    def add(tenant: str, kol_id: str, day: date, measure: str, amount: Decimal | int) -> None:
        if day <= as_of[tenant]:
            cells[tenant, kol_id, day][measure] += amount

    for order in orders:
        kol_id = order.credit.kol_id
        if not order.counts or kol_id is None or not order.events:
            continue
        tenant = order.tenant_id
        assert order.completed_date is not None
        is_credited = order.credit.is_credited
        add(tenant, kol_id, order.completed_date, "orders" if is_credited else "source_orders", 1)
        for event in order.events:
            day = local_day(event.at, tenants[tenant]["time_zone"])
            amounts = event.amounts
            if not is_credited:
                add(tenant, kol_id, day, "source_revenue", amounts.reporting_gross)
            else:
                if event.kind == "completion":
                    add(tenant, kol_id, day, "gross", amounts.reporting_gross)
                else:
                    add(tenant, kol_id, day, "refunds", -amounts.reporting_gross)
                add(tenant, kol_id, day, "revenue", amounts.reporting_gross)
                add(tenant, kol_id, day, "net_revenue", amounts.reporting_net)
                add(tenant, kol_id, day, "commission", amounts.reporting_commission)
                add(tenant, kol_id, day, "investment", amounts.reporting_commission)

    for (tenant, _), customer in customers.items():
        outcome = customer.first.credit
        if outcome.is_credited and outcome.kol_id is not None:
            add(tenant, outcome.kol_id, customer.first_day, "new_customers", 1)

    names = {"valid": "clicks", "bot": "bot_clicks", "refused": "refused_clicks"}
    owned = clicks[clicks["is_token_known"]]
    for key, count in owned.groupby(["tenant_id", "kol_id", "click_date", "verdict"]).size().items():
        click_tenant, kol, click_day, verdict = cast("tuple[str, str, date, str]", key)
        add(click_tenant, kol, click_day, names[verdict], int(count))

    for contract in contracts:
        for measure, day, amount in costs_of(contract, tenants[contract["tenant_id"]], rates, as_of):
            add(contract["tenant_id"], contract["kol_id"], day, measure, amount)
            add(contract["tenant_id"], contract["kol_id"], day, "investment", amount)
    return dict(cells)


def costs_of(
    contract: Row, tenant: Row, rates: Rates, as_of: Mapping[str, date]
) -> Iterable[tuple[str, date, Decimal]]:
    """Give (measure, day, amount in reporting currency) of a contract up to the as-of day."""
    currency, reporting = contract["currency"], tenant["reporting_currency"]
    starts_on, ends_on = contract["starts_on"], contract["ends_on"]
    booked = [
        (measure, day, amount)
        for measure, fee in (("fixed_fees", "fixed_fee"), ("platform_fees", "platform_fee"))
        for day, amount in fee_days(contract[fee], starts_on, ends_on, currency)
    ]
    booked.append(("goods", starts_on, contract["goods_cost"]))
    for measure, day, amount in booked:
        if day > as_of[tenant["tenant_id"]] or not amount:
            continue
        what = f"{measure} of contract {contract['contract_id']}"
        fx = rates.rate(tenant["tenant_id"], currency, reporting, day, what)
        if fx is not None:
            yield measure, day, round_money(Fraction(amount) * Fraction(fx), reporting)


def with_ratios(cell: Cell, gross_margin: Decimal, value: Value) -> Row:
    """Return a period's measures with its ratios."""
    investment, revenue, net = cell["investment"], cell["revenue"], cell["net_revenue"]
    contribution = Fraction(net) * Fraction(gross_margin)
    roi_contribution = None
    if investment:
        roi_contribution = round_half_away(
            (contribution - Fraction(investment)) / Fraction(investment) * 100, 4
        )
    return {
        **cell,
        "roi_pct": ratio(revenue - investment, investment, 100),
        "roi_net_pct": ratio(net - investment, investment, 100),
        "roi_contribution_pct": roi_contribution,
        "cr_pct": ratio(cell["orders"], cell["clicks"], 100),
        "cpa": ratio(investment, cell["new_customers"]),
        **vars(value),
    }


def kol_periods(
    cells: Cells,
    customers: Mapping[tuple[str, str], Customer],
    tenants: Mapping[str, Row],
    kols: Iterable[tuple[str, str]],
    as_of: Mapping[str, date],
) -> dict[str, list[Row]]:
    """Return ``kol_roi``, ``kol_roi_monthly`` and ``kol_roi_daily``.

    Args:
        cells: additive measures per day.
        customers: customers with their orders.
        tenants: settings by tenant.
        kols: (tenant, KOL) that any feed names; each has a row in ``kol_roi`` even without any figure.
        as_of: last day per tenant.
    """
    brought: dict[tuple[str, str], list[Customer]] = defaultdict(list)
    for (tenant, _), customer in customers.items():
        outcome = customer.first.credit
        if outcome.is_credited and outcome.kol_id is not None:
            brought[tenant, outcome.kol_id].append(customer)

    def period(name: str, start: str, keep_all: bool) -> list[Row]:
        sums: dict[tuple[str, str, date | None], Cell] = defaultdict(lambda: dict.fromkeys(ADDITIVE, ZERO))
        groups: dict[tuple[str, str, date | None], list[Customer]] = defaultdict(list)
        if keep_all:
            for tenant, kol_id in kols:
                sums[tenant, kol_id, None]
        for (tenant, kol_id, day), cell in cells.items():
            into = sums[tenant, kol_id, period_start(day, start)]
            for measure, amount in cell.items():
                into[measure] += amount
        for (tenant, kol_id), group in brought.items():
            for customer in group:
                groups[tenant, kol_id, period_start(customer.first_day, start)].append(customer)
        rows = []
        for tenant, kol_id, begins in sorted(sums, key=lambda key: (key[0], key[1], str(key[2]))):
            cell = sums[tenant, kol_id, begins]
            value = value_of(groups.get((tenant, kol_id, begins), []), tenants[tenant], as_of[tenant])
            head: Row = {"tenant_id": tenant, "kol_id": kol_id}
            if begins is not None:
                head[name] = begins
            rows.append({**head, **with_ratios(cell, tenants[tenant]["gross_margin"], value)})
        return rows

    return {
        "kol_roi": period("", "all", keep_all=True),
        "kol_roi_monthly": period("month", "month", keep_all=False),
        "kol_roi_daily": period("date", "day", keep_all=False),
    }


def period_start(day: date, length: str) -> date | None:
    """Return the first day of the day's period; None for the total."""
    if length == "all":
        return None
    return day.replace(day=1) if length == "month" else day
