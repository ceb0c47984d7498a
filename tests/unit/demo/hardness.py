"""How hard a world is: what exact keys find of its persons, and how far amounts alone tell its payouts."""

from collections import Counter
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from include.demo.world import people

PLACEHOLDER = str(people.PLACEHOLDER)
"""Phone that clerks type when a customer gives none."""


@dataclass(frozen=True)
class Matching:
    """Shares of pairs of records."""

    recall: float
    """Of the true pairs, those that share an e-mail, phone or card exactly."""
    closure_precision: float
    """Of the pairs that are connected over shared keys, those that are one person."""
    pairs: int


def contacts(customers: pa.Table, orders: pa.Table, sales: pa.Table) -> pa.Table:
    """What is known of every record of a person: customers, orders without account, sales without customer.

    Args:
        customers: newest version of each record; ``orders`` and ``sales`` likewise.
        orders: also those of customers, which are no records.
        sales: also returns, which tell nobody.
    """
    duck = duckdb.connect()
    for name, table in (("customers", customers), ("orders", orders), ("sales", sales)):
        duck.register(name, table)
    return duck.sql(
        "select tenant_id, source as record_source, 'customer' as record_type,"
        " source_customer_id as record_id, email, phone, loyalty_card from customers"
        " union all select tenant_id, source, 'order', order_id, email, phone, null from orders"
        " where source_customer_id is null and (email is not null or phone is not null)"
        " union all select tenant_id, source, 'sale', sale_id, email, phone, loyalty_card from sales"
        " where source_customer_id is null"
        " and (email is not null or phone is not null or loyalty_card is not null)"
    ).to_arrow_table()


def exact_matching(records: pa.Table, record_persons: pa.Table, *, placeholders: bool = False) -> Matching:
    """Match records by exact keys (e-mail trimmed and lower case, last nine digits of the phone, card).

    Args:
        records: what is known of each, as ``contacts`` gives it.
        record_persons: who each record truly is.
        placeholders: whether the clerks' placeholder phone counts as a key too.
    """
    duck = duckdb.connect()
    duck.register("records", records)
    duck.register("record_persons", record_persons)
    duck.execute(
        "create table r as select tenant_id, tenant_id || person_id as person, lower(trim(email)) as email,"
        " right(regexp_replace(phone, '[^0-9]', '', 'g'), 9) as phone, loyalty_card as card,"
        " row_number() over () as n"
        " from records join record_persons using (tenant_id, record_source, record_type, record_id)"
    )
    if not placeholders:
        duck.execute(f"update r set phone = null where phone = '{PLACEHOLDER}'")
    edges = duck.sql(
        "select a.n, b.n, a.person = b.person from r a join r b on a.tenant_id = b.tenant_id and a.n < b.n"
        " and (a.email = b.email or a.phone = b.phone or a.card = b.card)"
    ).fetchall()
    true_pairs = duck.sql("select sum(k * (k - 1) // 2) from (select count(*) k from r group by person)")
    pairs = int(true_pairs.fetchall()[0][0])
    person = dict(duck.sql("select n, person from r").fetchall())
    leader = {n: n for n in person}

    def find(n: int) -> int:
        while leader[n] != n:
            leader[n] = leader[leader[n]]
            n = leader[n]
        return n

    for left, right, _ in edges:
        leader[find(left)] = find(right)
    clusters: dict[int, Counter[str]] = {}
    for n, who in person.items():
        clusters.setdefault(find(n), Counter())[who] += 1
    connected = sum(_pairs(sum(members.values())) for members in clusters.values())
    right_ones = sum(_pairs(k) for members in clusters.values() for k in members.values())
    return Matching(sum(same for *_, same in edges) / pairs, right_ones / connected, pairs)


def ambiguous_payouts(payouts: pa.Table) -> float:
    """Share of batch payouts whose amount another payout of the tenant and currency has within a week."""
    duck = duckdb.connect()
    duck.register("payouts", payouts)
    share = duck.sql(
        "select avg((exists (select 1 from payouts b where b.tenant_id = a.tenant_id"
        " and b.currency = a.currency and b.net_minor = a.net_minor and abs(b.booked_on - a.booked_on) <= 7"
        " and (b.sender, b.payout_id) <> (a.sender, a.payout_id)))::int) from payouts a where a.payments > 1"
    )
    return float(share.fetchall()[0][0])


def _pairs(size: int) -> int:
    return size * (size - 1) // 2
