"""The marts as the definitions give them: feeds in, rows out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from tests.oracle.channels import daily_aggregates, hourly_aggregates
from tests.oracle.clicks import KNOWN_BOTS, judge_clicks
from tests.oracle.credit import Evidence
from tests.oracle.kols import customers_of, kol_days, kol_periods
from tests.oracle.money import ZERO, Amounts, Rates
from tests.oracle.orders import Order, UnlinkedRefund, read_orders
from tests.oracle.rows import FEEDS, FeedInput, Row, clean_rows, click_frame


@dataclass(frozen=True)
class Marts:
    """Expected rows by mart, and the tenants that a missing rate holds (they have no rows)."""

    tables: dict[str, list[Row]]
    held: dict[str, list[tuple[str, date, str]]]
    orders: list[Order]
    unlinked: list[UnlinkedRefund]


def compute(
    feeds: Mapping[str, FeedInput], as_of: Mapping[str, date], known_bots: Collection[str] = KNOWN_BOTS
) -> Marts:
    """Compute every mart from clean current rows.

    Args:
        feeds: feed -> current rows in contract columns, one per key, no tombstones; absent feeds are empty.
        as_of: tenant -> last day that its landed intervals cover.
        known_bots: parts of user agents of known bots, lower case.

    Returns:
        Tables ``tracked_orders``, ``money_events``, ``kol_roi``, ``kol_roi_monthly``, ``kol_roi_daily``,
        ``daily_aggregates`` and ``hourly_aggregates``, and the held tenants with the rates they wait for.
    """
    rows = {feed: clean_rows(feed, feeds.get(feed, [])) for feed in FEEDS if feed != "clicks"}
    tenants = {row["tenant_id"]: row for row in rows["tenants"]}
    zones = {tenant: row["time_zone"] for tenant, row in tenants.items()}
    clicks = judge_clicks(click_frame(feeds.get("clicks", [])), rows["tracking_tokens"], zones, known_bots)
    evidence = Evidence(
        clicks=clicks,
        orders=rows["orders"],
        tokens=rows["tracking_tokens"],
        contracts=rows["kol_contracts"],
        kols=rows["kols"],
        tenants=rows["tenants"],
    )
    rates = Rates.of(rows["fx_rates"])
    orders, unlinked = read_orders(rows, evidence, rates)
    customers = customers_of(orders, as_of)
    cells = kol_days(
        orders,
        clicks,
        rows["kol_contracts"],
        customers=customers,
        tenants=tenants,
        rates=rates,
        as_of=as_of,
    )
    named = {
        (row["tenant_id"], row["kol_id"])
        for feed in ("kols", "kol_contracts", "tracking_tokens")
        for row in rows[feed]
    }
    tables = {
        "tracked_orders": [tracked_order(order) for order in orders],
        "money_events": money_events(orders, unlinked),
        **kol_periods(cells, customers, tenants, named, as_of),
        "daily_aggregates": daily_aggregates(
            orders,
            unlinked,
            clicks,
            customers=customers,
            tenants=tenants,
            ad_spend=rows["ad_spend"],
            rates=rates,
        ),
        "hourly_aggregates": hourly_aggregates(orders, unlinked, clicks, customers, tenants),
    }
    held = dict(rates.missing)
    published = {
        name: [row for row in table if row["tenant_id"] not in held] for name, table in tables.items()
    }
    return Marts(published, held, orders, unlinked)


def tracked_order(order: Order) -> Row:
    """Return the row of an order; money is null where the order does not count."""
    outcome = order.credit
    row: Row = {
        "tenant_id": order.tenant_id,
        "source": order.source,
        "order_id": order.order_id,
        "is_in_store": order.is_in_store,
        "customer_key": order.customer_key,
        "kol_id": outcome.kol_id,
        "campaign_id": outcome.campaign_id,
        "token_id": outcome.token_id,
        "click_id": outcome.click_id,
        "contract_id": outcome.contract_id,
        "commission_rate": outcome.commission_rate,
        "matched_by": outcome.matched_by,
        "attributed_by_source": outcome.attributed_by_source,
        "is_credited": outcome.is_credited,
        "is_disputed": outcome.is_disputed,
        "not_credited_reason": outcome.reason,
        "exclusion_reason": order.exclusion_reason,
        "is_completed": order.counts,
        "channel": order.channel,
        "campaign": order.campaign,
        "ordered_at": order.ordered_at,
        "completed_at": order.completed_at,
        "completed_date": order.completed_date,
        "currency": order.currency,
        "discount": order.discount_amount,
        "fx_rate": order.fx,
    }
    completion = order.events[0].amounts if order.events else None
    total = sum((event.amounts for event in order.events), Amounts())
    for prefix in ("", "reporting_"):
        measures: dict[str, Any] = dict.fromkeys(
            ("gross", "vat", "net", "refunds", "revenue", "net_revenue", "commission")
        )
        if completion is not None:
            gross, left = getattr(completion, f"{prefix}gross"), getattr(total, f"{prefix}gross")
            measures = {
                "gross": gross,
                "vat": getattr(completion, f"{prefix}vat"),
                "net": getattr(completion, f"{prefix}net"),
                "refunds": gross - left,
                "revenue": left,
                "net_revenue": getattr(total, f"{prefix}net"),
                "commission": getattr(total, f"{prefix}commission"),
            }
        row |= {f"{prefix}{name}": amount for name, amount in measures.items()}
    return row


def money_events(orders: list[Order], unlinked: list[UnlinkedRefund]) -> list[Row]:
    """Return one row per money event, unlinked refunds with them."""
    rows = [
        {
            "tenant_id": order.tenant_id, "source": order.source, "order_id": order.order_id,
            "is_in_store": order.is_in_store, "kind": event.kind, "event_id": event.event_id,
            "event_at": event.at, **vars(event.amounts),
        }
        for order in orders
        for event in order.events
    ]  # fmt: skip
    return rows + [
        {
            "tenant_id": refund.tenant_id, "source": refund.source, "order_id": None, "is_in_store": None,
            "kind": "unlinked_refund", "event_id": refund.refund_id, "event_at": refund.at,
            **vars(refund.amounts),
        }
        for refund in unlinked
    ]  # fmt: skip


__all__ = ["ZERO", "Marts", "compute"]
