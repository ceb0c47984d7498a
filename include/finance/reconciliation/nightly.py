"""The night's reconciliation of a tenant: what is new and all that it could change, judged and written."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
from psycopg.types.json import Jsonb

from include.finance.reconciliation import facts
from include.finance.reconciliation.bank import Line, explain
from include.finance.reconciliation.claims import Claims, settle_claims
from include.finance.reconciliation.payouts import Due, in_units, list_dues
from include.finance.reconciliation.reconcile import (
    end_of,
    is_ahead,
    line_table,
    list_lines,
    opened,
    payout_table,
    unsettled_table,
)
from include.finance.reconciliation.rules import Rules, rules_of
from include.finance.tenants import published
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect

PAD_DAYS, EDGE_DAYS, MOST_PAD_DAYS = 14, 7, 732
"""Days before the first touched one that are looked at too, for a line may be that of an earlier day; more of
them while what is judged hangs together with what is about to be cut off."""


@dataclass(frozen=True)
class Night:
    """What one night found of a tenant: records looked at, and breaks by side and state.

    Breaks are those of the matching, whether somebody has explained them or not.
    """

    tenant_id: str
    as_of: date
    looked_at: int
    open: Mapping[str, int]

    def __str__(self) -> str:
        """Say it in one line."""
        said = ", ".join(f"{count} {what}" for what, count in sorted(self.open.items())) or "no breaks"
        return f"{self.tenant_id} as of {self.as_of}: {self.looked_at} records looked at; {said}"


@dataclass(frozen=True)
class _Since:
    """How far the last night came; nothing of it counts if its rules or zone were others, or its day later.

    Facts that were ahead of its day are not new to a later day, which has to look at everything then.
    """

    as_of: date
    is_ahead: bool
    positions: dict[str, int]
    senders: frozenset[str]


def reconcile_all(settings: Settings | None = None, *, only: Sequence[str] = ()) -> list[Night]:
    """Reconcile every published tenant, or some, as of the day that its marts are built for.

    Raises:
        NotPublishedError: one of those named is not published.
    """
    settings = settings or get_settings()
    with connect("transformer", settings) as reader:
        tenants = published(reader, only)
    return [reconcile_tenant(settings, one.tenant_id, zone=one.time_zone, as_of=one.as_of) for one in tenants]


def reconcile_tenant(
    settings: Settings, tenant: str, *, zone: str, as_of: date, rules: Rules | None = None
) -> Night:
    """Judge what came since the last night, and what that could change; write the states that are others.

    Args:
        settings: where the warehouse is.
        tenant: whose money.
        zone: its time zone.
        as_of: day up to which is looked.
        rules: other ones than the tenant's own.
    """
    started = datetime.now(UTC)
    with (
        connect("loader", settings) as writer,
        connect("transformer", settings) as reader,
        writer.transaction(),
        _snapshot(reader),
    ):
        writer.lock(f"sokol:finance:{tenant}")
        rules = rules or rules_of(reader, tenant)
        now = facts.positions_of(reader)
        since = _since(reader, tenant, rules, as_of=as_of, zone=zone)
        if since and since.as_of == as_of and since.positions == now:
            return Night(tenant, as_of, 0, _open(writer, tenant))
        judge = _Judge(reader, writer, tenant, rules=rules, zone=zone, as_of=as_of)
        found = judge.news(since) if since else judge.everything()
        writer.execute(
            "insert into finance.reconciliation_runs"
            " (tenant_id, as_of_date, time_zone, rules_version, positions, senders, is_ahead, started_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [tenant, as_of, zone, rules.version, Jsonb(now), sorted(found.senders), found.is_ahead, started],
        )
        return Night(tenant, as_of, found.looked_at, _open(writer, tenant))


@contextmanager
def _snapshot(reader: Warehouse) -> Iterator[None]:
    """Read everything as it is at one moment."""
    with reader.transaction():
        reader.execute("set transaction isolation level repeatable read")
        yield


def _since(reader: Warehouse, tenant: str, rules: Rules, *, as_of: date, zone: str) -> _Since | None:
    found = reader.rows(
        "select as_of_date, is_ahead, positions, senders, rules_version, time_zone"
        " from finance.reconciliation_runs where tenant_id = %s order by run_id desc limit 1",
        [tenant],
    )
    if not found:
        return None
    day, ahead, positions, senders, version, own_zone = found[0]
    since = _Since(day, ahead, positions, frozenset(senders))
    if (
        (version, own_zone) != (rules.version, zone)
        or since.as_of > as_of
        or (since.as_of < as_of and since.is_ahead)
    ):
        return None
    return since


@dataclass(frozen=True)
class _Found:
    """How many records a night looked at, which senders are known, and whether facts are ahead of its day."""

    looked_at: int
    senders: frozenset[str]
    is_ahead: bool


@dataclass
class _Judge:
    """One tenant's night, read by one connection and written by another."""

    reader: Warehouse
    writer: Warehouse
    tenant: str
    _: KW_ONLY
    rules: Rules
    zone: str
    as_of: date

    def everything(self) -> _Found:
        """Judge all there is."""
        read = facts.all_facts(self.reader, self.tenant)
        ahead = is_ahead(read, as_of=self.as_of, zone=self.zone)
        with opened(read, as_of=self.as_of, zone=self.zone) as duck:
            claims = settle_claims(duck, self.rules, end=end_of(self.as_of, self.zone))
            dues = list_dues(duck, self.rules, zone=self.zone)
            senders = frozenset(due.sender for due in dues)
            lines = list_lines(duck, self.rules, senders)
        told = explain(dues, lines, self.rules, as_of=self.as_of.toordinal())
        for table, _, found in _claimed(claims):
            self._write_all(table, found)
        self._write_all("payout_states", payout_table(dues, lines, told))
        self._write_all("line_states", line_table(lines, told))
        self._write_all("unsettled_states", unsettled_table(dues, told))
        return _Found(_count(claims) + len(dues) + len(lines), senders, ahead)

    def news(self, since: _Since) -> _Found:
        """Judge what came since, and what that could change."""
        facts.mark(self.reader, self.tenant, since.positions, zone=self.zone)
        read = facts.due_facts(self.reader, self.tenant, zone=self.zone, since=since.positions)
        with opened(read, as_of=self.as_of, zone=self.zone) as duck:
            dues = list_dues(duck, self.rules, zone=self.zone)
            if not {due.sender for due in dues} <= since.senders:
                return self.everything()  # lines of a sender that was unknown were nobody's
            lines = list_lines(duck, self.rules, since.senders)
        touched = facts.claim_facts(self.reader, self.tenant)
        with opened(touched, as_of=self.as_of, zone=self.zone) as duck:
            claims = settle_claims(duck, self.rules, end=end_of(self.as_of, self.zone))
        for table, key, found in _claimed(claims):
            self._write(table, key, found, gone=self._gone(table, key, found))
        ahead = since.is_ahead or any(
            is_ahead(some, as_of=self.as_of, zone=self.zone) for some in (read, touched)
        )
        return _Found(_count(claims) + self._bank(dues, lines), since.senders, ahead)

    def _bank(self, dues: Sequence[Due], lines: Sequence[Line]) -> int:
        """Judge the days that dues and lines touch; return how many records these have."""
        window = _Window(self.reader, self.tenant, dues, lines, as_of=self.as_of.toordinal())
        if window.first is None:
            return 0
        pad = PAD_DAYS
        while True:
            near_dues, near_lines = window.open(pad)
            told = explain(near_dues, near_lines, self.rules, as_of=self.as_of.toordinal())
            own_dues = [due for due in near_dues if window.owns(due)]
            own_lines = [line for line in near_lines if window.owns(line)]
            days = [(due.key, due.day) for due in own_dues] + [(line.key, line.day) for line in own_lines]
            reached = min((told.reach.get(key, day) for key, day in days), default=window.first)
            if reached > window.first - pad + EDGE_DAYS or pad > MOST_PAD_DAYS:
                break
            pad *= 2
        payouts = ("kind", "source", "payout_id", "currency")
        self._write("payout_states", payouts, payout_table(own_dues, near_lines, told), gone=window.gone)
        self._write("line_states", ("account_id", "line_id"), line_table(own_lines, told))
        for _, source, day, currency in [*(due.key for due in own_dues if due.members), *window.gone]:
            self.writer.execute(
                "delete from finance.unsettled_states"
                " where tenant_id = %s and source = %s and payout_id = %s and currency = %s",
                [self.tenant, source, day, currency],
            )
        self._write("unsettled_states", ("source", "payment_id"), unsettled_table(own_dues, told))
        return len(own_dues) + len(own_lines)

    def _gone(self, table: str, key: Sequence[str], found: pa.Table) -> list[tuple[str, ...]]:
        """Return keys of states in the night's scope whose records are no longer there."""
        scope = f"tenant_id = %s and ({_SCOPES[table]})"
        stood = self.reader.rows(f"select {', '.join(key)} from finance.{table} where {scope}", [self.tenant])
        stands = set(zip(*(found[column].to_pylist() for column in key), strict=True))
        return [row for row in stood if row not in stands]

    def _write(
        self, table: str, key: Sequence[str], found: pa.Table, *, gone: Sequence[tuple[str, ...]] = ()
    ) -> None:
        """Write states where they are others, and take out those of records that are gone."""
        equal = " and ".join(f"{column} = %s" for column in ("tenant_id", *key))
        for row in gone:
            self.writer.execute(f"delete from finance.{table} where {equal}", [self.tenant, *row])
        if found.num_rows:
            self.writer.merge(f"finance.{table}", ["tenant_id", *key], self._owned(found))

    def _write_all(self, table: str, found: pa.Table) -> None:
        rows = self._owned(found)
        self.writer.execute(f"delete from finance.{table} where tenant_id = %s", [self.tenant])
        self.writer.bulk_load(f"finance.{table}", rows.column_names, rows)
        self.writer.execute(f"analyze finance.{table}")

    def _owned(self, found: pa.Table) -> pa.Table:
        return found.add_column(0, "tenant_id", pa.repeat(self.tenant, found.num_rows))


_SCOPES = {
    "order_states": "order_id in (select order_id from touched_orders)",
    "receipt_states": "reference in (select order_id from touched_orders)"
    " or side = 'payment' and (source, receipt_id) in (select source, payment_id from touched_payments)",
    "refund_states": "order_id in (select order_id from touched_orders)",
}


def _claimed(claims: Claims) -> list[tuple[str, tuple[str, ...], pa.Table]]:
    return [
        ("order_states", ("source", "order_id"), claims.orders),
        ("receipt_states", ("side", "source", "receipt_id"), claims.receipts),
        ("refund_states", ("source", "refund_id"), claims.refunds),
    ]


def _count(claims: Claims) -> int:
    return sum(int(found.num_rows) for _, _, found in _claimed(claims))


class _Window:
    """The days that a night's new dues and lines touch, and what stands in and before them."""

    def __init__(
        self, reader: Warehouse, tenant: str, dues: Sequence[Due], lines: Sequence[Line], *, as_of: int
    ) -> None:
        self.reader, self.tenant = reader, tenant
        self.dues, self.lines = {due.key: due for due in dues}, {line.key: line for line in lines}
        self.stood = {due.key: due for due in self._read_dues(_DUES_IN_SCOPE)}
        self.gone = [key for key in self.stood if key not in self.dues]
        changed = [due for due in dues if self.stood.get(due.key) != due]
        before = [self.stood[due.key] for due in changed if due.key in self.stood]
        waiting = self._read_dues("state = 'timing' and due_on is not null")
        moved = [*changed, *before, *(self.stood[key] for key in self.gone), *waiting]
        named = sorted({name for line in lines for name in line.references})
        found = self._read_dues("reference = any(%(names)s) and reference <> ''", names=named)
        names = sorted({due.reference for due in changed if due.reference})
        naming = self._read_lines("named && %(names)s", names=names)
        days = [due.day for due in (*moved, *found)] + [line.day for line in (*lines, *naming)]
        self.first = min((day for day in days if day <= as_of), default=None)

    def owns(self, record: Due | Line) -> bool:
        """Tell whether a record's state is judged by this night."""
        assert self.first is not None
        return record.day >= self.first

    def open(self, pad: int) -> tuple[list[Due], list[Line]]:
        """Return dues and lines from some days before the first touched one on, with what names them."""
        assert self.first is not None
        first = date.fromordinal(self.first - pad)
        dues = {due.key: due for due in self._read_dues(_DUES_FROM, first=first)}
        lines = {line.key: line for line in self._read_lines(_LINES_FROM, first=first)}
        for key in self.gone:
            dues.pop(key, None)
        fresh = {k: due for k, due in self.dues.items() if due.day >= first.toordinal() or k in dues}
        return list((dues | fresh).values()), list((lines | self.lines).values())

    def _read_dues(self, condition: str, **given: object) -> list[Due]:
        rows = self.reader.rows(
            "select kind, source, payout_id, currency, sender, amount, coalesce(due_on, %(never)s), reference"
            f" from finance.payout_states as dues where tenant_id = %(tenant)s and ({condition})",
            {"tenant": self.tenant, "never": date.max, **given},
        )
        return [
            Due((kind, source, payout, currency), sender, in_units(amount), day.toordinal(), name)
            for kind, source, payout, currency, sender, amount, day, name in rows
        ]

    def _read_lines(self, condition: str, **given: object) -> list[Line]:
        rows = self.reader.rows(
            "select account_id, line_id, sender, currency, amount, booked_on, named"
            f" from finance.line_states as lines where tenant_id = %(tenant)s and ({condition})",
            {"tenant": self.tenant, **given},
        )
        return [
            Line((account, line), sender, currency, in_units(amount), day.toordinal(), tuple(named))
            for account, line, sender, currency, amount, day, named in rows
        ]


_DUES_IN_SCOPE = """
    kind = 'unsettled'
    or kind = 'payout' and (source, payout_id) in (select source, payout_id from changed_payments)
    or kind = 'remittance' and (source, payout_id) in (select source, remittance_id from changed_remittances)
    or kind = 'takings' and (source, payout_id) in (select source, payout_id from changed_takings)
    or kind = 'transfer' and payout_id in (select order_id from touched_orders)
"""
_DUES_FROM = """
    due_on >= %(first)s or due_on is null
    or exists (
        select from finance.line_states as lines
        where lines.tenant_id = dues.tenant_id and lines.kind = dues.kind and lines.source = dues.source
            and lines.payout_id = dues.payout_id and lines.matched_by = 'reference'
            and lines.booked_on >= %(first)s
    )
"""
_LINES_FROM = """
    booked_on >= %(first)s
    or matched_by = 'reference' and exists (
        select from finance.payout_states as dues
        where dues.tenant_id = lines.tenant_id and dues.kind = lines.kind and dues.source = lines.source
            and dues.payout_id = lines.payout_id and dues.due_on >= %(first)s
    )
"""


def _open(warehouse: Warehouse, tenant: str) -> dict[str, int]:
    """Count what is neither matched nor a matter of time, by side and state."""
    rows = warehouse.rows(
        """
        select side || ' ' || state, count(*)
        from (
            select 'order' as side, state from finance.order_states
            where tenant_id = %(tenant)s and is_completed and state <> 'by_bank'
            union all
            select side, state from finance.receipt_states where tenant_id = %(tenant)s
            union all
            select 'refund', state from finance.refund_states where tenant_id = %(tenant)s
            union all
            select 'payout', state from finance.payout_states where tenant_id = %(tenant)s
            union all
            select 'bank line', state from finance.line_states where tenant_id = %(tenant)s
        ) as records
        where state not in ('matched', 'timing', 'void', 'not_sales')
        group by 1
        """,
        {"tenant": tenant},
    )
    return {name: int(count) for name, count in rows}
