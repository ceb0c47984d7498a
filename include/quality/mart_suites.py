"""The checks of the marts before they are announced: each against its own parts and against the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from include.quality.checks import Between, Check, NoRows, Present, Suite, Unique

KOL_COUNTS = ("orders", "clicks", "bot_clicks", "refused_clicks", "new_customers", "source_orders")
KOL_AMOUNTS = (
    "gross", "refunds", "revenue", "net_revenue", "fixed_fees", "platform_fees", "commission", "goods",
    "investment", "source_revenue",
)  # fmt: skip
KOL_RATIOS = ("roi_pct", "roi_net_pct", "roi_contribution_pct", "cr_pct", "cpa", "ltv", "retention_30d_pct")
HOUR_COUNTS = ("clicks", "bot_clicks", "refused_clicks", "sessions", "orders", "new_customers")
HOUR_AMOUNTS = ("gross", "refunds", "revenue", "net_revenue")
ORDER_AMOUNTS = (
    "reporting_gross_amount", "reporting_refund_amount", "reporting_revenue_amount",
    "reporting_net_revenue_amount", "reporting_commission_amount",
)  # fmt: skip
CUSTOMER_COUNTS = (
    "records", "customer_records", "order_records", "sale_records", "visitors", "clicks", "online_orders",
    "store_orders", "orders", "returns",
)  # fmt: skip
CUSTOMER_AMOUNTS = (
    "online_spend", "store_spend", "total_spend", "net_revenue", "returned_amount", "year_spend",
)  # fmt: skip

_RECOMPUTE = (
    "find the model in dbt_project/models/marts, correct it, and build again with "
    "`python -m include.transform --full-refresh`"
)


@dataclass(frozen=True)
class Scope:
    """What a gate of the marts looks at.

    Args:
        build_id: the build that is judged.
        after_build: the last build that passed; 0 before the first.
        every_day: look at all days, not only at those that this build touched.
        smallest_share: share of its rows at the last passed gate that a mart must still have, 0 to 1.
    """

    build_id: int
    after_build: int
    every_day: bool
    smallest_share: float


def mart_suites(scope: Scope) -> list[Suite]:
    """Make the suites of all marts.

    Large marts are read only where the builds since the last passed gate have written: orders by their build,
    days by the tenant-days that the build recomputed, customers by their build. KOL totals and tenants are
    few and are read whole.
    """
    return [
        _sizes(scope),
        _tracked_orders(scope),
        _daily(scope),
        _hourly(scope),
        _kol_roi(scope),
        _kol_periods("kol_roi_monthly", "activity_month", scope),
        _kol_periods("kol_roi_daily", "activity_date", scope),
        _customer_360(scope),
        _identity_quality(),
    ]


def _days(scope: Scope, tenant: str, day: str) -> str:
    """Return the condition that a row belongs to a tenant-day that is looked at."""
    if scope.every_day:
        return "true"
    return (
        f"({tenant}, {day}) in (select t.tenant_id, t.touched_date from intermediate.int_days__touched t "
        "union select o.tenant_id, o.completed_date from marts.tracked_orders o "
        f"where o._build_id > {scope.after_build} and o.completed_date is not null)"
    )


def _sizes(scope: Scope) -> Suite:
    """Ask whether a mart has shrunk or vanished; the statistics of the build's own analyze count the rows."""
    batch = (
        "select c.relname::text as mart, c.reltuples::bigint as rows, seen.rows as rows_before "
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "left join ops.gate_sizes seen on seen.mart = c.relname "
        "where n.nspname = 'marts' and c.relkind = 'r'"
    )
    shrunk = (
        "see what the build deleted; where the rows are rightly gone, "
        "`python -m include.quality accept marts --reason …`"
    )
    return Suite(
        "sizes",
        batch,
        ("mart",),
        (
            NoRows(
                says=f"a mart has at least {scope.smallest_share:.0%} of the rows that last passed",
                next_step=shrunk,
                query="select mart, rows, rows_before from {batch} "
                f"where rows < {scope.smallest_share} * rows_before",
            ),
        ),
    )


def _tracked_orders(scope: Scope) -> Suite:
    key = ("tenant_id", "source", "order_id")
    shown = ", ".join(key)
    amounts = (
        "gross_amount", "refund_amount", "net_revenue_amount", "commission_amount", "fx_rate", *ORDER_AMOUNTS,
    )  # fmt: skip
    checks: list[Check] = [
        *(Present(says=f"{name} is there", next_step=_RECOMPUTE, column=name) for name in (*key, "currency")),
        Unique(says="one row per order", next_step=_RECOMPUTE, columns=key),
        *(
            NoRows(
                says=says, next_step=_RECOMPUTE, query=f"select {shown}, {told} from {{batch}} where {wrong}"
            )
            for says, told, wrong in (
                (
                    "revenue = gross - refunds",
                    "reporting_gross_amount, reporting_refund_amount, reporting_revenue_amount",
                    "reporting_revenue_amount <> reporting_gross_amount - reporting_refund_amount",
                ),
                (
                    "an order counts or has its reason not to",
                    "is_completed, exclusion_reason",
                    "is_completed <> (exclusion_reason is null)",
                ),
                (
                    "an order that counts has its day and its rate",
                    "completed_date, fx_rate",
                    "is_completed and (completed_date is null or fx_rate is null)",
                ),
                (
                    "an order that does not count brings no money",
                    "exclusion_reason, reporting_gross_amount, reporting_revenue_amount, commission_amount",
                    "not is_completed and (reporting_gross_amount <> 0 or reporting_revenue_amount <> 0 "
                    "or commission_amount <> 0)",
                ),
                (
                    "a credited order has its KOL, any other its reason",
                    "credit_status, kol_id, not_credited_reason",
                    # A marketplace may name a KOL whom no feed knows: attributed, and without one.
                    "(credit_status = 'credited' and kol_id is null) "
                    "or (credit_status = 'not_credited' and kol_id is not null) "
                    "or (kol_id is null) is distinct from (not_credited_reason is not null)",
                ),
                (
                    "commission is owed for credited orders alone",
                    "credit_status, commission_amount",
                    "commission_amount < 0 or (commission_amount <> 0 and credit_status <> 'credited')",
                ),
                ("a gross amount is not below 0", "gross_amount", "gross_amount < 0"),
                ("amounts are numbers", "currency", _not_a_number(amounts)),
            )
        ),
        NoRows(
            says="every published tenant with orders is here",
            next_step="look at ops.held_tenants and at the build's log",
            query="select t.tenant_id from intermediate.int_tenants__published t "
            "where exists (select from staging.stg_orders o where o.tenant_id = t.tenant_id) "
            "and not exists (select from {batch} b where b.tenant_id = t.tenant_id) "
            "and not exists (select from marts.tracked_orders o where o.tenant_id = t.tenant_id)",
        ),
        NoRows(
            says="the orders of a day are those of daily_aggregates",
            next_step=_RECOMPUTE,
            query=_orders_and_days(scope),
        ),
    ]
    batch = f"select * from marts.tracked_orders where _build_id > {scope.after_build}"
    if scope.every_day:
        batch = "select * from marts.tracked_orders"
    return Suite("tracked_orders", batch, key, tuple(checks))


def _orders_and_days(scope: Scope) -> str:
    """Select the tenant-days on which orders and gross of web orders differ between the two marts."""
    source, touched = "{batch}", ""
    looked_at = "true"
    if not scope.every_day:
        source, looked_at = "marts.tracked_orders", "(tenant_id, {}) in (select tenant_id, day from touched)"
        touched = (
            "touched as (select tenant_id, touched_date as day from intermediate.int_days__touched union "
            "select tenant_id, completed_date from {batch} where completed_date is not null), "
        )
    return (
        f"with {touched}orders as (select tenant_id, completed_date as day, count(*) as orders, "
        f"sum(reporting_gross_amount) as gross from {source} "
        f"where is_completed and {looked_at.format('completed_date')} group by 1, 2), "
        "days as (select tenant_id, activity_date as day, sum(orders) as orders, sum(gross) as gross "
        "from marts.daily_aggregates "
        f"where channel <> 'in_store' and {looked_at.format('activity_date')} group by 1, 2) "
        "select tenant_id, day, o.orders, d.orders as orders_of_day, o.gross, d.gross as gross_of_day "
        "from orders o full join days d using (tenant_id, day) "
        "where coalesce(o.orders, 0) <> coalesce(d.orders, 0) or coalesce(o.gross, 0) <> coalesce(d.gross, 0)"
    )


def _daily(scope: Scope) -> Suite:
    key = ("tenant_id", "activity_date", "channel", "campaign_id")
    checks = [
        *_figures(key, (*HOUR_COUNTS, "impressions", "ad_clicks"), (*HOUR_AMOUNTS, "spend")),
        _ratio(key, "ctr", "ad_clicks", "impressions"),
        _ratio(key, "cpc", "spend", "ad_clicks"),
        _ratio(key, "cpm", "spend * 1000", "impressions"),
        _ratio(key, "cpa", "spend", "new_customers"),
        _ratio(key, "roas", "revenue", "spend"),
        NoRows(
            says="a day is the sum of its hours",
            next_step=_RECOMPUTE,
            query=_differences(
                "select tenant_id, activity_date, channel, campaign_id, {measures} from {{batch}}",
                "select tenant_id, activity_date, channel, campaign_id, {sums} from marts.hourly_aggregates "
                f"where {_days(scope, 'tenant_id', 'activity_date')} group by 1, 2, 3, 4",
                key,
                (*HOUR_COUNTS, *HOUR_AMOUNTS),
            ),
        ),
        NoRows(
            says="the channel kol is the sum of the KOLs of the day",
            next_step=_RECOMPUTE,
            query=_differences(
                "select tenant_id, activity_date, {sums} from {{batch}} where channel = 'kol' group by 1, 2",
                "select tenant_id, activity_date, {sums} from marts.kol_roi_daily "
                f"where {_days(scope, 'tenant_id', 'activity_date')} group by 1, 2",
                ("tenant_id", "activity_date"),
                ("orders", *HOUR_AMOUNTS),
                # kol_roi_daily ends at the as-of day.
                where="activity_date <= (select as_of_date from intermediate.int_tenants__settings s "
                "where s.tenant_id = both_sides.tenant_id)",
            ),
        ),
    ]
    batch = f"select * from marts.daily_aggregates where {_days(scope, 'tenant_id', 'activity_date')}"
    return Suite("daily_aggregates", batch, key, tuple(checks))


def _hourly(scope: Scope) -> Suite:
    key = ("tenant_id", "hour_start_at", "channel", "campaign_id")
    batch = f"select * from marts.hourly_aggregates where {_days(scope, 'tenant_id', 'activity_date')}"
    return Suite("hourly_aggregates", batch, key, tuple(_figures(key, HOUR_COUNTS, HOUR_AMOUNTS)))


def _kol_roi(scope: Scope) -> Suite:
    key = ("tenant_id", "kol_id")
    daily = _differences(
        "select tenant_id, kol_id, {measures} from {{batch}}",
        "select tenant_id, kol_id, {sums} from marts.kol_roi_daily group by 1, 2",
        key,
        (*KOL_COUNTS, *KOL_AMOUNTS),
    )
    looked_at = "true"
    if not scope.every_day:
        looked_at = (
            "(tenant_id, kol_id) in "
            f"(select tenant_id, kol_id from marts.tracked_orders where _build_id > {scope.after_build})"
        )
    orders = (
        "with credited as (select k.tenant_id, k.kol_id, count(*) as orders from {batch} k "
        "join marts.tracked_orders o on o.tenant_id = k.tenant_id and o.kol_id = k.kol_id "
        "where o.is_completed and o.credit_status = 'credited' and o.completed_date <= k.as_of_date "
        "group by 1, 2) "
        "select tenant_id, kol_id, k.orders, coalesce(c.orders, 0) as orders_tracked "
        "from {batch} k left join credited c using (tenant_id, kol_id) "
        f"where k.orders <> coalesce(c.orders, 0) and {looked_at}"
    )
    checks = [
        *_kol_figures(key),
        NoRows(says="a KOL is the sum of its days", next_step=_RECOMPUTE, query=daily),
        NoRows(says="a KOL's orders are those of tracked_orders", next_step=_RECOMPUTE, query=orders),
        NoRows(
            says="every KOL of dim_kol is compared",
            next_step=_RECOMPUTE,
            query="select tenant_id, kol_id, d.kol_id is null as only_in_kol_roi from marts.dim_kol d "
            "full join {batch} k using (tenant_id, kol_id) where (d.kol_id is null or k.kol_id is null) and "
            f"tenant_id not in (select tenant_id from ops.held_tenants where build_id = {scope.build_id})",
        ),
        NoRows(
            says="roi_contribution_pct follows from its parts",
            next_step=_RECOMPUTE,
            query="select tenant_id, kol_id, k.net_revenue, gross_margin, k.investment, roi_contribution_pct "
            "from {batch} k join intermediate.int_tenants__published t using (tenant_id) "
            "where k.roi_contribution_pct is distinct from "
            "round((k.net_revenue * t.gross_margin - k.investment) * 100 / nullif(k.investment, 0), 4)",
        ),
        Present(says="as_of_date is there", next_step=_RECOMPUTE, column="as_of_date"),
    ]
    return Suite("kol_roi", "select * from marts.kol_roi", key, tuple(checks))


def _kol_periods(mart: str, period: str, scope: Scope) -> Suite:
    key = ("tenant_id", "kol_id", period)
    day = period if period == "activity_date" else None
    batch = f"select * from marts.{mart}"
    if day:
        batch += f" where {_days(scope, 'tenant_id', day)}"
    elif not scope.every_day:
        touched = _days(scope, "d.tenant_id", "d.activity_date")
        batch += (
            f" where (tenant_id, {period}) in ("
            "select d.tenant_id, date_trunc('month', d.activity_date)::date "
            f"from marts.kol_roi_daily d where {touched})"
        )
    return Suite(mart, batch, key, tuple(_kol_figures(key)))


def _customer_360(scope: Scope) -> Suite:
    key = ("tenant_id", "customer_id")
    shown = ", ".join(key)
    amounts = (*CUSTOMER_AMOUNTS, "average_order_value_amount")
    needed = (*key, "as_of_date", "reporting_currency", *CUSTOMER_COUNTS, *CUSTOMER_AMOUNTS)
    rules = (
        (
            "key, currency, counts and amounts are there",
            ", ".join(needed),
            f"num_nulls({', '.join(needed)}) > 0",
        ),
        (
            "no count is below 0",
            ", ".join(CUSTOMER_COUNTS),
            f"least({', '.join(CUSTOMER_COUNTS)}, recency_days) < 0",
        ),
        ("amounts are numbers", "reporting_currency", _not_a_number(amounts)),
        (
            "online and in store make the whole",
            "orders, online_orders, store_orders, total_spend, online_spend, store_spend",
            "orders <> online_orders + store_orders or total_spend <> online_spend + store_spend",
        ),
        (
            "records are customers, orders and sales",
            "records, customer_records, order_records, sale_records",
            "records <> customer_records + order_records + sale_records",
        ),
        (
            "who ordered has its days and scores, and nobody else",
            "orders, last_order_date, recency_days, recency_score, frequency_score, monetary_score",
            "num_nulls(first_order_at, last_order_at, last_order_date, recency_days, recency_score, "
            "frequency_score, monetary_score) <> case when orders > 0 then 0 else 7 end",
        ),
        (
            "scores are 1 to 5",
            "recency_score, frequency_score, monetary_score",
            "least(recency_score, frequency_score, monetary_score) < 1 "
            "or greatest(recency_score, frequency_score, monetary_score) > 5",
        ),
        (
            "the first touch is not after the first order, nor the last before the last",
            "first_touch_at, first_order_at, last_order_at, last_touch_at",
            "(orders > 0 and num_nulls(first_touch_at, last_touch_at) > 0) "
            "or first_touch_at > first_order_at or last_touch_at < last_order_at "
            "or first_touch_at > last_touch_at",
        ),
        (
            "a tier mismatch is told where both tiers are",
            "loyalty_tier, loyalty_tier_by_rule, is_tier_mismatch",
            "is_tier_mismatch is distinct from (lower(loyalty_tier) <> loyalty_tier_by_rule)",
        ),
        (
            "a consent has its day",
            "accepts_email_marketing, email_consent_at, accepts_sms_marketing, sms_consent_at",
            "(accepts_email_marketing is null) <> (email_consent_at is null) "
            "or (accepts_sms_marketing is null) <> (sms_consent_at is null)",
        ),
    )
    checks: list[Check] = [
        Unique(says=f"one row per {shown}", next_step=_RECOMPUTE, columns=key),
        *(
            NoRows(
                says=says, next_step=_RECOMPUTE, query=f"select {shown}, {told} from {{batch}} where {wrong}"
            )
            for says, told, wrong in rules
        ),
        _ratio(key, "average_order_value_amount", "net_revenue", "orders"),
    ]
    # what a person is called stays out of reports
    columns = (
        *needed, "first_order_at", "last_order_at", "last_order_date", "first_touch_at", "last_touch_at",
        "average_order_value_amount", "recency_days", "recency_score", "frequency_score", "monetary_score",
        "loyalty_tier", "loyalty_tier_by_rule", "is_tier_mismatch", "accepts_email_marketing",
        "email_consent_at", "accepts_sms_marketing", "sms_consent_at",
    )  # fmt: skip
    written = "true" if scope.every_day else f"_build_id > {scope.after_build}"
    batch = f"select {', '.join(columns)} from marts.customer_360 where {written}"
    return Suite("customer_360", batch, key, tuple(checks))


def _identity_quality() -> Suite:
    key = ("tenant_id",)
    sizes = (
        "customers_of_1_record", "customers_of_2_records", "customers_of_3_records", "customers_of_4_records",
        "customers_of_5_to_9_records", "customers_of_10_or_more_records",
    )  # fmt: skip
    counts = (
        "records", "customer_records", "order_records", "sale_records", "customers", *sizes,
        "customers_without_record", "largest_customer_records", "orders", "orders_of_customers", "clicks",
        "clicks_of_customers", "resolved_visitors", "shared_visitors",
    )  # fmt: skip
    shares = (
        "contact_pct", "name_pct", "orders_with_customer_pct", "clicks_with_customer_pct",
        "label_precision_pct", "label_recall_pct", "label_accuracy_pct",
    )  # fmt: skip
    checks: list[Check] = [
        NoRows(
            says="one row per tenant",
            next_step=_RECOMPUTE,
            query="select tenant_id, count(*) as rows from {batch} group by 1 having count(*) > 1",
        ),
        NoRows(
            says="counts are there and not below 0",
            next_step=_RECOMPUTE,
            query=f"select tenant_id, {', '.join(counts)} from {{batch}} "
            f"where num_nulls({', '.join(counts)}) > 0 or least({', '.join(counts)}) < 0",
        ),
        NoRows(
            says="customers are those of all sizes",
            next_step=_RECOMPUTE,
            query=f"select tenant_id, customers, {', '.join(sizes)} from {{batch}} "
            f"where customers <> {' + '.join(sizes)}",
        ),
        NoRows(
            says="shares are percentages",
            next_step=_RECOMPUTE,
            query=f"select tenant_id, {', '.join(shares)} from {{batch}} "
            f"where least({', '.join(shares)}) < 0 or greatest({', '.join(shares)}) > 100",
        ),
        _ratio(key, "orders_with_customer_pct", "orders_of_customers * 100", "orders"),
        _ratio(key, "clicks_with_customer_pct", "clicks_of_customers * 100", "clicks"),
        _ratio(key, "duplicate_pct", "open_reviews * 100", "customers"),
        NoRows(
            says="customers are those of customer_360",
            next_step=_RECOMPUTE,
            query="select tenant_id, q.customers, q.customers_without_record, c.customers as in_360 "
            "from {batch} q left join (select tenant_id, count(*) as customers "
            "from marts.customer_360 group by 1) c using (tenant_id) "
            "where q.customers + q.customers_without_record <> coalesce(c.customers, 0)",
        ),
    ]
    return Suite("identity_quality", "select * from marts.identity_quality", key, tuple(checks))


def _kol_figures(key: tuple[str, ...]) -> Iterator[Check]:
    yield from _figures(key, KOL_COUNTS, KOL_AMOUNTS)
    shown = ", ".join(key)
    yield NoRows(
        says="investment = fixed_fees + platform_fees + commission + goods",
        next_step=_RECOMPUTE,
        query=f"select {shown}, investment, fixed_fees, platform_fees, commission, goods from {{batch}} "
        "where investment <> fixed_fees + platform_fees + commission + goods",
    )
    yield _ratio(key, "roi_pct", "(revenue - investment) * 100", "investment")
    yield _ratio(key, "roi_net_pct", "(net_revenue - investment) * 100", "investment")
    yield _ratio(key, "cr_pct", "orders * 100", "clicks")
    yield _ratio(key, "cpa", "investment", "new_customers")
    yield Between(
        says="retention_30d_pct is a percentage",
        next_step=_RECOMPUTE,
        column="retention_30d_pct",
        least=0,
        most=100,
    )
    yield NoRows(
        says="ratios are numbers",
        next_step=_RECOMPUTE,
        query=f"select {shown}, {', '.join(KOL_RATIOS)} from {{batch}} where {_not_a_number(KOL_RATIOS)}",
    )


def _figures(key: tuple[str, ...], counts: Sequence[str], amounts: Sequence[str]) -> Iterator[Check]:
    """Ask what holds of every table of figures: its grain, its counts, its money."""
    shown = ", ".join(key)
    needed = (*key, "reporting_currency", *counts, *amounts)
    yield Unique(says=f"one row per {shown}", next_step=_RECOMPUTE, columns=key)
    yield NoRows(
        says="key, currency, counts and amounts are there",
        next_step=_RECOMPUTE,
        query=f"select {', '.join(needed)} from {{batch}} where num_nulls({', '.join(needed)}) > 0",
    )
    yield NoRows(
        says="no count is below 0",
        next_step=_RECOMPUTE,
        query=f"select {shown}, {', '.join(counts)} from {{batch}} where least({', '.join(counts)}) < 0",
    )
    yield NoRows(
        says="revenue = gross - refunds",
        next_step=_RECOMPUTE,
        query=f"select {shown}, revenue, gross, refunds from {{batch}} where revenue <> gross - refunds",
    )
    yield NoRows(
        says="amounts are numbers",
        next_step=_RECOMPUTE,
        query=f"select {shown} from {{batch}} where {_not_a_number(amounts)}",
    )


def _ratio(key: Sequence[str], name: str, numerator: str, denominator: str) -> Check:
    """Ask whether a ratio follows from its parts, and is NULL where there is nothing to divide by."""
    parts = f"round(({numerator})::numeric(38, 10) / nullif({denominator}, 0), 4)"
    return NoRows(
        says=f"{name} follows from its parts",
        next_step=_RECOMPUTE,
        query=f"select {', '.join(key)}, {name}, {parts} as from_parts from {{batch}} "
        f"where {name} is distinct from {parts}",
    )


def _not_a_number(columns: Sequence[str]) -> str:
    return " or ".join(f"{name} in ('NaN', 'Infinity', '-Infinity')" for name in columns)


def _differences(
    left: str, right: str, key: Sequence[str], measures: Sequence[str], where: str = "true"
) -> str:
    """Select the keys whose measures differ between two selects; a key that a side lacks counts as zeros."""
    listed = {
        "measures": ", ".join(measures),
        "sums": ", ".join(f"sum({name}) as {name}" for name in measures),
    }
    names = ", ".join(key)
    sides = ", ".join(
        f"coalesce(l.{name}, 0) as {name}, coalesce(r.{name}, 0) as {name}_of_parts" for name in measures
    )
    differ = " or ".join(f"{name} <> {name}_of_parts" for name in measures)
    first, second = left.format(**listed), right.format(**listed)
    return (
        f"select * from (select {names}, {sides} from ({first}) as l "
        f"full join ({second}) as r using ({names})) as both_sides where ({differ}) and {where}"
    )
