"""The audit sample: a hundred orders of a day that anybody can draw again, with every row behind each."""

import hashlib
from collections.abc import Iterable
from datetime import date

import pyarrow as pa

from include.settings import Settings
from include.warehouse import Warehouse, connect, load_contracts

SIZE = 100
"""Orders in a sample."""

OrderKey = tuple[str, str]
"""Source and id of an order."""

_LOADED = "array['_load_id', '_file_id', '_row', '_landing_seq', '_key_hash', '_row_hash', '_segment']"
"""How a row was loaded, which is no part of what it says."""

_LINKS = """
    create temp table links on commit drop as
    select
        drawn.draw_no, drawn.source, drawn.order_id, orders.token_id, orders.kol_id, orders.contract_id,
        credit.click_id, credit.credited_click_id, orders.currency, orders.reporting_currency, fx.rate_date
    from unnest(%(numbers)s::bigint[], %(sources)s::text[], %(ids)s::text[])
        as drawn (draw_no, source, order_id)
    inner join marts.tracked_orders as orders
        on orders.tenant_id = %(tenant)s and orders.source = drawn.source and orders.order_id = drawn.order_id
    inner join intermediate.int_orders__credit as credit
        on credit.tenant_id = orders.tenant_id and credit.source = orders.source
        and credit.order_id = orders.order_id
    left join intermediate.int_fx__days as fx
        on fx.tenant_id = orders.tenant_id and fx.from_currency = orders.currency
        and fx.to_currency = orders.reporting_currency and fx.fx_date = orders.completed_date
"""

# A gateway may name an order by its id alone; reconciliation tells whose of several shops it is.
_PAYMENTS = """
    create temp table payments on commit drop as
    select links.draw_no, paid.source, paid.payment_id, coalesce(paid.payout_id, open.payout_id) as payout_id
    from links
    inner join raw.payments as paid on paid.tenant_id = %(tenant)s and paid.order_id = links.order_id
    left join finance.receipt_states as states
        on states.tenant_id = paid.tenant_id and states.side = 'payment' and states.source = paid.source
        and states.receipt_id = paid.payment_id
    left join finance.unsettled_states as open
        on open.tenant_id = paid.tenant_id and open.source = paid.source and open.payment_id = paid.payment_id
    where coalesce(states.order_source, links.source) = links.source
    union
    select links.draw_no, states.source, states.receipt_id, states.payout_id
    from links
    inner join finance.receipt_states as states
        on states.tenant_id = %(tenant)s and states.order_id = links.order_id
        and states.order_source = links.source
    where states.side = 'payment'
"""

_RECEIPTS = """
    create temp table receipts on commit drop as
    select draw_no, 'payment' as side, source, payment_id as receipt_id from payments
    union
    select links.draw_no, states.side, states.source, states.receipt_id
    from links
    inner join finance.receipt_states as states
        on states.tenant_id = %(tenant)s and states.order_id = links.order_id
        and states.order_source = links.source
"""

_PAYOUTS = """
    create temp table payouts on commit drop as
    select paid.draw_no, states.*
    from (
        select draw_no, 'payout' as kind, source, payout_id from payments
        union
        select links.draw_no, 'remittance', sent.source, sent.remittance_id
        from links
        inner join raw.remittances as sent
            on sent.tenant_id = %(tenant)s and sent.order_id = links.order_id
            and sent.order_source = links.source
        union
        select draw_no, 'transfer', source, order_id from links
    ) as paid
    inner join finance.payout_states as states
        on states.tenant_id = %(tenant)s and states.kind = paid.kind and states.source = paid.source
        and states.payout_id = paid.payout_id
"""

_OF_ORDER = "found.source = links.source and found.order_id = links.order_id"
_FEEDS = {
    "orders": ("links", _OF_ORDER),
    "order_items": ("links", _OF_ORDER),
    "refunds": ("links", _OF_ORDER),
    "remittances": ("links", "found.order_source = links.source and found.order_id = links.order_id"),
    "payments": ("payments", "found.source = payments.source and found.payment_id = payments.payment_id"),
    "bank_lines": ("payouts", "found.account_id = payouts.account_id and found.line_id = payouts.line_id"),
    "clicks": ("links", "found.click_id in (links.click_id, links.credited_click_id)"),
    "tracking_tokens": ("links", "found.token_id = links.token_id"),
    "kols": ("links", "found.kol_id = links.kol_id"),
    "kol_contracts": ("links", "found.contract_id = links.contract_id"),
    "fx_rates": (
        "links",
        "found.from_currency = links.currency and found.to_currency = links.reporting_currency"
        " and found.rate_date = links.rate_date",
    ),
    "ledger_entries": (
        "links", "found.order_source = links.source and found.order_id = links.order_id"
    ),
    "fraud_reviews": ("links", "found.order_source = links.source and found.order_id = links.order_id"),
}  # fmt: skip
"""Feed -> the table of links that leads to its rows, and how."""

_STATES = {
    "marts.tracked_orders": ("links", _OF_ORDER, "source, order_id"),
    "marts.fraud_flags": ("links", _OF_ORDER, "source, order_id, rule"),
    "finance.order_states": ("links", _OF_ORDER, "source, order_id"),
    "finance.receipt_states": (
        "receipts",
        "found.side = receipts.side and found.source = receipts.source"
        " and found.receipt_id = receipts.receipt_id",
        "side, source, receipt_id",
    ),
    "finance.refund_states": ("links", _OF_ORDER, "source, refund_id"),
    "finance.unsettled_states": (
        "payments",
        "found.source = payments.source and found.payment_id = payments.payment_id",
        "source, payment_id",
    ),
    "finance.payout_states": (
        "payouts",
        "found.kind = payouts.kind and found.source = payouts.source"
        " and found.payout_id = payouts.payout_id and found.currency = payouts.currency",
        "kind, source, payout_id, currency",
    ),
    "finance.line_states": (
        "payouts",
        "found.account_id = payouts.account_id and found.line_id = payouts.line_id",
        "account_id, line_id",
    ),
}
"""What was made of them: table -> the table of links, how it leads there, and the columns of the key."""


def draw(tenant_id: str, day: date, orders: Iterable[OrderKey], size: int = SIZE) -> list[OrderKey]:
    """Draw a sample of a day's orders: those whose hash is smallest, in its order.

    The hash is the SHA-256 of tenant, day, source and id, joined by line feeds, as hex digits. So whoever has
    the orders draws the same, whenever and in whatever order they stand, and an order that comes late takes
    the place of one other at most.

    Args:
        tenant_id: whose orders.
        day: the tenant's day on which they were completed.
        orders: source and id of each.
        size: orders drawn; all when there are fewer.
    """

    def place(order: OrderKey) -> str:
        return hashlib.sha256("\n".join((tenant_id, day.isoformat(), *order)).encode()).hexdigest()

    return sorted(set(orders), key=place)[:size]


def audit_sample(settings: Settings, tenant_id: str, day: date) -> pa.Table:
    """Return the sample of a tenant's day with every row behind it.

    Args:
        settings: where the warehouse is.
        tenant_id: whose orders.
        day: the tenant's day on which they were completed; when fewer than a hundred were, all of them.

    Returns:
        One row per drawn order and row behind it, by draw_no, record, record_key and version_no: tenant_id,
        sample_day, draw_no (1 for the first drawn), source and order_id of the order, record (schema and
        table), record_key (values of its key, joined by /), version_no (0 for what stands, 1 for what it
        replaced last, and so on), landed_file and landed_row (the file of the landing zone that told it, and
        the row in it; null for what was made here), content (JSON). Nothing when the day has no completed
        order.

    Raises:
        LookupError: the warehouse does not know the tenant.
    """
    with connect("transformer", settings) as warehouse, warehouse.transaction():
        warehouse.execute("set transaction isolation level repeatable read")
        warehouse.execute("set local time zone 'UTC'")
        if not warehouse.value("select count(*) from raw.tenants where tenant_id = %s", [tenant_id]):
            known = ", ".join(
                name for (name,) in warehouse.rows("select tenant_id from raw.tenants order by 1")
            )
            raise LookupError(f"there is no tenant {tenant_id}; there are {known or 'none'}")
        orders = warehouse.rows(
            "select source, order_id from marts.tracked_orders"
            " where tenant_id = %s and completed_date = %s and is_completed",
            [tenant_id, day],
        )
        drawn = draw(tenant_id, day, [(source, order_id) for source, order_id in orders])
        return _behind(warehouse, tenant_id, day, drawn)


def _behind(warehouse: Warehouse, tenant_id: str, day: date, drawn: list[OrderKey]) -> pa.Table:
    """Return every row behind the drawn orders."""
    values = {
        "tenant": tenant_id,
        "day": day,
        "numbers": list(range(1, len(drawn) + 1)),
        "sources": [source for source, _ in drawn],
        "ids": [order_id for _, order_id in drawn],
    }
    tables = {"links": _LINKS, "payments": _PAYMENTS, "receipts": _RECEIPTS, "payouts": _PAYOUTS}
    for table, statement in tables.items():
        warehouse.execute(statement, values)
        warehouse.execute(f"analyze {table}")
    parts = [_of_feed(feed, *how) for feed, how in _FEEDS.items()]
    parts += [_of_state(table, *how) for table, how in _STATES.items()]
    warehouse.execute(
        f"create temp table behind on commit drop as {' union all '.join(parts)}",
        values,
    )
    return warehouse.query(_SAMPLE, values)


def _of_feed(feed: str, by: str, condition: str) -> str:
    contract = load_contracts()[feed]
    key = ", ".join(f"found.{name}" for name in contract.key if name != "tenant_id")
    stands = "" if contract.kind in ("event", "book") else "and not found._deleted"
    return f"""
        select distinct
            {by}.draw_no, '{feed}' as feed, 'raw.{feed}' as record, concat_ws('/', {key}) as record_key,
            found._key_hash, found._file_id, found._row, to_jsonb(found) - {_LOADED} as content
        from {by}
        inner join raw.{feed} as found on found.tenant_id = %(tenant)s and {condition} {stands}
    """


def _of_state(table: str, by: str, condition: str, columns: str) -> str:
    key = ", ".join(f"found.{name}" for name in columns.split(", "))
    return f"""
        select distinct
            {by}.draw_no, null, '{table}', concat_ws('/', {key}),
            null::bigint, null::bigint, null::bigint, to_jsonb(found) - '_build_id'
        from {by}
        inner join {table} as found on found.tenant_id = %(tenant)s and {condition}
    """


_SAMPLE = f"""
    with versions as (
        select draw_no, record, record_key, 0 as version_no, _file_id, _row, content from behind
        union all
        select
            behind.draw_no, behind.record, behind.record_key,
            row_number() over (
                partition by behind.draw_no, behind.record, behind.record_key
                order by images.restatement_id desc
            ),
            (images.old_row ->> '_file_id')::bigint, (images.old_row ->> '_row')::bigint,
            images.old_row - {_LOADED}
        from behind
        inner join ops.restatements as images
            on images.tenant_id = %(tenant)s and images.feed = behind.feed
            and images.key_hash = behind._key_hash
    )
    select
        %(tenant)s::text as tenant_id, %(day)s::date as sample_day,
        links.draw_no, links.source, links.order_id, versions.record, versions.record_key,
        versions.version_no, files.path as landed_file, versions._row::bigint as landed_row,
        versions.content::text as content
    from links
    inner join versions on versions.draw_no = links.draw_no
    left join ops.landed_files as files on files.file_id = versions._file_id
    order by links.draw_no, versions.record, versions.record_key, versions.version_no
"""
