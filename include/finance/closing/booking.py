"""The financial journal in the warehouse: read what has changed, enter it, and land the entries."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from psycopg.types.json import Jsonb

from include.feeds.decision import turn
from include.finance import books
from include.finance.closing.journal import ENTRIES, MONEY_FACTS, enter
from include.finance.ledger.commission import Posting
from include.finance.ledger.posting import Ledger, opened_ledger, read_as
from include.finance.periods import open_from
from include.finance.reconciliation.facts import positions_of, read_by
from include.settings import Settings
from include.warehouse import load_contracts

FEED = "journal_entries"
SOURCE = "sokol_journal"


@dataclass(frozen=True)
class Entered:
    """What one posting of the journal did: entries made, and how many of them adjust closed months."""

    tenant_id: str
    entries: int
    adjustments: int

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.tenant_id}: {self.entries} entries, {self.adjustments} of them adjust closed months"


def post_journal(settings: Settings, tenant_id: str, *, by: str) -> Entered:
    """Enter what a tenant's money facts have changed since the last posting of its journal.

    What lies in an open month is booked on its own day, what lies in a closed one on the first open day. A
    run that is killed may be repeated at any time.

    Args:
        settings: where the warehouse and the landing zone are.
        tenant_id: whose journal.
        by: who posts.

    Raises:
        NotPublishedError: the tenant is held or unknown.
        PostingError: a build is under way or has failed half-way.
        LedgerError: nobody posts, or the facts contradict themselves.
        DecisionError: the loader refused a row, so none is entered.
    """
    with opened_ledger(tenant_id, settings) as ledger:
        return enter_changes(ledger, by=by)


def enter_changes(ledger: Ledger, *, by: str) -> Entered:
    """Do what ``post_journal`` does, for the holder of a tenant's ledger."""
    settings = ledger.settings
    with turn(ledger.loader, load_contracts()[FEED], f"{ledger.tenant_id}/{SOURCE}", settings):
        # what was landed by who was killed then is loaded now
        first_open = open_from(settings, ledger.tenant_id)
    with ledger.transformer.transaction():
        ledger.transformer.execute("set transaction isolation level repeatable read")
        tenant, upto = ledger.published()
        events = read_by(ledger.transformer, "int_orders__events", "orders", "refunds", "pos_sales")
        now = positions_of(ledger.transformer) | events | {"builds": upto["build"]}
        _touch(ledger, _since(ledger, tenant.time_zone), now, tenant.time_zone)
        facts = read_as(ledger.transformer, _FACTS, MONEY_FACTS)
        standing = read_as(ledger.transformer, _STANDING, ENTRIES)
    posting = Posting(tenant.tenant_id, first_open, tenant.as_of, datetime.now(UTC), by)
    entries = enter(facts, standing, posting)
    _land(ledger, entries, posting)
    ledger.loader.execute(
        "insert into finance.journal_progress (tenant_id, time_zone, positions) values (%s, %s, %s)"
        " on conflict (tenant_id) do update"
        " set time_zone = excluded.time_zone, positions = excluded.positions",
        [tenant.tenant_id, tenant.time_zone, Jsonb(now)],
    )
    adjusted = sum(kind == "adjustment" for kind in entries["entry_type"].to_pylist())
    return Entered(tenant.tenant_id, entries.num_rows, adjusted)


def _since(ledger: Ledger, zone: str) -> dict[str, int]:
    """Return how far the journal has come; in another zone every day may be another, so nothing counts."""
    found = ledger.loader.rows(
        "select positions from finance.journal_progress where tenant_id = %s and time_zone = %s",
        [ledger.tenant_id, zone],
    )
    return dict(found[0][0]) if found else {}


def _touch(ledger: Ledger, since: dict[str, int], now: dict[str, int], zone: str) -> None:
    """Make the table of the records, or events of records, to look at."""
    values: dict[str, Any] = {feed: since.get(feed, 0) for feed in now}
    values |= {f"{feed}_upto": position for feed, position in now.items()}
    for name, value in {"tenant": ledger.tenant_id, "zone": zone, **values}.items():
        ledger.transformer.execute("select set_config(%s, %s, true)", [f"sokol.{name}", str(value)])
    ledger.transformer.execute(_TOUCHED, {"tenant": ledger.tenant_id, **values})
    ledger.transformer.execute("analyze touched")


def _land(ledger: Ledger, entries: pa.Table, posting: Posting) -> None:
    books.append_rows(
        ledger.loader, FEED, ledger.tenant_id, entries, what="journal", source=SOURCE, at=posting.at,
        settings=ledger.settings,
    )  # fmt: skip


# Whatever events a build has written anew, and what may have lost its last event since: a web order is
# written anew in tracked_orders or leaves a tombstone; a store sale or return and a refund have changed
# themselves; a refund without order has got its order.
_TOUCHED = """
    create temp table touched on commit drop as
    with web as (
        select source, order_id from marts.tracked_orders
        where tenant_id = %(tenant)s and _build_id > %(builds)s
        union
        select source, order_id from raw.orders
        where tenant_id = %(tenant)s and _deleted and _load_id > %(orders)s and _load_id <= %(orders_upto)s
    ),
    sales as (
        select source, sale_id from raw.pos_sales
        where tenant_id = %(tenant)s and _load_id > %(pos_sales)s
    )
    select
        case order_type when 'web' then 'order' else 'store_sale' end as record_type,
        source, subject_id as record_id, null as event_id
    from intermediate.int_orders__events
    where tenant_id = %(tenant)s and _build_id > %(builds)s
    union
    select 'order', source, order_id, null from web
    union
    select 'order', refunds.source, 'refund:' || refunds.refund_id, null
    from web
    inner join staging.stg_refunds as refunds
        on refunds.tenant_id = %(tenant)s and refunds.source = web.source and refunds.order_id = web.order_id
    union
    select 'order', source, 'refund:' || refund_id, null from raw.refunds
    where tenant_id = %(tenant)s and _load_id > %(refunds)s
    union
    select 'store_sale', source, sale_id, null from sales
    union
    select 'store_sale', source, 'refund:' || sale_id, null from sales
    union
    select 'store_sale', returns.source, 'refund:' || returns.sale_id, null
    from sales
    inner join raw.pos_sales as returns
        on returns.tenant_id = %(tenant)s and returns.source = sales.source
        and returns.original_sale_id = sales.sale_id
    union
    select 'payment', source, payment_id, null from staging.stg_payments
    where tenant_id = %(tenant)s and _load_id > %(payments)s
    union
    select 'payment', source, payment_id, null from raw.payments
    where tenant_id = %(tenant)s and _deleted and _load_id > %(payments)s and _load_id <= %(payments_upto)s
    union
    select 'remittance', source, order_id, remittance_id from staging.stg_remittances
    where tenant_id = %(tenant)s and _load_id > %(remittances)s
    union
    select 'remittance', source, order_id, remittance_id from raw.remittances
    where
        tenant_id = %(tenant)s and _deleted
        and _load_id > %(remittances)s and _load_id <= %(remittances_upto)s
    union
    select 'bank_line', account_id, line_id, null from staging.stg_bank_lines
    where tenant_id = %(tenant)s and _load_id > %(bank_lines)s
"""

_TENANT = "current_setting('sokol.tenant')"
_ZONE = "current_setting('sokol.zone')"


def _new(feed: str) -> str:
    return f"{feed}.tenant_id = {_TENANT} and {feed}._load_id > current_setting('sokol.{feed}')::bigint"


# Payments, remittances and lines that are touched are those that are new, and those that are gone.
_FACTS = f"""
    select
        touched.record_type, touched.source, touched.record_id, events.event_type,
        nullif(events.event_id, '') as event_id, events.event_date, events.currency,
        cast(events.gross_amount as numeric(20, 4)) as amount,
        cast(events.vat_amount as numeric(20, 4)) as vat_amount,
        case when events.event_type = 'completion'
            then coalesce(orders.discount_amount, sales.discount_amount, 0) else 0
        end as discount_amount,
        0 as fee_amount
    from touched
    inner join intermediate.int_orders__events as events
        on events.tenant_id = {_TENANT} and touched.source = events.source
        and touched.record_id = events.subject_id
        and touched.record_type = case events.order_type when 'web' then 'order' else 'store_sale' end
    left join marts.tracked_orders as orders
        on touched.record_type = 'order' and orders.tenant_id = {_TENANT}
        and touched.source = orders.source and touched.record_id = orders.order_id
    left join staging.stg_pos_sales as sales
        on touched.record_type = 'store_sale' and sales.tenant_id = {_TENANT}
        and touched.source = sales.source and touched.record_id = sales.sale_id
    union all
    select
        'payment', source, payment_id, payment_type, null, (occurred_at at time zone {_ZONE})::date, currency,
        case payment_type when 'charge' then amount else -amount end, 0, 0, coalesce(fee_amount, 0)
    from staging.stg_payments as payments
    where status = 'succeeded' and {_new("payments")}
    union all
    select
        'remittance', source, order_id, remittance_type, remittance_id,
        (collected_at at time zone {_ZONE})::date, currency,
        collected_amount, 0, 0, collected_amount - net_amount
    from staging.stg_remittances as remittances
    where {_new("remittances")}
    union all
    select 'bank_line', account_id, line_id, 'booking', null, booked_on, currency, amount, 0, 0, 0
    from staging.stg_bank_lines as bank_lines
    where {_new("bank_lines")}
"""

_STANDING = f"""
    select {", ".join(f"entries.{name}" for name in ENTRIES.names)}
    from touched
    inner join raw.journal_entries as entries
        on entries.tenant_id = {_TENANT} and touched.record_type = entries.record_type
        and touched.source = entries.source and touched.record_id = entries.record_id
        and (touched.event_id is null or touched.event_id = entries.event_id)
"""
