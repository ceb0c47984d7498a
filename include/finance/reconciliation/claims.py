"""What shops say was paid against what gateways, couriers and marketplaces say they took."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from include.finance.reconciliation.knots import knots
from include.finance.reconciliation.rules import Rules

ORDERS = pa.schema(
    [
        ("source", pa.string()),
        ("order_id", pa.string()),
        ("payment_method", pa.string()),
        ("currency", pa.string()),
        ("gross_amount", pa.decimal128(20, 4)),
        ("paid_at", pa.timestamp("us", tz="UTC")),
        ("customer_key", pa.string()),
        ("is_completed", pa.bool_()),
    ]
)
"""Orders that were ever paid, with an amount above 0; only those that are completed are given a state."""

_RECEIPTS = """
create temp table receipts as
select
    'payment' as side, source, payment_id as receipt_id, cast(null as varchar) as order_source,
    order_id as reference, payment_type, status, currency, amount, coalesce(fee_amount, 0) as fee_amount,
    occurred_at as paid_at, payer_ref, payout_id
from payments
union all
select
    'remittance', source, remittance_id || '/' || order_id, order_source, order_id,
    'charge', 'succeeded', currency, collected_amount, collected_amount - net_amount, collected_at, null,
    remittance_id
from remittances
"""

# A reference that several shops know means the order of its currency and amount; if that leaves two, neither.
_NAMED = """
create temp table named as
select
    receipts.side, receipts.source, receipts.receipt_id, orders.source as order_source, orders.order_id,
    rank() over best as place
from receipts
join orders
    on receipts.reference = orders.order_id
    and (receipts.order_source is null or receipts.order_source = orders.source)
where receipts.status = 'succeeded'
window best as (
    partition by receipts.side, receipts.source, receipts.receipt_id
    order by
        (orders.currency = receipts.currency)::int desc, (orders.gross_amount = receipts.amount)::int desc
)
"""

_JUDGED = """
create temp table judged as
with first as (
    select *, count(*) over (partition by side, source, receipt_id) as rivals from named where place = 1
),
charges as (
    select
        orders.source, orders.order_id,
        count(receipts.receipt_id) as charges,
        count(*) filter (first.rivals > 1) as rivals,
        count(*) filter (receipts.currency <> orders.currency) as foreign_charges,
        count(*) filter (
            receipts.currency = orders.currency and abs(receipts.amount - orders.gross_amount) <= $tolerance
        ) as whole_charges,
        sum(receipts.amount) filter (receipts.currency = orders.currency) as paid_amount,
        case when count(distinct receipts.currency) = 1 then min(receipts.currency) end as charged_currency,
        case when count(distinct receipts.currency) = 1 then sum(receipts.amount) end as charged_amount,
        min({'side': receipts.side, 'source': receipts.source, 'id': receipts.receipt_id}) as receipt
    from orders
    join first on first.order_source = orders.source and first.order_id = orders.order_id
    join receipts
        on receipts.side = first.side and receipts.source = first.source
        and receipts.receipt_id = first.receipt_id
        and receipts.payment_type = 'charge' and receipts.status = 'succeeded'
    group by all
)
select
    orders.*, coalesce(charges.charges, 0) as charges, coalesce(charges.paid_amount, 0) as paid_amount,
    charges.charged_currency, charges.charged_amount, charges.receipt,
    case
        when charges.charges is null and orders.payment_method = 'bank_transfer' then 'by_bank'
        when charges.charges is null then 'missing_in_gateway'
        when charges.rivals > 0 then 'ambiguous'
        when charges.foreign_charges > 0 then 'currency_differs'
        when abs(charges.paid_amount - orders.gross_amount) <= $tolerance then 'matched'
        when charges.charges > 1 and charges.whole_charges = charges.charges then 'duplicate'
        else 'amount_differs'
    end as state
from orders
left join charges on charges.source = orders.source and charges.order_id = orders.order_id
"""

PAIRED = pa.schema(dict.fromkeys(("order_source", "order_id", "source", "receipt_id", "state"), pa.string()))
GIVEN_BACK = pa.schema(dict.fromkeys(("source", "refund_id", "payment_source", "payment_id"), pa.string()))

# A payment that names what no shop knows may still be an order's, if its payer says so.
_OPEN_PAIRS = """
select orders.source, orders.order_id, receipts.source, receipts.receipt_id,
    coalesce(receipts.payer_ref in (
        select earlier.payer_ref
        from receipts as earlier
        join named on named.side = earlier.side and named.source = earlier.source
            and named.receipt_id = earlier.receipt_id and named.place = 1
        join orders as others on others.source = named.order_source and others.order_id = named.order_id
        where others.customer_key = orders.customer_key
    ), false) as is_known_payer
from judged as orders
join receipts
    on receipts.side = 'payment' and receipts.status = 'succeeded' and receipts.payment_type = 'charge'
    and receipts.currency = orders.currency and receipts.amount = orders.gross_amount
    and abs(epoch(receipts.paid_at) - epoch(orders.paid_at)) <= $seconds
where orders.state = 'missing_in_gateway'
    and not exists (
        select 1 from named where named.side = receipts.side and named.source = receipts.source
        and named.receipt_id = receipts.receipt_id
    )
    and (receipts.reference is null or is_known_payer)
order by all
"""

# What the shop gave back against what the gateway did, of one order, currency and amount.
_ALIKE = """
select refunds.source, refunds.refund_id, done.source, done.receipt_id
from refunds
join receipts as done
    on done.payment_type = 'refund' and done.status = 'succeeded'
    and done.reference = refunds.order_id and done.currency = refunds.currency
    and done.amount = refunds.amount
order by
    abs(epoch(done.paid_at) - epoch(refunds.refunded_at)),
    refunds.source, refunds.refund_id, done.source, done.receipt_id
"""

_REFUNDED = """
create temp table refunded as
select refunds.*, given_back.payment_source, given_back.payment_id
from refunds
left join given_back using (source, refund_id)
"""

_TOLD_ORDERS = """
select o.source, o.order_id, o.currency, o.gross_amount, o.paid_at, o.is_completed,
    case
        when p.state is not null then p.state
        when o.state <> 'missing_in_gateway' then o.state
        when o.paid_at > cast($end as timestamptz) - case
            when o.payment_method in ('cod', 'marketplace') then to_days($days) else to_minutes($minutes)
        end then 'timing'
        else o.state
    end as state,
    case
        when p.state = 'matched' then 'amount_and_time' when o.charges > 0 then 'reference'
    end as matched_by,
    case when p.state = 'matched' then o.gross_amount else o.paid_amount end as paid_amount,
    case when p.state = 'matched' then 1 else o.charges end as charges,
    case when p.state = 'matched' then o.currency else o.charged_currency end as charged_currency,
    case when p.state = 'matched' then o.gross_amount else o.charged_amount end as charged_amount,
    case when p.state = 'matched' then 'payment' else o.receipt.side end as receipt_side,
    case when p.state = 'matched' then p.receipt.source else o.receipt.source end as receipt_source,
    case when p.state = 'matched' then p.receipt.id else o.receipt.id end as receipt_id
from judged o
left join (
    select order_source, order_id, min(state) as state, min({'source': source, 'id': receipt_id}) as receipt
    from paired group by all
) p
    on p.order_source = o.source and p.order_id = o.order_id
"""

_TOLD_RECEIPTS = """
with first as (
    select *, count(*) over (partition by side, source, receipt_id) as rivals from named where place = 1
),
one as (select * from first where rivals = 1),
pair as (
    select source, receipt_id, min(state) as state,
        case when count(*) = 1 then min(order_source) end as order_source,
        case when count(*) = 1 then min(order_id) end as order_id
    from paired group by source, receipt_id
)
select r.side, r.source, r.receipt_id, coalesce(one.order_source, pair.order_source) as order_source,
    coalesce(one.order_id, pair.order_id) as order_id, r.reference, r.payment_type, r.currency, r.amount,
    r.fee_amount, r.paid_at, r.payout_id,
    case when pair.state = 'matched' then r.currency else o.currency end as order_currency,
    case when pair.state = 'matched' then r.amount else o.gross_amount end as order_amount,
    case when pair.state = 'matched' then 1 else o.charges end as order_charges,
    case
        when r.status = 'failed' then 'void'
        when r.status = 'pending' then 'timing'
        when first.rivals > 1 then 'ambiguous'
        when pair.state is not null then pair.state
        when r.payment_type = 'refund' and g.refund_id is null then 'missing_in_shop'
        when r.payment_type <> 'charge' and one.order_id is null then 'missing_order'
        when r.payment_type <> 'charge' then 'matched'
        when o.state is null then 'missing_order'
        else o.state
    end as state,
    case when one.order_id is not null then 'reference' when pair.state = 'matched' then 'amount_and_time' end
        as matched_by
from receipts r
left join (select distinct side, source, receipt_id, rivals from first) first using (side, source, receipt_id)
left join one using (side, source, receipt_id)
left join pair on r.side = 'payment' and pair.source = r.source and pair.receipt_id = r.receipt_id
left join judged o on o.source = one.order_source and o.order_id = one.order_id
left join refunded g
    on r.payment_type = 'refund' and g.payment_source = r.source and g.payment_id = r.receipt_id
"""

_TOLD_REFUNDS = """
select g.source, g.refund_id, g.order_id, g.currency, g.amount, g.refunded_at, g.payment_source, g.payment_id,
    case
        when g.payment_id is not null then 'matched'
        when g.refunded_at > cast($end as timestamptz) - to_minutes($minutes) then 'timing'
        else 'missing_in_gateway'
    end as state
from refunded g
join orders o on o.source = g.source and o.order_id = g.order_id
where o.payment_method in ('card', 'wallet')
"""


@dataclass(frozen=True)
class Claims:
    """States of orders, payments, remittances and refunds; one row each.

    ``orders`` has source, order_id, state, matched_by, paid_amount; ``receipts`` side, source, receipt_id,
    order_source, order_id, state, matched_by; ``refunds`` source, refund_id, state.
    """

    orders: pa.Table
    receipts: pa.Table
    refunds: pa.Table


def settle_claims(duck: duckdb.DuckDBPyConnection, rules: Rules, *, end: str) -> Claims:
    """Find what each order was paid with, and what each payment was for.

    Args:
        duck: a session with the tables ``orders`` (``ORDERS``), ``payments``, ``remittances`` and ``refunds``
            (columns as in their feeds; refunds that succeeded) of one tenant.
        rules: tolerance and times.
        end: instant up to which is looked, as text in UTC.
    """
    duck.execute(_RECEIPTS)
    duck.execute(_NAMED)
    duck.execute(_JUDGED, {"tolerance": rules.tolerance})
    pairs = duck.execute(_OPEN_PAIRS, {"seconds": rules.match_minutes * 60}).fetchall()
    found = [(*order, *receipt, state) for order, receipt, state in _pair(pairs)]
    duck.register("paired", _table(found, PAIRED))
    alike = duck.execute(_ALIKE).fetchall()
    duck.register("given_back", _table(_one_for_one(alike), GIVEN_BACK))
    duck.execute(_REFUNDED)
    wait = {"end": end, "minutes": rules.gateway_minutes, "days": rules.courier_days}
    orders = duck.sql(_TOLD_ORDERS, params=wait).to_arrow_table()
    receipts = duck.sql(_TOLD_RECEIPTS).to_arrow_table()
    refunds = duck.sql(
        _TOLD_REFUNDS, params={name: wait[name] for name in ("end", "minutes")}
    ).to_arrow_table()
    return Claims(orders, receipts, refunds)


Key = tuple[str, str]


def _table(rows: Sequence[tuple[str, ...]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)


def _one_for_one(pairs: Iterable[tuple[str, str, str, str]]) -> list[tuple[str, str, str, str]]:
    """Take the nearest pair of a refund and a payment, then the nearest of what is left, and so on.

    Args:
        pairs: source and id of a refund, source and id of a payment; the nearest in time first.
    """
    taken: set[tuple[str, str, str]] = set()
    found = []
    for pair in pairs:
        refund, payment = ("refund", *pair[:2]), ("payment", *pair[2:])
        if taken.isdisjoint((refund, payment)):
            taken |= {refund, payment}
            found.append(pair)
    return found


def _pair(pairs: Iterable[tuple[str, str, str, str, bool]]) -> list[tuple[Key, Key, str]]:
    """Pair orders without a payment with payments without an order, of one amount and about one time.

    Where one fits one, or as many fit as many and each fits each, they belong together. Where more than one
    way is left, the payer whom the customer has paid as before decides; otherwise it is ambiguous.
    """
    edges = [((a, b), (c, d), known) for a, b, c, d, known in pairs]
    of_order: dict[Key, list[tuple[Key, Key, bool]]] = defaultdict(list)
    for edge in edges:
        of_order[edge[0]].append(edge)
    found: list[tuple[Key, Key, str]] = []
    nodes = sorted({("order", e[0]) for e in edges} | {("receipt", e[1]) for e in edges})
    for knot in knots(nodes, [(("order", e[0]), ("receipt", e[1])) for e in edges]):
        orders = [key for kind, key in knot if kind == "order"]
        receipts = [key for kind, key in knot if kind == "receipt"]
        group = [edge for order in orders for edge in of_order[order]]
        by_payer = [e for e in group if e[2]]
        if len(orders) == len(receipts) and len(group) == len(orders) * len(receipts):
            found += [(order, receipt, "matched") for order, receipt in zip(orders, receipts, strict=True)]
        elif _is_one_to_one(by_payer) and len(by_payer) == min(len(orders), len(receipts)):
            found += [(order, receipt, "matched") for order, receipt, _ in by_payer]
        else:
            found += [(order, receipt, "ambiguous") for order, receipt, _ in group]
    return found


def _is_one_to_one(edges: list[tuple[Key, Key, bool]]) -> bool:
    return len({e[0] for e in edges}) == len({e[1] for e in edges}) == len(edges) > 0
