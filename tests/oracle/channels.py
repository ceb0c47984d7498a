"""Channel figures: daily and hourly aggregates per tenant, channel and campaign."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import pandas as pd

from tests.oracle.clicks import NO_CAMPAIGN
from tests.oracle.kols import Customer, ratio
from tests.oracle.money import ZERO, Rates, round_money
from tests.oracle.orders import Order, UnlinkedRefund
from tests.oracle.rows import Row, local_day, local_hour

SHOP_MEASURES = (
    "clicks", "bot_clicks", "refused_clicks", "sessions", "orders", "gross", "refunds", "revenue",
    "net_revenue",
    "new_customers",
)  # fmt: skip
AD_MEASURES = ("impressions", "ad_clicks", "spend")

Key = tuple[str, str, str, Any]
"""Tenant, channel, campaign, and day or hour."""


def shop_cells(
    orders: Iterable[Order],
    unlinked: Iterable[UnlinkedRefund],
    clicks: pd.DataFrame,
    *,
    customers: Mapping[tuple[str, str], Customer],
    tenants: Mapping[str, Row],
    bucket: Callable[[datetime, str], date | datetime],
    click_bucket: str,
    measures: tuple[str, ...],
) -> dict[Key, dict[str, Decimal]]:
    """Return clicks, sessions, orders and money per channel, campaign and bucket of time.

    Args:
        orders: all orders; those that do not count are passed over.
        unlinked: refunds without a known order.
        clicks: judged clicks.
        customers: customers with their orders.
        tenants: settings by tenant.
        bucket: (instant, zone) -> day or hour.
        click_bucket: column of ``clicks`` with the same bucket.
        measures: names that each cell starts with at zero.
    """
    cells: dict[Key, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(measures, ZERO))

    def book(key: Key, kind: str, reporting_gross: Decimal, reporting_net: Decimal) -> None:
        if kind == "completion":
            cells[key]["gross"] += reporting_gross
        else:
            cells[key]["refunds"] -= reporting_gross
        cells[key]["revenue"] += reporting_gross
        cells[key]["net_revenue"] += reporting_net

    for order in orders:
        if not order.counts or not order.events:
            continue
        zone = tenants[order.tenant_id]["time_zone"]
        place = (order.tenant_id, order.channel, order.campaign)
        assert order.completed_at is not None
        cells[*place, bucket(order.completed_at, zone)]["orders"] += 1
        for event in order.events:
            amounts = event.amounts
            book((*place, bucket(event.at, zone)), event.kind, amounts.reporting_gross, amounts.reporting_net)
    for refund in unlinked:
        moment = bucket(refund.at, tenants[refund.tenant_id]["time_zone"])
        book(
            (refund.tenant_id, "unlinked", NO_CAMPAIGN, moment),
            "refund",
            refund.amounts.reporting_gross,
            refund.amounts.reporting_net,
        )
    for (tenant, _), customer in customers.items():
        first = customer.first
        if first.completed_at is not None and first.events:
            moment = bucket(first.completed_at, tenants[tenant]["time_zone"])
            cells[tenant, first.channel, first.campaign, moment]["new_customers"] += 1

    grain = ["tenant_id", "channel", "campaign", click_bucket]
    names = {"valid": "clicks", "bot": "bot_clicks", "refused": "refused_clicks"}
    for group, count in clicks.groupby([*grain, "verdict"]).size().items():
        tenant, channel, campaign, clicked, verdict = cast("tuple[str, str, str, Any, str]", group)
        cells[tenant, channel, campaign, plain(clicked)][names[verdict]] += int(count)
    for group, count in sessions_of(clicks).groupby(grain).size().items():
        tenant, channel, campaign, clicked = cast("tuple[str, str, str, Any]", group)
        cells[tenant, channel, campaign, plain(clicked)]["sessions"] += int(count)
    return dict(cells)


def sessions_of(clicks: pd.DataFrame) -> pd.DataFrame:
    """Return the first valid click of each visitor per tenant, channel, campaign, KOL and tenant's day."""
    visits = clicks[(clicks["verdict"] == "valid") & clicks["visitor_id"].notna()]
    return visits.sort_values("clicked_at").drop_duplicates(
        ["tenant_id", "channel", "campaign", "kol_id", "click_date", "visitor_id"]
    )


def plain(moment: Any) -> Any:
    """Return a plain datetime for a pandas timestamp; days pass."""
    return moment.to_pydatetime() if isinstance(moment, pd.Timestamp) else moment


def daily_aggregates(
    orders: Iterable[Order],
    unlinked: Iterable[UnlinkedRefund],
    clicks: pd.DataFrame,
    *,
    customers: Mapping[tuple[str, str], Customer],
    tenants: Mapping[str, Row],
    ad_spend: Iterable[Row],
    rates: Rates,
) -> list[Row]:
    """Return one row per tenant, channel, campaign and day."""
    measures = (*AD_MEASURES, *SHOP_MEASURES)
    cells = defaultdict(
        lambda: dict.fromkeys(measures, ZERO),
        shop_cells(
            orders,
            unlinked,
            clicks,
            customers=customers,
            tenants=tenants,
            bucket=local_day,
            click_bucket="click_date",
            measures=measures,
        ),
    )
    foreign: set[Key] = set()
    for row in ad_spend:
        tenant = tenants[row["tenant_id"]]
        key = (
            row["tenant_id"],
            row["platform"],
            row["campaign_id"],
            row["spend_date"],
        )
        cell = cells[key]
        cell["impressions"] += row["impressions"]
        cell["ad_clicks"] += row["clicks"]
        if row["account_time_zone"] != tenant["time_zone"]:
            foreign.add(key)
        if row["spend"]:
            what = f"ad spend of {row['platform']} account {row['account_id']}"
            reporting = tenant["reporting_currency"]
            fx = rates.rate(row["tenant_id"], row["currency"], reporting, row["spend_date"], what)
            if fx is not None:
                cell["spend"] += round_money(Fraction(row["spend"]) * Fraction(fx), reporting)
    return [
        {
            "tenant_id": key[0], "channel": key[1], "campaign": key[2], "date": key[3],
            **cell,
            "ctr": ratio(cell["ad_clicks"], cell["impressions"]),
            "cpc": ratio(cell["spend"], cell["ad_clicks"]),
            "cpm": ratio(cell["spend"], cell["impressions"], 1000),
            "cpa": ratio(cell["spend"], cell["new_customers"]),
            "roas": ratio(cell["revenue"], cell["spend"]),
            "is_foreign_day": key in foreign,
        }
        for key, cell in sorted(cells.items())
    ]  # fmt: skip


def hourly_aggregates(
    orders: Iterable[Order],
    unlinked: Iterable[UnlinkedRefund],
    clicks: pd.DataFrame,
    customers: Mapping[tuple[str, str], Customer],
    tenants: Mapping[str, Row],
) -> list[Row]:
    """Return one row per tenant, channel, campaign and local hour, keyed by the hour's UTC start."""
    cells = shop_cells(
        orders,
        unlinked,
        clicks,
        customers=customers,
        tenants=tenants,
        bucket=local_hour,
        click_bucket="hour_at",
        measures=SHOP_MEASURES,
    )
    return [
        {"tenant_id": key[0], "channel": key[1], "campaign": key[2], "hour_at": key[3], **cell}
        for key, cell in sorted(cells.items())
    ]
