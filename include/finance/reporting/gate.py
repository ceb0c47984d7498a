"""Unexplained money: what is open of a tenant, which totals do not tie, and how people are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from include.feeds.currencies import MINOR_UNITS
from include.finance.audit.explained import number
from include.finance.reconciliation.rules import rules_of
from include.finance.tenants import published_tenant
from include.settings import Settings
from include.warehouse import Warehouse, connect

SHOWN_ITEMS = 20
"""Open records that a message names; the others stand in the mart and in the pack."""


class UnexplainedMoneyError(RuntimeError):
    """Records of a tenant are open, or totals that must be the same are not; the text lists them."""


@dataclass(frozen=True)
class OpenSum:
    """How many records of one side, state and currency are open, and what they come to without their sign."""

    side: str
    state: str
    currency: str
    items: int
    amount: Decimal

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.side} {self.state}: {self.items:,}, {money(self.amount, self.currency)}"


@dataclass(frozen=True)
class OpenItem:
    """A record that is open; ``age_days`` up to the as-of day."""

    side: str
    source: str
    item_id: str
    state: str
    currency: str
    amount: Decimal
    age_days: int

    def __str__(self) -> str:
        """Say it in a line."""
        what = f"{self.side} {self.source} {self.item_id}, {self.state}"
        plural = "" if self.age_days == 1 else "s"
        return f"{what}: {money(self.amount, self.currency)}, {self.age_days} day{plural} old"


@dataclass(frozen=True)
class Tie:
    """Two totals that must be the same, up to what the rules let pass."""

    what: str
    currency: str
    one: Decimal
    other: Decimal
    allowed: Decimal

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return abs(self.one - self.other) <= self.allowed

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.what}: {money(self.one, self.currency)} and {money(self.other, self.currency)}"


@dataclass(frozen=True)
class Unexplained:
    """What of a tenant's money is unexplained as of a day."""

    tenant_id: str
    as_of: date
    sums: Sequence[OpenSum]
    items: Sequence[OpenItem]
    untied: Sequence[Tie]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is open and all totals tie."""
        return not self.sums and not self.untied

    @property
    def level(self) -> Literal["success", "warning", "failure"]:
        """How bad it is: totals that do not tie are a fault of ours or a load that is missing."""
        return "failure" if self.untied else "warning" if self.sums else "success"

    @property
    def title(self) -> str:
        """Say it in one line."""
        opened = sum(each.items for each in self.sums)
        told = f"{opened:,} open" if opened else "nothing open"
        more = f", totals that do not tie: {len(self.untied)}" if self.untied else ""
        return f"{self.tenant_id}: {told}{more}, as of {self.as_of}"

    def __str__(self) -> str:
        """Say all of it, and what to do."""
        if self.is_clean:
            return f"{self.tenant_id} as of {self.as_of}: all money is explained and all totals tie"
        lines = [f"Unexplained money of {self.tenant_id} as of {self.as_of}:"]
        lines += [f"  {each}" for each in self.sums]
        if self.untied:
            lines += ["Totals that should be equal:", *(f"  {tie}" for tie in self.untied)]
        if self.items:
            count = sum(each.items for each in self.sums)
            lines += [f"The biggest of each currency, {len(self.items)} of {count:,}:"]
            lines += [f"  {item}" for item in self.items]
        lines += [
            "All of them: the finance pack, sheet Breaks, or"
            f" select * from marts.reconciliation_items where tenant_id = '{self.tenant_id}' and is_open",
            f"Say what each is: python -m include.finance explain-item --tenant {self.tenant_id} --side …"
            " --item … --category … --by … --reason …; docs/runbooks/finance-gate-red.md says who does what.",
        ]
        return "\n".join(lines)


def money(amount: Decimal, currency: str) -> str:
    """Return an amount with the decimals of its currency, or more where it has more."""
    return f"{currency} {number(amount, MINOR_UNITS.get(currency, 2))}"


def unexplained(settings: Settings, tenant_id: str) -> Unexplained:
    """Return what of a tenant's money is unexplained, as the marts show it now.

    Raises:
        NotPublishedError: the tenant is held or unknown.
    """
    with connect("transformer", settings) as warehouse, warehouse.transaction():
        warehouse.execute("set transaction isolation level repeatable read")
        return read(warehouse, tenant_id)


def read(warehouse: Warehouse, tenant_id: str) -> Unexplained:
    """Do what ``unexplained`` does, over a connection that sees one moment."""
    given = {"tenant": tenant_id, "shown": SHOWN_ITEMS}
    as_of = published_tenant(warehouse, tenant_id).as_of
    ties = ties_of(warehouse, tenant_id)
    return Unexplained(
        tenant_id,
        as_of,
        tuple(OpenSum(*row) for row in warehouse.rows(_SUMS, given)),
        tuple(OpenItem(*row) for row in warehouse.rows(_BIGGEST, given)),
        tuple(tie for tie in ties if not tie.holds),
    )


def ties_of(warehouse: Warehouse, tenant_id: str) -> list[Tie]:
    """Return the totals of a tenant that must be the same, by what they are and currency."""
    given = {"tenant": tenant_id, "tolerance": rules_of(warehouse, tenant_id).tolerance}
    return [Tie(*row) for statement in _TIES for row in warehouse.rows(statement, given)]


_SUMS = """
    select side, state, currency, count(*), sum(abs(amount))
    from marts.reconciliation_items
    where tenant_id = %(tenant)s and is_open
    group by side, state, currency
    order by side, state, currency
"""

_BIGGEST = """
    select side, source, item_id, state, currency, amount, age_days
    from (
        select *, row_number() over (
            partition by currency order by abs(amount) desc, side, source, item_id
        ) as place
        from marts.reconciliation_items
        where tenant_id = %(tenant)s and is_open
    ) as items
    order by place, currency
    limit %(shown)s
"""

# Every completed order is held against money, payments are what is due, what was due has come or has a state,
# and the ledger balances: each a pair of totals that come by different ways.
_TIES = (
    """
    with paid as (
        select currency, sum(gross_amount) as amount
        from marts.paid_orders where tenant_id = %(tenant)s group by currency
    ),
    held as (
        select currency, sum(amount) as amount
        from marts.reconciliation_items where tenant_id = %(tenant)s and side = 'order' group by currency
    )
    select 'completed orders, orders reconciled', currency,
        coalesce(paid.amount, 0), coalesce(held.amount, 0), 0
    from paid full outer join held using (currency)
    order by currency
    """,
    """
    select 'charges less refunds, chargebacks and fees, what was due', currency,
        sum(charge_amount - refund_amount - chargeback_amount - fee_amount), sum(due_amount), 0
    from marts.settlement where tenant_id = %(tenant)s
    group by currency order by currency
    """,
    # takings of which more was given back than sold are due to nobody at the bank
    """
    with nothing as (
        select currency, sum(amount) as amount
        from marts.reconciliation_items
        where tenant_id = %(tenant)s and side = 'payout' and matched_by = 'nothing_due'
        group by currency
    )
    select 'what was due, what came, may come, is open or explained', currency,
        sum(due_amount) - coalesce(max(nothing.amount), 0),
        sum(received_amount + timing_amount + open_amount + explained_amount),
        %(tolerance)s * sum(matched_payouts)
    from marts.settlement
    left join nothing using (currency)
    where tenant_id = %(tenant)s
    group by currency order by currency
    """,
    """
    select 'debits, credits of the commission ledger', currency,
        coalesce(sum(amount) filter (where amount > 0), 0),
        coalesce(-sum(amount) filter (where amount < 0), 0), 0
    from marts.kol_ledger where tenant_id = %(tenant)s
    group by currency order by currency
    """,
    """
    with shown as (
        select currency, sum(payable_amount) as amount
        from marts.kol_balances where tenant_id = %(tenant)s group by currency
    ),
    booked as (
        select currency, -sum(amount) as amount
        from finance.ledger_balances
        where tenant_id = %(tenant)s and account = 'kol_payable'
        group by currency
    )
    select 'payable to KOLs in the marts, in the ledger', currency,
        coalesce(shown.amount, 0), coalesce(booked.amount, 0), 0
    from shown full outer join booked using (currency)
    order by currency
    """,
)
