"""What is due at the bank: payouts, remittances, customers' transfers and the takings of stores."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import duckdb
import numpy as np

from include.finance.reconciliation.rules import Rules

UNIT = 10_000
"""Amounts are whole ten-thousandths of the currency's unit, as feeds keep four decimals."""


@dataclass(frozen=True, slots=True)
class Due:
    """Money that is expected on an account: ``amount`` in ten-thousandths, ``day`` as an ordinal.

    ``key`` is kind, source, id and currency; ``reference`` what the bank may call it. ``members`` are the
    payments in it that no report has settled, with their amounts; empty for all else.
    """

    key: tuple[str, str, str, str]
    sender: str
    amount: int
    day: int
    reference: str = ""
    members: tuple[tuple[tuple[str, str], int], ...] = field(default=(), compare=False)

    @property
    def kind(self) -> str:
        """What it is: payout, unsettled, remittance, takings or transfer."""
        return self.key[0]

    @property
    def currency(self) -> str:
        """ISO 4217 code of the amount."""
        return self.key[3]


def plain(text: str | None) -> str:
    """Return a text's letters and digits, in lower case and without diacritics."""
    letters = unicodedata.normalize("NFKD", (text or "").lower()).replace("đ", "d")
    return re.sub(r"[^0-9a-z]", "", letters)


def banking_day(day: date, later: int = 0) -> date:
    """Return the banking day some banking days after a day, or after the Monday that follows a weekend."""
    rolled: date = np.busday_offset(day, later, roll="forward").astype(object)
    return rolled


_PAYOUTS = """
select source, payout_id, currency,
    sum(case when payment_type = 'charge' then amount else -amount end - coalesce(fee_amount, 0)) as net,
    max({day}) as last_day
from payments
where status = 'succeeded' and payout_id is not null
group by all order by all
"""

_UNSETTLED = """
select source, currency, {day} as day, payment_id,
    case when payment_type = 'charge' then amount else -amount end - coalesce(fee_amount, 0) as net
from payments
where status = 'succeeded' and payout_id is null
order by all
"""

_REMITTANCES = """
select source, remittance_id, currency, sum(net_amount) as net, {day} as last_day
from (
    select *, max(remitted_at) over (partition by source, remittance_id, currency) as sent_at
    from remittances
)
group by source, remittance_id, currency, sent_at order by all
"""

_TAKINGS = """
select source, store_id, {day} as day, payment_method, currency,
    sum(case when sale_type = 'sale' then gross_amount else -gross_amount end) as net
from sales
where status = 'completed' and payment_method in ('cash', 'card', 'wallet')
group by all order by all
"""

_TRANSFERS = """
select source, order_id, currency, gross_amount, {day} as day
from orders
where payment_method = 'bank_transfer'
order by all
"""


def list_dues(duck: duckdb.DuckDBPyConnection, rules: Rules, *, zone: str) -> list[Due]:
    """Return everything that is expected at the bank, each once, in rising order of its key.

    Args:
        duck: a session with the tables ``payments``, ``remittances``, ``sales`` and ``orders`` of one tenant.
        rules: when money is due.
        zone: the tenant's time zone.
    """

    def day(column: str, cut_off: int = 0) -> str:
        return f"cast(timezone('{zone}', {column} - to_minutes({cut_off})) as date)"

    own_day = day("occurred_at", rules.cut_off_minutes)
    dues = _unsettled(duck.execute(_UNSETTLED.format(day=own_day)).fetchall(), rules)

    def add(key: tuple[str, str, str, str], amount: Decimal, when: date, **told: str) -> None:
        sender, reference = told.get("sender", key[1]), told.get("reference", key[2])
        dues.append(Due(key, plain(sender), in_units(amount), when.toordinal(), plain(reference)))

    for source, payout, currency, net, last in duck.execute(_PAYOUTS.format(day=own_day)).fetchall():
        add(("payout", source, payout, currency), net, _later(last, rules.lag(source)))
    rows = duck.execute(_REMITTANCES.format(day=day("sent_at"))).fetchall()
    for source, batch, currency, net, last in rows:
        add(("remittance", source, batch, currency), net, date.max if last is None else _later(last, 1))
    rows = duck.execute(_TAKINGS.format(day=day("sold_at"))).fetchall()
    for source, store, when, method, currency, net in rows:
        key = ("takings", source, f"{store}:{when}:{method}", currency)
        add(key, net, _later(when, 1), reference=f"{store} {when} {method}")
    rows = duck.execute(_TRANSFERS.format(day=day("paid_at"))).fetchall()
    for source, order, currency, amount, when in rows:
        add(("transfer", source, order, currency), amount, banking_day(when), sender=CUSTOMER)
    return dues


CUSTOMER = "customer"
"""Sender of what customers transfer themselves."""


def _later(day: date, days: int) -> date:
    return banking_day(date.fromordinal(day.toordinal() + days))


def in_units(amount: Decimal) -> int:
    """Return an amount of a feed in ten-thousandths."""
    return int(amount * UNIT)


def _unsettled(rows: Iterable[tuple[str, str, date, str, Decimal]], rules: Rules) -> list[Due]:
    """Return the payments of a gateway and day that no report has settled as one expectation."""
    days: dict[tuple[str, str, date], list[tuple[tuple[str, str], int]]] = {}
    for source, currency, day, payment, net in rows:
        days.setdefault((source, currency, day), []).append(((source, payment), in_units(net)))
    return [
        Due(
            key=("unsettled", source, str(day), currency),
            sender=plain(source),
            amount=sum(amount for _, amount in members),
            day=_later(day, rules.lag(source)).toordinal(),
            members=tuple(members),
        )
        for (source, currency, day), members in sorted(days.items())
    ]
