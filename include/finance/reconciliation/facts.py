"""What reconciliation reads of the warehouse, all of a tenant or what a night touches."""

import io
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from psycopg import sql

from include.warehouse import Warehouse

NIGHT_SQL = Path(__file__).with_name("touched.sql")
FEEDS = ("payments", "remittances", "refunds", "pos_sales", "bank_lines")
"""Feeds whose loads a night looks for; orders are looked for as the marts have them."""

_MONEY, _INSTANT, _TEXT = pa.decimal128(20, 4), pa.timestamp("us", "UTC"), pa.string()
_TYPES = {
    "gross_amount": _MONEY,
    "amount": _MONEY,
    "fee_amount": _MONEY,
    "net_amount": _MONEY,
    "collected_amount": _MONEY,
    "is_completed": pa.bool_(),
    "booked_on": pa.date32(),
}
_COLUMNS = {
    "orders": "orders.source, orders.order_id, orders.payment_method, orders.currency,"
    " orders.gross_amount, coalesce(tracked.completed_at, orders.paid_at) as paid_at, tracked.is_completed,"
    " orders.source || ':' || orders.source_customer_id as customer_key",
    "refunds": "source, refund_id, order_id, currency, amount, refunded_at",
    "payments": "source, payment_id, order_id, payment_type, status, currency, amount, fee_amount, payout_id,"
    " payer_ref, occurred_at",
    "remittances": "source, remittance_id, order_source, order_id, currency, collected_amount, net_amount,"
    " collected_at, remitted_at",
    "sales": "source, sale_id, store_id, sale_type, status, currency, gross_amount, payment_method, sold_at",
    "bank_lines": "account_id, line_id, currency, amount, description, counterparty, reference, booked_on,"
    " booked_at",
}
_FROM = {
    "orders": "staging.stg_orders as orders"
    " inner join marts.tracked_orders as tracked on tracked.tenant_id = orders.tenant_id"
    " and tracked.source = orders.source and tracked.order_id = orders.order_id"
    " where orders.tenant_id = {tenant} and orders.gross_amount > 0"
    # cash on delivery is paid when the courier says so
    " and coalesce(tracked.completed_at, orders.paid_at) is not null",
    "refunds": "staging.stg_refunds where tenant_id = {tenant} and status = 'succeeded'",
    "payments": "staging.stg_payments where tenant_id = {tenant}",
    "remittances": "staging.stg_remittances where tenant_id = {tenant}",
    "sales": "staging.stg_pos_sales where tenant_id = {tenant}",
    "bank_lines": "staging.stg_bank_lines where tenant_id = {tenant}",
}
_NAMED = "order_id in (select order_id from touched_orders)"
_TOUCHED = {
    "orders": "orders.order_id in (select order_id from touched_orders)",
    "refunds": _NAMED,
    "payments": f"({_NAMED} or (source, payment_id) in (select source, payment_id from touched_payments))",
    "remittances": _NAMED,
}
_DUE = {
    "payments": "(source, payout_id) in (select source, payout_id from changed_payments)",
    "remittances": "(source, remittance_id) in (select source, remittance_id from changed_remittances)",
    "sales": "(source, store_id || ':' || (sold_at at time zone {zone})::date || ':' || payment_method) in"
    " (select source, payout_id from changed_takings)"
    " and sold_at between (select min(sold_at) - interval '2 days' from changed_takings)"
    " and (select max(sold_at) + interval '2 days' from changed_takings)",
    "orders": _TOUCHED["orders"] + " and orders.payment_method = 'bank_transfer'",
    "bank_lines": "_load_id > {since}",
}


def claim_facts(warehouse: Warehouse, tenant: str) -> dict[str, pa.Table]:
    """Return the orders, refunds, payments and remittances that ``mark`` found."""
    return {name: _read(warehouse, tenant, name, condition) for name, condition in _TOUCHED.items()}


def due_facts(
    warehouse: Warehouse, tenant: str, *, zone: str, since: Mapping[str, int]
) -> dict[str, pa.Table]:
    """Return what touched dues are made of, and the lines that are new since these positions.

    What is paid in batches is read with the whole batch; payments that no report has settled are all read.
    """
    given = {"zone": sql.Literal(zone).as_string(), "since": since["bank_lines"]}
    facts = {name: _read(warehouse, tenant, name, said.format(**given)) for name, said in _DUE.items()}
    unsettled = _read(warehouse, tenant, "payments", "payout_id is null and status = 'succeeded'")
    settled = facts["payments"].filter(pc.is_valid(facts["payments"]["payout_id"]))
    return facts | {"payments": pa.concat_tables([settled, unsettled])}


def all_facts(warehouse: Warehouse, tenant: str) -> dict[str, pa.Table]:
    """Return everything that reconciliation looks at."""
    return {name: _read(warehouse, tenant, name, None) for name in _COLUMNS}


def mark(warehouse: Warehouse, tenant: str, positions: Mapping[str, int], *, zone: str) -> None:
    """Make the temporary tables of what a night touches, of what came after the positions."""
    given = {name: sql.Literal(position) for name, position in positions.items()}
    text = sql.SQL(NIGHT_SQL.read_text()).format(tenant=sql.Literal(tenant), zone=sql.Literal(zone), **given)
    warehouse.execute(text.as_string())


def positions_of(warehouse: Warehouse) -> dict[str, int]:
    """Return how far the feeds, as staging shows them, and the orders of the marts have come."""
    pins = dict(warehouse.rows("select feed, load_id from ops.pins"))
    read = read_by(warehouse, "tracked_orders", "builds", "orders")
    return {feed: int(pins.get(feed, 0)) for feed in FEEDS} | read


def read_by(warehouse: Warehouse, model: str, *upstreams: str) -> dict[str, int]:
    """Return how far a model has read these; it may be behind the pins, which any build moves."""
    found = warehouse.rows("select upstream, position from ops.watermarks where model = %s", [model])
    return {name: int(dict(found).get(name, 0)) for name in upstreams}


def read_csv(warehouse: Warehouse, statement: str) -> pa.Table:
    """Return the rows of a select as Arrow, its columns typed by their names (``_at`` are instants)."""
    text = b"".join(warehouse.copy_out(statement, header=True))
    names = text[: text.index(b"\n")].decode().split(",")
    kinds = {name: _TYPES.get(name, _INSTANT if name.endswith("_at") else _TEXT) for name in names}
    options = pacsv.ConvertOptions(
        column_types=kinds,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
        true_values=["t"],
        false_values=["f"],
    )
    parse = pacsv.ParseOptions(newlines_in_values=True)
    return pacsv.read_csv(io.BytesIO(text), parse_options=parse, convert_options=options)


def _read(warehouse: Warehouse, tenant: str, name: str, condition: str | None) -> pa.Table:
    rows = _FROM[name].format(tenant=sql.Literal(tenant).as_string())
    more = f" and {condition}" if condition else ""
    return read_csv(warehouse, f"select {_COLUMNS[name]} from {rows}{more}")
