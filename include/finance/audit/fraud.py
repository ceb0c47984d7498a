"""Orders flagged for fraud: which of them hold commission, their evidence, and a person's word on a flag."""

from datetime import datetime
from typing import Any

from include.finance import books
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect

BOOK = "fraud_reviews"
SOURCE = "sokol_fraud"

Flag = dict[str, Any]
"""A flag by column: those of marts.fraud_flags, with the verdict that is in force now."""

_FLAGS = """
    with reviews as (
        select distinct on (order_source, order_id, rule)
            order_source, order_id, rule, verdict, entered_by, reviewed_at, reason
        from raw.fraud_reviews
        where tenant_id = %(tenant)s
        order by order_source, order_id, rule, reviewed_at desc, review_id desc
    )
    select
        flags.source, flags.order_id, flags.rule, flags.rule_version, flags.flagged_on, flags.kol_id,
        flags.credit_status, flags.customer_id, flags.currency, flags.amount, flags.subject, flags.evidence,
        nullif(reviews.verdict, 'withdrawn') as verdict,
        case when reviews.verdict <> 'withdrawn' then reviews.entered_by end as reviewed_by,
        case when reviews.verdict <> 'withdrawn' then reviews.reviewed_at end as reviewed_at,
        case when reviews.verdict <> 'withdrawn' then reviews.reason end as review_reason,
        flags.credit_status = 'credited' and reviews.verdict is distinct from 'cleared' as is_held
    from marts.fraud_flags as flags
    left join reviews
        on flags.source = reviews.order_source and flags.order_id = reviews.order_id
        and flags.rule = reviews.rule
    where flags.tenant_id = %(tenant)s
    order by flags.flagged_on desc, flags.source, flags.order_id, flags.rule
"""

# The flags must be of the build that wrote the orders, or what is new would pass.
_POSITIONS = """
    select
        coalesce(max(position) filter (where model = 'tracked_orders'), 0),
        case
            when count(*) filter (where model <> 'tracked_orders') = 2
                then min(position) filter (where model <> 'tracked_orders')
            else 0
        end
    from ops.watermarks
    where upstream = 'builds' and model in ('tracked_orders', 'int_fraud__flags', 'fraud_flags')
"""


class StaleFlagsError(RuntimeError):
    """The orders are of a build that has not judged them; nothing may be posted as if they were sound."""


class UnknownFlagError(LookupError):
    """There is no such flag, or nobody's word on it to take back."""


def held_orders(warehouse: Warehouse, tenant_id: str) -> frozenset[tuple[str, str]]:
    """Return source and id of a tenant's orders whose commission is held now.

    An order is held while it credits a KOL and at least one of its flags is not cleared. A review counts from
    the moment that it is entered, before any build.

    Args:
        warehouse: a connection that sees one moment: a build may be about to judge other orders.
        tenant_id: whose orders.

    Raises:
        StaleFlagsError: the last build ended before it had judged the orders that it wrote.
    """
    return frozenset(
        (flag["source"], flag["order_id"]) for flag in _read(warehouse, tenant_id) if flag["is_held"]
    )


def flags(settings: Settings, tenant_id: str) -> list[Flag]:
    """Return all flags of a tenant, those of the newest orders first.

    Args:
        settings: where the warehouse is.
        tenant_id: whose flags.

    Raises:
        StaleFlagsError: as ``held_orders``.
    """
    with connect("transformer", settings) as warehouse, warehouse.transaction():
        warehouse.execute("set transaction isolation level repeatable read")
        return _read(warehouse, tenant_id)


def _read(warehouse: Warehouse, tenant_id: str) -> list[Flag]:
    [(orders, judged)] = warehouse.rows(_POSITIONS)
    if not judged or judged < orders:
        raise StaleFlagsError(
            f"tenant {tenant_id}: orders are of build {orders}, their flags of build {judged};"
            " let `python -m include.transform` succeed first"
        )
    found: list[Flag] = warehouse.query(_FLAGS, {"tenant": tenant_id}).to_pylist()
    return found


def review_flag(
    tenant_id: str,
    order: tuple[str, str],
    rule: str,
    *,
    verdict: str,
    entered_by: str,
    reason: str,
    at: datetime | None = None,
    settings: Settings | None = None,
) -> str:
    """Enter a word on a flag; the latest word is the one in force.

    It stands for the order and the rule, also when the evidence grows later.

    Args:
        tenant_id: whose flag.
        order: source and id of the flagged order.
        rule: rule that flags it.
        verdict: cleared lifts the flag, confirmed keeps it, withdrawn takes back what was said before.
        entered_by: who says so.
        reason: why, for whoever reads the books.
        at: when it was said (aware), now when left out; the same words of one instant are one entry.
        settings: where the warehouse and the landing zone are.

    Returns:
        The id of the review, a hash of what it says.

    Raises:
        UnknownFlagError: the order is not flagged by the rule, or there is no word on it to withdraw.
        ValueError: a rule or verdict that the book does not know, or nobody or no reason given.
    """
    settings = settings or get_settings()
    books.check(BOOK, "a review", rule=rule, verdict=verdict, entered_by=entered_by, reason=reason)
    source, order_id = order
    with connect("transformer", settings) as warehouse:
        _find(warehouse, tenant_id, order, rule, verdict)
    with connect("loader", settings) as warehouse:
        row = {"order_source": source, "order_id": order_id, "rule": rule, "verdict": verdict}
        row |= {"entered_by": entered_by, "reason": reason}
        return books.append(warehouse, BOOK, tenant_id, row, source=SOURCE, at=at, settings=settings)


def _find(warehouse: Warehouse, tenant_id: str, order: tuple[str, str], rule: str, verdict: str) -> None:
    source, order_id = order
    key = {"tenant": tenant_id, "source": source, "order": order_id, "rule": rule}
    said = warehouse.rows(
        """
        select verdict from raw.fraud_reviews
        where tenant_id = %(tenant)s and order_source = %(source)s and order_id = %(order)s
            and rule = %(rule)s
        order by reviewed_at desc, review_id desc limit 1
        """,
        key,
    )
    place = f"tenant {tenant_id}: order {source}/{order_id}"
    if verdict == "withdrawn":
        if not said or said[0][0] == "withdrawn":
            raise UnknownFlagError(f"{place}: nobody's word on its flag {rule} is in force")
        return
    flagged = warehouse.rows(
        "select rule from marts.fraud_flags where tenant_id = %(tenant)s and source = %(source)s"
        " and order_id = %(order)s order by 1",
        key,
    )
    if (rule,) not in flagged:
        names = ", ".join(name for (name,) in flagged)
        has = f"its flags are {names}" if names else "it has no flag; `flags` lists those that have"
        raise UnknownFlagError(f"{place} is not flagged by {rule}: {has}")
