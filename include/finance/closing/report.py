"""A month's report from the books: what was booked in it, each adjustment, and how it was reconciled.

A closed month's report reads nothing but books, and is the same to the byte whenever it is asked for.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from include.finance.closing.journal import AMOUNTS
from include.finance.closing.reconciled import Reconciled, open_items, reconciled
from include.finance.periods import CLOSES, first_day, last_day
from include.finance.tenants import published_tenant
from include.settings import Settings
from include.warehouse import Warehouse, connect

COLUMNS = (
    "section", "type", "detail", "source", "record", "event_date", "currency", "entries", *AMOUNTS, "text",
)  # fmt: skip
"""Columns of a report; what a section does not say is empty. Amounts are in units of the row's currency."""


class ReportError(RuntimeError):
    """There is no such report, or the books no longer say what they said when the month was closed."""


@dataclass(frozen=True)
class Status:
    """Of which tenant and month a report is, as of which day, how it was reconciled, and its close if any."""

    tenant_id: str
    month: str
    as_of: date
    reconciliation: Sequence[Reconciled]
    closed_at: datetime | None = None
    closed_by: str = ""
    reason: str = ""


def report(settings: Settings, tenant_id: str, month: str) -> bytes:
    """Return the report of a tenant's month as CSV (``COLUMNS``).

    Args:
        settings: where the warehouse is.
        tenant_id: whose month.
        month: the month (YYYY-MM); one that is open is reported as far as it is booked, as provisional.

    Raises:
        ValueError: the month is written in another way.
        NotPublishedError: the month is open, and the tenant held or unknown.
        ReportError: the report of a closed month is not what was closed.
    """
    with connect("transformer", settings) as warehouse, warehouse.transaction():
        warehouse.execute("set transaction isolation level repeatable read")
        found = warehouse.rows(
            "select as_of_date, reconciliation, closed_at, entered_by, reason, fingerprint"
            f" from raw.{CLOSES} where tenant_id = %s and month = %s",
            [tenant_id, month],
        )
        if not found:
            return make_report(warehouse, _provisional(warehouse, tenant_id, month))
        as_of, said, closed_at, by, reason, fingerprint = found[0]
        counted = [Reconciled(**row) for row in json.loads(said)]
        made = make_report(warehouse, Status(tenant_id, month, as_of, counted, closed_at, by, reason))
    if fingerprint_of(made) != fingerprint:
        raise ReportError(
            f"tenant {tenant_id}, month {month}: the books give a report with the fingerprint"
            f" {fingerprint_of(made)}, but {fingerprint} was closed on {closed_at:%Y-%m-%d}; rows came or"
            " went past the guards of a book; compare the books with ops.financial_audit before using either"
        )
    return made


def make_report(warehouse: Warehouse, status: Status) -> bytes:
    """Return the report of what the books say of a month, as a snapshot or lock keeps them."""
    values = {
        "tenant": status.tenant_id,
        "first": first_day(status.month),
        "last": last_day(status.month),
    }
    rows = [*_head(status)]
    for statement in (_BOOKED, _LEDGER):
        # Sorted here: how a database sorts text depends on where it runs.
        rows += sorted(_line(row) for row in warehouse.rows(statement, values))
    rows += sorted(_line(row) for row in warehouse.rows(_ADJUSTMENTS, values))
    rows += (_row("reconciliation", item.side, item.state, currency=item.currency, entries=item.records,
                  amount=_money(Decimal(item.amount))) for item in status.reconciliation)  # fmt: skip
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    lines.writerows(rows)
    return text.getvalue().encode()


def fingerprint_of(made: bytes) -> str:
    """Return a report's SHA-256 in hexadecimal digits."""
    return hashlib.sha256(made).hexdigest()


def _provisional(warehouse: Warehouse, tenant_id: str, month: str) -> Status:
    as_of = published_tenant(warehouse, tenant_id).as_of
    return Status(tenant_id, month, as_of, reconciled(warehouse, tenant_id, month))


def _head(status: Status) -> Iterable[tuple[str, ...]]:
    said = {"tenant": status.tenant_id, "month": status.month, "as of": str(status.as_of)}
    if status.closed_at is None:
        said |= {"status": "provisional: the month is open, and its figures may change"}
    else:
        said |= {"status": "closed", "closed at": f"{status.closed_at:%Y-%m-%dT%H:%M:%SZ}"}
        said |= {"closed by": status.closed_by, "reason": status.reason}
    said |= {"open records": str(open_items(status.reconciliation))}
    return (_row("report", name, text=text) for name, text in said.items())


def _row(section: str, kind: str, detail: str = "", **values: object) -> tuple[str, ...]:
    told = {"section": section, "type": kind, "detail": detail} | values
    return tuple(str(told.get(name, "")) for name in COLUMNS)


def _line(row: Sequence[Any]) -> tuple[str, ...]:
    return tuple(
        "" if value is None else _money(value) if isinstance(value, Decimal) else str(value) for value in row
    )


def _money(amount: Decimal) -> str:
    return f"{amount:.4f}"


_SECTION = """
    case
        when record_type in ('order', 'store_sale') and event_type = 'completion' then 'orders'
        when record_type in ('order', 'store_sale') then 'refunds'
        else record_type || 's'
    end
"""

_BOOKED = f"""
    select
        {_SECTION},
        case
            when record_type <> 'bank_line' then event_type
            when amount > 0 then 'received'
            else 'paid'
        end,
        entry_type, source, null, null, currency, count(*),
        {", ".join(f"sum({name})" for name in AMOUNTS)}, null
    from raw.journal_entries
    where tenant_id = %(tenant)s and posting_date between %(first)s and %(last)s
    group by 1, 2, 3, 4, currency
"""

_LEDGER = """
    select
        'commission', account, entry_type, null, null, null, currency, count(*),
        sum(amount), null, null, null, null
    from raw.ledger_entries
    where tenant_id = %(tenant)s and posting_date between %(first)s and %(last)s
    group by account, entry_type, currency
"""

_ADJUSTMENTS = f"""
    select
        'adjustments', record_type, event_type, source, concat_ws(' ', record_id, event_id),
        event_date::text, currency, 1, {", ".join(AMOUNTS)}, reason
    from raw.journal_entries
    where
        tenant_id = %(tenant)s and posting_date between %(first)s and %(last)s
        and entry_type = 'adjustment'
    union all
    select
        'adjustments', account, entry_type, order_source, concat_ws(' ', kol_id, order_id, event_id),
        event_date::text, currency, 1, amount, null, null, null, reason
    from raw.ledger_entries
    where
        tenant_id = %(tenant)s and posting_date between %(first)s and %(last)s
        and posting_date > event_date
"""
