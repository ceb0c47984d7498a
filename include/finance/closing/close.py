"""Closing a tenant's month: from then on nothing is booked into it, and its report stays as it is."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from include.feeds.decision import land_decision
from include.finance.closing.booking import enter_changes
from include.finance.closing.reconciled import Reconciled, open_items, reconciled
from include.finance.closing.report import Status, fingerprint_of, make_report
from include.finance.ledger.posting import Ledger, opened_ledger
from include.finance.periods import CLOSES, SOURCE, first_day, last_day, month_of, open_from
from include.finance.reconciliation.facts import positions_of
from include.finance.reconciliation.rules import rules_of
from include.settings import Settings


class CloseError(RuntimeError):
    """The month cannot be closed; it is as open as it was."""


@dataclass(frozen=True)
class Closed:
    """A month that is closed: the fingerprint of its report, and the open records that were accepted."""

    tenant_id: str
    month: str
    fingerprint: str
    open_items: int

    def __str__(self) -> str:
        """Say it in a line."""
        accepted = f", with {self.open_items} open records accepted" if self.open_items else ""
        return f"{self.tenant_id}: {self.month} is closed{accepted}; its report is {self.fingerprint}"


def close_period(
    settings: Settings, tenant_id: str, month: str, *, by: str, reason: str, accept_open: bool = False
) -> Closed:
    """Close a tenant's month.

    All that is known of the month is booked first; then its report is made, and the report's fingerprint
    entered into the book of closes. Killed before that, the month is open, and closing it may be repeated.

    Args:
        settings: where the warehouse and the landing zone are.
        tenant_id: whose month.
        month: the month (YYYY-MM): the one after the last that was closed, or the first with anything in it.
        by: who closes it.
        reason: why it may be closed, for whoever reads the books.
        accept_open: close it although records of it are open in the reconciliation and nobody has explained
            them.

    Raises:
        ValueError: the month is written in another way, nobody closes it, or no reason is given.
        CloseError: it is closed already, not the next one, not over, not posted or reconciled, or has open
            records.
        PostingError: as ``post_journal``.
    """
    last = last_day(month)
    by, reason = " ".join(by.split()), " ".join(reason.split())
    for name, value in (("by", by), ("reason", reason)):
        if not value:
            raise ValueError(
                f"a close needs {name}: who closes the month and why stands in the book for ever"
            )
    with opened_ledger(tenant_id, settings) as ledger, ledger.loader.holding(f"sokol:finance:{tenant_id}"):
        if last < open_from(settings, tenant_id):
            raise CloseError(f"tenant {tenant_id}: {month} is closed already")
        tenant, upto = ledger.published()
        if tenant.as_of < last:
            raise CloseError(
                f"tenant {tenant_id}: {month} is not over, its figures are those of {tenant.as_of};"
                f" load and build up to {last} first"
            )
        if ledger.progress()["build_id"] != upto["build"]:
            raise CloseError(
                f"tenant {tenant_id}: the commission of build {upto['build']} is not posted yet;"
                " post it, then close"
            )
        _require_reconciled(ledger, last, tenant.time_zone)
        enter_changes(ledger, by=by)
        _require_next(ledger, month)
        told = reconciled(ledger.transformer, tenant_id, month)
        if open_items(told) and not accept_open:
            raise CloseError(
                f"tenant {tenant_id}: {open_items(told)} records of {month} are open: {_broken(told)};"
                " explain them (`python -m include.finance explain-item`) or accept them as they are"
                " (--accept-open)"
            )
        at = datetime.now(UTC)
        return _enter(ledger, Status(tenant_id, month, tenant.as_of, told, at, by, reason))


def _require_reconciled(ledger: Ledger, last: date, zone: str) -> None:
    found = ledger.transformer.rows(
        "select positions, rules_version, time_zone from finance.reconciliation_runs"
        " where tenant_id = %s and as_of_date >= %s order by run_id desc limit 1",
        [ledger.tenant_id, last],
    )
    now = (positions_of(ledger.transformer), rules_of(ledger.transformer, ledger.tenant_id).version, zone)
    if not found or found[0] != now:
        raise CloseError(
            f"tenant {ledger.tenant_id}: what is loaded is not reconciled up to {last} by today's rules;"
            f" run `python -m include.finance reconcile --tenant {ledger.tenant_id}` first"
        )
    if ledger.transformer.value(_EXPLAINED_SINCE, [ledger.tenant_id]):
        raise CloseError(
            f"tenant {ledger.tenant_id}: the marts do not show yet what was explained last;"
            f" run `python -m include.finance night --tenant {ledger.tenant_id}` first"
        )


def _require_next(ledger: Ledger, month: str) -> None:
    """Refuse to leave a month open before one that is closed; the journal must hold all that is known."""
    first = open_from(ledger.settings, ledger.tenant_id)
    if first == date.min:
        first = ledger.transformer.value(_FIRST_BOOKED, [ledger.tenant_id, ledger.tenant_id]) or first_day(
            month
        )
    if month_of(first) != month:
        raise CloseError(
            f"tenant {ledger.tenant_id}: months close one after another; the next is {month_of(first)}"
        )


def _broken(told: Sequence[Reconciled]) -> str:
    return ", ".join(
        f"{row.records} {row.side} {row.state} ({row.amount} {row.currency})" for row in told if row.is_open
    )


def _enter(ledger: Ledger, status: Status) -> Closed:
    """Make the report, as the lock of the ledger keeps the books, and enter its fingerprint."""
    fingerprint = fingerprint_of(make_report(ledger.transformer, status))
    items = open_items(status.reconciliation)
    assert status.closed_at is not None
    line = {
        "month": status.month, "as_of_date": str(status.as_of), "fingerprint": fingerprint,
        "reconciliation": json.dumps([asdict(row) for row in status.reconciliation], ensure_ascii=False),
        "open_items": items, "closed_at": status.closed_at.isoformat(), "entered_by": status.closed_by,
        "reason": status.reason,
    }  # fmt: skip
    land_decision(
        ledger.loader,
        CLOSES,
        status.tenant_id,
        json.dumps(line, ensure_ascii=False, sort_keys=True).encode(),
        source=SOURCE,
        name=f"close-{status.month}-{fingerprint[:16]}.jsonl",
        at=status.closed_at,
        settings=ledger.settings,
    )
    return Closed(status.tenant_id, status.month, fingerprint, items)


_FIRST_BOOKED = """
    select least(
        (select min(posting_date) from raw.journal_entries where tenant_id = %s),
        (select min(posting_date) from raw.ledger_entries where tenant_id = %s)
    )
"""

_EXPLAINED_SINCE = """
    select exists (
        select from raw.finance_explanations
        where tenant_id = %s
            and _load_id > coalesce((select load_id from ops.pins where feed = 'finance_explanations'), 0)
    )
"""
