"""The warehouse as the oracle sees it: raw feeds in, marts to compare; names of columns stand here only."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa

from tests.oracle.compare import Difference, Shape, compare
from tests.oracle.marts import Marts
from tests.oracle.rows import FEEDS, Row, contract

OF_DECISIONS = (
    "clv_forecasts",
    "clv_segments",
    "clv_series",
    "customer_map",
    "finance_explanations",
    "finance_rules",
    "fraud_reviews",
    "identity_overrides",
    "identity_runs",
    "journal_entries",
    "kol_invoices",
    "ledger_entries",
    "period_closes",
)


class Queryable(Protocol):
    """What the oracle asks of a warehouse connection."""

    def query(self, sql: str) -> pa.Table:
        """Return the result of a select."""


def same(*names: str) -> dict[str, str]:
    """Return columns that have the same name on both sides."""
    return {name: name for name in names}


KOL_MEASURES = same(
    "orders", "gross", "refunds", "revenue", "net_revenue", "commission", "fixed_fees", "platform_fees",
    "goods",
    "investment", "clicks", "bot_clicks", "refused_clicks", "source_orders", "source_revenue",
    "new_customers",
    "roi_pct", "roi_net_pct", "roi_contribution_pct", "cr_pct", "cpa", "ltv",
) | {"retention_30d": "retention_30d_pct"}  # fmt: skip
CHANNEL_MEASURES = same(
    "clicks", "bot_clicks", "refused_clicks", "sessions", "orders", "gross", "refunds", "revenue",
    "net_revenue",
    "new_customers",
)  # fmt: skip
ORDER_MONEY = {
    "refunds": "refund_amount", "net_revenue": "net_revenue_amount", "commission": "commission_amount",
    "reporting_gross": "reporting_gross_amount", "reporting_refunds": "reporting_refund_amount",
    "reporting_revenue": "reporting_revenue_amount",
    "reporting_net_revenue": "reporting_net_revenue_amount",
    "reporting_commission": "reporting_commission_amount",
}  # fmt: skip
SHAPES = {
    "tracked_orders": Shape(
        "marts.tracked_orders",
        same("tenant_id", "source", "order_id"),
        same(
            "kol_id", "campaign_id", "token_id", "matched_by", "is_disputed", "not_credited_reason",
            "exclusion_reason", "ordered_at", "completed_at", "completed_date", "currency",
        )
        | {"customer_key": "customer_id"}
        | ORDER_MONEY,
    ),
    "kol_roi": Shape("marts.kol_roi", same("tenant_id", "kol_id"), KOL_MEASURES),
    "kol_roi_monthly": Shape(
        "marts.kol_roi_monthly",
        same("tenant_id", "kol_id") | {"month": "activity_month"},
        KOL_MEASURES,
        sparse=True,
    ),
    "kol_roi_daily": Shape(
        "marts.kol_roi_daily",
        same("tenant_id", "kol_id") | {"date": "activity_date"},
        KOL_MEASURES,
        sparse=True,
    ),
    "daily_aggregates": Shape(
        "marts.daily_aggregates",
        same("tenant_id", "channel") | {"campaign": "campaign_id", "date": "activity_date"},
        CHANNEL_MEASURES
        | same("impressions", "ad_clicks", "spend", "ctr", "cpc", "cpm", "cpa", "roas", "is_foreign_day"),
        sparse=True,
    ),
    "hourly_aggregates": Shape(
        "marts.hourly_aggregates",
        same("tenant_id", "channel") | {"campaign": "campaign_id", "hour_at": "hour_start_at"},
        CHANNEL_MEASURES,
        sparse=True,
    ),
}  # fmt: skip


def feeds_from_warehouse(warehouse: Queryable, feeds: Iterable[str] = FEEDS) -> dict[str, pa.Table]:
    """Return the current rows of each feed from ``raw``, tombstones left out, numbers as text (exact)."""
    tables = {}
    for feed in feeds:
        spec = contract(feed)
        columns = ", ".join(
            f'"{name}"::text as "{name}"' if kind.startswith("numeric") else f'"{name}"'
            for name, kind in spec.types.items()
        )
        kept = "" if feed == "clicks" else "where not _deleted"
        tables[feed] = warehouse.query(f"select {columns} from raw.{feed} {kept}")
    return tables


def mart_rows(warehouse: Queryable, shape: Shape) -> list[Row]:
    """Return a mart's compared columns, numbers exact."""
    schema, table = shape.table.split(".")
    types = {
        row["column_name"]: row["data_type"]
        for row in warehouse.query(
            "select column_name::text as column_name, data_type::text as data_type "
            f"from information_schema.columns where table_schema = '{schema}' and table_name = '{table}'"
        ).to_pylist()
    }
    wanted = [*shape.keys.values(), *shape.columns.values()]
    absent = [name for name in wanted if name not in types]
    if absent:
        raise LookupError(f"{shape.table} has no column {', '.join(absent)}; it has {', '.join(types)}")
    columns = ", ".join(
        f'"{name}"::text as "{name}"' if types[name] == "numeric" else f'"{name}"' for name in wanted
    )
    numeric = [name for name in wanted if types[name] == "numeric"]
    rows: list[Row] = warehouse.query(f"select {columns} from {shape.table}").to_pylist()
    for row in rows:
        for name in numeric:
            row[name] = None if row[name] is None else Decimal(row[name])
    return rows


def compare_marts(warehouse: Queryable, expected: Marts, marts: Iterable[str] = SHAPES) -> list[Difference]:
    """Return every cell of the marts that differs from the oracle's.

    Tenants that the oracle holds for a missing rate are left out on both sides.
    """
    differences: list[Difference] = []
    for name in marts:
        shape = SHAPES[name]
        actual = [row for row in mart_rows(warehouse, shape) if row["tenant_id"] not in expected.held]
        wanted = expected.tables[name]
        if name == "tracked_orders":
            wanted = [tracked(row) for row in wanted if not row["is_in_store"]]
        differences += compare(wanted, actual, shape)
    return differences


def tracked(row: Row) -> Row:
    """Return an order as the mart shows it: what does not count has brought nothing, in zeros.

    The mart shows what such an order would have cost; the oracle says nothing of it, so it is not compared.
    """
    shown = row | {"matched_by": "source" if row["attributed_by_source"] else row["matched_by"]}
    if row["exclusion_reason"] is None:
        return shown
    return {name: 0 if name in ORDER_MONEY else value for name, value in shown.items()}


def as_of_days(warehouse: Queryable) -> dict[str, date]:
    """Return each tenant's as-of day: the last day that its landed intervals cover.

    What was decided here about customers covers no day of business.
    """
    rows: list[dict[str, Any]] = warehouse.query(
        "select t.tenant_id, "
        "((max(l.interval_end) - interval '1 microsecond') at time zone t.time_zone)::date as as_of"
        " from raw.tenants t join ops.loads l using (tenant_id)"
        f" where not t._deleted and l.feed not in {OF_DECISIONS} group by t.tenant_id, t.time_zone"
    ).to_pylist()
    return {row["tenant_id"]: row["as_of"] for row in rows}
