"""The finance pack of a tenant and day: what is open, settled, booked, flagged and to be audited, as XLSX."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from include.feeds.landing import Root
from include.finance.audit.sample import SIZE, audit_sample
from include.finance.reporting import gate
from include.finance.reporting.workbook import MOST_ROWS, Column, Table, as_csv, workbook
from include.finance.tenants import published_tenant
from include.settings import Settings
from include.warehouse import connect


@dataclass(frozen=True)
class Sheet:
    """A sheet: its title, what it shows, its columns, and the query that gives them in this order.

    The query knows ``tenant``, ``day`` and ``month``, the first day of the day's month. Its rows have one
    order only, and one more than a sheet holds is asked for, so that it can be said that there are more.
    """

    title: str
    note: str
    columns: Sequence[Column]
    query: str


_MONEY = "Money is in the currency of its row."
_OF_CURRENCY = Column("currency", width=9)

SHEETS = (
    Sheet(
        "Summary",
        f"Every record of money is in one state. {_MONEY} Sides show the same money; they do not add up.",
        (
            Column("side", width=12),
            Column("item_type", width=14),
            _OF_CURRENCY,
            Column("state"),
            Column("open", width=7),
            Column("items", "count"),
            Column("amount", "money"),
            Column("difference", "money"),
        ),
        """
        select side, item_type, currency, state, case when is_open then 'open' end, items, amount, difference
        from marts.reconciliation_summary
        where tenant_id = %(tenant)s
        order by side, item_type, currency, is_open desc, state
        """,
    ),
    Sheet(
        "Breaks",
        f"What is open, by state and age, the biggest first, with both amounts. {_MONEY}",
        (
            Column("state"),
            Column("age_bucket", width=8),
            Column("age_days", "count", width=8),
            Column("side", width=12),
            Column("item_type", width=14),
            Column("source"),
            Column("item_id", width=28),
            Column("item_date", "day"),
            _OF_CURRENCY,
            Column("amount", "money"),
            Column("counter_currency", width=9),
            Column("counter_amount", "money", currency="counter_currency"),
            Column("difference", "money"),
            Column("counterpart_id", width=28),
            Column("reference", width=24),
            Column("sender"),
            Column("payout_id", width=28),
        ),
        """
        select state, age_bucket, age_days, side, item_type, source, item_id, item_date, currency, amount,
            counter_currency, counter_amount, difference, counterpart_id, reference, sender, payout_id
        from marts.reconciliation_items
        where tenant_id = %(tenant)s and is_open
        order by state, age_days desc nulls last, abs(amount) desc, currency, side, item_type, source, item_id
        """,
    ),
    Sheet(
        "Settlement",
        f"What was due in the month up to the day and what came of it, the newest first. {_MONEY}",
        (
            Column("due_on", "day"),
            Column("kind", width=12),
            Column("source"),
            Column("sender"),
            _OF_CURRENCY,
            Column("payouts", "count"),
            Column("payments", "count"),
            *(
                Column(f"{name}_amount", "money")
                for name in (
                    "charge",
                    "refund",
                    "chargeback",
                    "fee",
                    "due",
                    "received",
                    "timing",
                    "open",
                    "explained",
                )
            ),
        ),
        """
        select due_on, kind, source, sender, currency, payouts, payments, charge_amount, refund_amount,
            chargeback_amount, fee_amount, due_amount, received_amount, timing_amount, open_amount,
            explained_amount
        from marts.settlement
        where tenant_id = %(tenant)s and due_on between %(month)s and %(day)s
        order by due_on desc, kind, source, currency
        """,
    ),
    Sheet(
        "Orders",
        f"Paid orders of the month up to the day, with and without token, the newest day first. {_MONEY}",
        (
            Column("paid_date", "day"),
            Column("came_with", width=12),
            _OF_CURRENCY,
            Column("orders", "count"),
            Column("credited_orders", "count"),
            Column("gross_amount", "money"),
            Column("refund_amount", "money"),
            Column("net_revenue_amount", "money"),
            Column("commission_amount", "money"),
        ),
        """
        select paid_date, came_with, currency, orders, credited_orders, gross_amount, refund_amount,
            net_revenue_amount, commission_amount
        from marts.paid_orders_by_day
        where tenant_id = %(tenant)s and paid_date between %(month)s and %(day)s
        order by paid_date desc, came_with, currency
        """,
    ),
    Sheet(
        "Ledger",
        f"Lines of the commission ledger that are booked on the day. {_MONEY}",
        (
            Column("kol_id"),
            Column("kol_name", width=24),
            Column("entry_type", width=12),
            Column("account", width=20),
            _OF_CURRENCY,
            Column("amount", "money"),
            Column("order_source"),
            Column("order_id", width=24),
            Column("contract_id"),
            Column("event_date", "day"),
            Column("reason", width=40),
            Column("entry_id", width=34),
        ),
        """
        select kol_id, kol_name, entry_type, account, currency, amount, order_source, order_id, contract_id,
            event_date, reason, entry_id
        from marts.kol_ledger
        where tenant_id = %(tenant)s and posting_date = %(day)s
        order by kol_id, currency, transaction_id, line_no, entry_id
        """,
    ),
    Sheet(
        "Ledger month",
        f"What is booked in the month up to the day, by account and type of entry. {_MONEY}",
        (
            Column("account", width=20),
            Column("entry_type", width=12),
            _OF_CURRENCY,
            Column("lines", "count"),
            Column("amount", "money"),
        ),
        """
        select account, entry_type, currency, count(*), sum(amount)
        from marts.kol_ledger
        where tenant_id = %(tenant)s and posting_date between %(month)s and %(day)s
        group by account, entry_type, currency
        order by account, entry_type, currency
        """,
    ),
    Sheet(
        "Balances",
        f"What each KOL has earned, lost again, been paid, and is owed or owes now. {_MONEY}",
        (
            Column("kol_id"),
            Column("kol_name", width=24),
            _OF_CURRENCY,
            *(
                Column(f"{name}_amount", "money")
                for name in ("earned", "reversed", "penalty", "held", "payable", "receivable", "paid")
            ),
            Column("last_posting_date", "day"),
        ),
        """
        select kol_id, kol_name, currency, earned_amount, reversed_amount, penalty_amount, held_amount,
            payable_amount, receivable_amount, paid_amount, last_posting_date
        from marts.kol_balances
        where tenant_id = %(tenant)s
        order by kol_id, currency
        """,
    ),
    Sheet(
        "Fraud",
        f"Flags that hold commission now, and all flags on orders of the month up to the day. {_MONEY}",
        (
            Column("flagged_on", "day"),
            Column("rule", width=18),
            Column("source"),
            Column("order_id", width=24),
            Column("kol_id"),
            Column("customer_id", width=24),
            _OF_CURRENCY,
            Column("amount", "money"),
            Column("held", width=7),
            Column("verdict", width=11),
            Column("reviewed_by"),
            Column("review_reason", width=30),
            Column("evidence", width=60),
        ),
        """
        select flagged_on, rule, source, order_id, kol_id, customer_id, currency, amount,
            case when is_held then 'held' end, verdict, reviewed_by, review_reason, evidence
        from marts.fraud_flags
        where tenant_id = %(tenant)s and (is_held or flagged_on between %(month)s and %(day)s)
        order by flagged_on desc, rule, source, order_id
        """,
    ),
)


def as_of(settings: Settings, tenant_id: str) -> date:
    """Return the day that a tenant's marts are built for.

    Raises:
        NotPublishedError: the tenant is held or unknown.
    """
    with connect("transformer", settings) as warehouse:
        return published_tenant(warehouse, tenant_id).as_of


def write(settings: Settings, tenant_id: str, day: date) -> str:
    """Write the pack of a day, and its settlement as CSV; what stood of that day is replaced, whole.

    The same facts give the same bytes.

    Args:
        settings: where the warehouse and the folder ``exports_url`` are.
        tenant_id: whose pack.
        day: of the settlement, the ledger and the sample; the month up to it is shown too.

    Returns:
        Where the pack is.

    Raises:
        NotPublishedError: the tenant is held or unknown.
    """
    heading, tables = read(settings, tenant_id, day)
    settlement = next(table for table in tables if table.title == "Settlement")
    root = Root(settings.exports_url)
    for path, content in (
        (f"{_folder(tenant_id)}/{day}-settlement.csv", as_csv(settlement)),
        (_path(tenant_id, day), workbook(heading, tables, day=day)),
    ):
        if not root.is_local:
            root.fs.makedirs(root.full(_folder(tenant_id)), exist_ok=True)
        with root.writing(_folder(tenant_id)) as draft:
            draft.write(content)
            draft.publish(path)
    return place(settings, tenant_id, day)


def read(settings: Settings, tenant_id: str, day: date) -> tuple[str, list[Table]]:
    """Return the heading and the tables of a pack; raises as ``write``.

    Tables are of one moment, and the sample of its day.
    """
    given = {"tenant": tenant_id, "day": day, "month": day.replace(day=1)}
    with connect("transformer", settings) as warehouse, warehouse.transaction():
        warehouse.execute("set transaction isolation level repeatable read")
        tenant = published_tenant(warehouse, tenant_id)
        tables = [
            Table(
                sheet.title,
                sheet.note,
                sheet.columns,
                warehouse.rows(f"{sheet.query} limit {MOST_ROWS + 1}", given),
            )
            for sheet in SHEETS
        ]
        tables.insert(1, _ties(gate.ties_of(warehouse, tenant_id)))
    heading = f"Finance pack of {tenant.name} ({tenant_id}), {day}; books as of {tenant.as_of}"
    return heading, [*tables, _sample(settings, tenant_id, day)]


def place(settings: Settings, tenant_id: str, day: date) -> str:
    """Return where the pack of a day is, or would be."""
    root = Root(settings.exports_url)
    full = root.full(_path(tenant_id, day))
    return full if root.is_local else str(root.fs.unstrip_protocol(full))


@contextmanager
def local_copy(settings: Settings, tenant_id: str, day: date) -> Iterator[Path]:
    """Give a copy of a pack, under a name that tells whose it is.

    Raises:
        LookupError: there is none of that day.
    """
    root = Root(settings.exports_url)
    stored = root.full(_path(tenant_id, day))
    if not root.fs.exists(stored):
        raise LookupError(
            f"there is no finance pack of {tenant_id} for {day} at {place(settings, tenant_id, day)};"
            f" write it by python -m include.finance night --tenant {tenant_id} --day {day}"
        )
    with tempfile.TemporaryDirectory(prefix="sokol-pack-") as folder:
        copy = Path(folder) / f"finance-{tenant_id}-{day}.xlsx"
        copy.write_bytes(root.fs.cat_file(stored))
        yield copy


def _folder(tenant_id: str) -> str:
    return f"finance/{tenant_id}"


def _path(tenant_id: str, day: date) -> str:
    return f"{_folder(tenant_id)}/{day}.xlsx"


def _ties(ties: Sequence[gate.Tie]) -> Table:
    columns = (
        Column("totals", width=60),
        _OF_CURRENCY,
        Column("one", "money"),
        Column("other", "money"),
        Column("allowed", "money"),
        Column("holds", width=7),
    )
    rows = [
        (tie.what, tie.currency, tie.one, tie.other, tie.allowed, "yes" if tie.holds else "NO")
        for tie in ties
    ]
    return Table("Ties", f"Totals that come by two ways and must be the same. {_MONEY}", columns, rows)


def _sample(settings: Settings, tenant_id: str, day: date) -> Table:
    columns = (
        Column("draw_no", "count", 8),
        Column("source"),
        Column("order_id", width=24),
        Column("record", width=24),
        Column("record_key", width=36),
        Column("version_no", "count", 8),
        Column("landed_file", width=40),
        Column("landed_row", "count"),
        Column("content", width=100),
    )
    drawn = audit_sample(settings, tenant_id, day).select([column.name for column in columns])
    rows = list(zip(*(column.to_pylist() for column in drawn.columns), strict=True))
    note = f"{SIZE} of the day's orders at random, drawn again at any time, with every row behind each."
    return Table("Sample", note, columns, rows)
