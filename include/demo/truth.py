"""The truth of a simulated world, summed from what was noted as it happened."""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext

import duckdb
import numpy as np
import pyarrow as pa

from include.demo.world.cast import DIGITS, Tenant
from include.demo.world.credit import EVIDENCE, Evidence
from include.demo.world.orders import Orders
from include.demo.world.people import RECORD_TYPES, person_ids
from include.demo.world.scene import Scene
from include.demo.world.tables import NEVER, Ints, nulled, picked
from include.warehouse.contracts import load_contracts


def newest(table: pa.Table, feed: str) -> pa.Table:
    """The newest version per record of an entity, or the newest pull per slice; events stay as they are."""
    contract = load_contracts()[feed]
    if contract.kind == "event":
        return table
    parts, newer, kept = contract.key, "_available_at desc", "row_number"
    if contract.kind == "slice":
        parts, kept = contract.slice, "rank"
    elif contract.version:
        newer = f"{contract.version} desc, {newer}"
        if contract.state_column:
            rank = f"list_position({list(contract.state_order)}, {contract.state_column})"
            newer = f"{contract.version} desc, {rank} desc, _available_at desc"
    connection = duckdb.connect()
    connection.register("versions", table)
    return connection.sql(
        f"select * from versions qualify {kept}() over (partition by {', '.join(parts)} order by {newer}) = 1"
        f" order by _available_at, {', '.join(contract.key)}"
    ).to_arrow_table()


def roster(kols: pa.Table) -> pa.Table:
    """Every KOL of every tenant, by id."""
    return (
        kols.select(["tenant_id", "kol_id"])
        .group_by(["tenant_id", "kol_id"])
        .aggregate([])
        .sort_by([("tenant_id", "ascending"), ("kol_id", "ascending")])
    )


def note_firsts(
    scene: Scene,
    kol_ids: Sequence[str],
    evidence: Evidence,
    placed: Orders,
    *,
    store_person: Ints,
    store_done: Ints,
) -> None:
    """Note each person's first completed purchase that tells who bought, and who brought it.

    A purchase before the simulated days, an order without account, e-mail and phone, or a sale without a name
    is nobody's first: no warehouse could know.

    Args:
        scene: whose persons they are.
        kol_ids: ids that the evidence points into.
        evidence: who brought each online order.
        placed: the online orders.
        store_person: person of each sale that tells who bought, by id.
        store_done: when it was completed.
    """
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    own = np.where((evidence.by >= 0) & (evidence.by != EVIDENCE.index("source")), evidence.kol, -1)
    person = np.concatenate([placed.person, store_person])
    done = np.concatenate([np.where(placed.named, placed.completed_at, NEVER), store_done])
    kol = np.concatenate([own, np.full(len(store_person), -1)])
    # Of purchases at one instant the first is that of the first source by name, then of the first id.
    names = sorted([shop.source for shop in tenant.shops] + [tenant.store or ""])
    rank = np.array([names.index(shop.source) for shop in tenant.shops])[placed.source]
    rank = np.concatenate([rank, np.full(len(store_person), names.index(tenant.store or ""))])
    counted = np.flatnonzero(done != NEVER)
    order = counted[np.lexsort((rank[counted], done[counted], person[counted]))]
    if not len(order):
        return
    first = order[np.concatenate([[True], person[order][1:] != person[order][:-1]])]
    day = calendar.day_of(done[first])
    book.note(
        "first_purchases",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, len(first)),
                "person_id": person_ids(person[first]),
                "kol_id": nulled(picked(kol_ids, np.maximum(kol[first], 0)), kol[first] < 0),
                "date": pa.array(day.astype(np.int32)).cast(pa.date32()),
            }
        ),
    )


_FIGURES = """
with ev as (
    select tenant_id, kol_id, credit, sum(orders) as orders, sum(gross) as gross, sum(refunds) as refunds,
        sum(vat) as vat, sum(commission) as commission
    from events where date <= $as_of and kol_id is not null group by all
),
own as (select * from ev where credit = 'kol'),
src as (select * from ev where credit = 'source'),
cost as (
    select tenant_id, kol_id,
        sum(minor) filter (measure = 'fixed_fees') as fixed_fees,
        sum(minor) filter (measure = 'platform_fees') as platform_fees,
        sum(minor) filter (measure = 'goods') as goods
    from costs where date <= $as_of group by all
),
cl as (
    select tenant_id, kol_id, sum(clicks) filter (worth = 'valid') as clicks from clicks
    where date <= $as_of group by all
),
newc as (
    select tenant_id, kol_id, count(*) as new_customers from orders
    where is_first_of_customer and matched_by is not null and matched_by <> 'source'
        and completed_on <= $as_of group by all
),
newp as (
    select tenant_id, kol_id, count(*) as new_persons from first_purchases
    where kol_id is not null and date <= $as_of group by all
),
raw as (
    select k.tenant_id, k.kol_id, p.digits, p.margin_bp,
        coalesce(o.orders, 0) as orders, coalesce(o.gross, 0) as gross, coalesce(o.refunds, 0) as refunds,
        coalesce(o.gross, 0) - coalesce(o.refunds, 0) as revenue,
        coalesce(o.gross, 0) - coalesce(o.refunds, 0) - coalesce(o.vat, 0) as net_revenue,
        coalesce(c.fixed_fees, 0) as fixed_fees, coalesce(c.platform_fees, 0) as platform_fees,
        coalesce(o.commission, 0) as commission, coalesce(c.goods, 0) as goods,
        coalesce(c.fixed_fees, 0) + coalesce(c.platform_fees, 0) + coalesce(o.commission, 0)
            + coalesce(c.goods, 0) as investment,
        coalesce(l.clicks, 0) as clicks,
        coalesce(n.new_customers, 0) as new_customers, coalesce(f.new_persons, 0) as new_persons,
        coalesce(s.orders, 0) as source_orders,
        coalesce(s.gross, 0) - coalesce(s.refunds, 0) as source_revenue
    from kols k
    join purses p using (tenant_id)
    left join own o using (tenant_id, kol_id)
    left join src s using (tenant_id, kol_id)
    left join cost c using (tenant_id, kol_id)
    left join cl l using (tenant_id, kol_id)
    left join newc n using (tenant_id, kol_id)
    left join newp f using (tenant_id, kol_id)
)
select * from raw order by tenant_id, kol_id
"""

_MONEY = (
    "gross",
    "refunds",
    "revenue",
    "net_revenue",
    "fixed_fees",
    "platform_fees",
    "commission",
    "goods",
    "investment",
    "source_revenue",
)
_COUNTS = ("orders", "clicks", "new_customers", "new_persons", "source_orders")


def kol_figures(notes: dict[str, pa.Table], tenants: Sequence[Tenant], as_of: date) -> pa.Table:
    """The true figures of every KOL up to a day; exact, ratios with 4 decimals, halves away from zero."""
    connection = _opened(notes, tenants)
    rows = connection.sql(_FIGURES, params={"as_of": as_of}).to_arrow_table().to_pylist()
    kinds: list[tuple[str, pa.DataType]] = [("tenant_id", pa.string()), ("kol_id", pa.string())]
    kinds += [(name, pa.int64()) for name in _COUNTS] + [(name, pa.decimal128(20, 4)) for name in _MONEY]
    kinds += [
        (name, pa.decimal128(20, 4)) for name in ("roi_pct", "roi_net_pct", "roi_contribution_pct", "cr_pct")
    ]
    kinds += [("cpa", pa.decimal128(20, 4)), ("cpa_persons", pa.decimal128(20, 4))]
    figures = [_row(row) for row in rows]
    return pa.Table.from_pylist(figures, schema=pa.schema(kinds))


def _row(row: dict[str, object]) -> dict[str, object]:
    """One KOL's row with its ratios."""
    with localcontext() as context:
        context.prec = 50
        cents = Decimal(1).scaleb(-int(str(row["digits"])))
        money = {name: Decimal(str(row[name])) * cents for name in _MONEY}
        counts = {name: int(str(row[name])) for name in _COUNTS}
        margin = Decimal(str(row["margin_bp"])) / 10_000

        def ratio(above: Decimal, below: Decimal | int) -> Decimal | None:
            return None if not below else (above / below).quantize(Decimal("0.0001"), ROUND_HALF_UP)

        spent = money["investment"]
        return {
            "tenant_id": row["tenant_id"],
            "kol_id": row["kol_id"],
            **counts,
            **money,
            "roi_pct": ratio((money["revenue"] - spent) * 100, spent),
            "roi_net_pct": ratio((money["net_revenue"] - spent) * 100, spent),
            "roi_contribution_pct": ratio((money["net_revenue"] * margin - spent) * 100, spent),
            "cr_pct": ratio(Decimal(counts["orders"] * 100), counts["clicks"]),
            "cpa": ratio(spent, counts["new_customers"]),
            "cpa_persons": ratio(spent, counts["new_persons"]),
        }


def day_figures(notes: dict[str, pa.Table]) -> pa.Table:
    """Totals per tenant and day over all channels, exact."""
    connection = duckdb.connect()
    connection.register("events", notes["events"])
    return connection.sql(
        "select tenant_id, date, sum(orders)::bigint as orders, "
        + ", ".join(
            f"(sum({what})::decimal(38, 0) / power(10, any_value(digits))::int)::decimal(20, 4) as {name}"
            for what, name in (
                ("gross", "gross"),
                ("refunds", "refunds"),
                ("gross - refunds", "revenue"),
                ("gross - refunds - vat", "net_revenue"),
                ("commission", "commission"),
            )
        )
        + " from events group by tenant_id, date order by tenant_id, date"
    ).to_arrow_table()


def ledger(notes: dict[str, pa.Table]) -> pa.Table:
    """Events and costs in long form: tenant, KOL (null: none), day, credit, measure, amount, reference."""
    connection = duckdb.connect()
    for name in ("events", "costs"):
        connection.register(name, notes[name])
    measures = {
        "orders": "orders * power(10, digits)::bigint",
        "gross": "gross",
        "refunds": "refunds",
        "revenue": "gross - refunds",
        "net_revenue": "gross - refunds - vat",
        "commission": "commission",
    }
    parts = [
        f"select tenant_id, kol_id, date, credit, '{name}' as measure, ({what})::bigint as minor, digits, "
        f"source || ':' || id as reference from events where ({what}) <> 0"
        for name, what in measures.items()
    ]
    parts.append(
        "select tenant_id, kol_id, date, 'kol', measure, minor, digits, contract_id"
        " from costs where minor <> 0"
    )
    return connection.sql(
        "select * exclude (minor, digits),"
        " (minor::decimal(38, 4) / power(10, digits)::int)::decimal(20, 4) as amount from ("
        + " union all ".join(parts)
        + ") order by tenant_id, date, reference, measure"
    ).to_arrow_table()


def identity_pairs(notes: dict[str, pa.Table], types: Collection[str] = RECORD_TYPES) -> pa.Table:
    """Every pair of records of some types that are one person: tenant, then the names of both, ascending.

    A customer record is named ``source:id``, an order ``source:order:id``, a sale ``source:sale:id``.
    """
    connection = duckdb.connect()
    connection.register("record_persons", notes["record_persons"])
    return connection.sql(
        "with r as (select *, concat(record_source, ':',"
        " case when record_type <> 'customer' then record_type || ':' end, record_id) as record"
        f" from record_persons where record_type in {(*types, '')})"
        " select a.tenant_id, a.record as left_record, b.record as right_record"
        " from r a join r b"
        " on a.tenant_id = b.tenant_id and a.person_id = b.person_id and a.record < b.record"
        " order by all"
    ).to_arrow_table()


def _opened(notes: dict[str, pa.Table], tenants: Sequence[Tenant]) -> duckdb.DuckDBPyConnection:
    """A DuckDB with the notes as tables."""
    connection = duckdb.connect()
    for name in ("events", "costs", "clicks", "orders", "first_purchases", "kols"):
        connection.register(name, notes[name])
    purses = pa.table(
        {
            "tenant_id": [tenant.tenant_id for tenant in tenants],
            "digits": [DIGITS[tenant.reporting] for tenant in tenants],
            "margin_bp": [tenant.margin_bp for tenant in tenants],
        }
    )
    connection.register("purses", purses)
    return connection
