"""What people see of the reconciliation: each record once, tied to what the systems say, and explained."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from benchmarks.reconcile import facts_of
from benchmarks.scratch import scratch_warehouse
from benchmarks.truth import ingest_world
from include.demo.world import World, simulate
from include.finance.reconciliation.explanations import explain_item, withdraw_explanation
from include.finance.reconciliation.nightly import reconcile_all
from include.finance.reconciliation.reconcile import end_of
from include.settings import Settings
from include.transform import build
from include.warehouse import Warehouse, connect
from tests.dbt.dbt_runs import results_of

SEED = 5
WORDS: dict[str, Any] = {"entered_by": "ann", "reason": "agreed with the bank"}

FOUND = """
    select orders.tenant_id, 'order', orders.source, orders.order_id, coalesce(transfers.state, orders.state)
    from finance.order_states as orders
    left join finance.payout_states as transfers
        on transfers.tenant_id = orders.tenant_id and transfers.kind = 'transfer' and orders.state = 'by_bank'
        and transfers.source = orders.source and transfers.payout_id = orders.order_id
    where orders.is_completed
    union all select tenant_id, side, source, receipt_id, state from finance.receipt_states
    union all select tenant_id, 'refund', source, refund_id, state from finance.refund_states
    union all
    select tenant_id, 'payout', source, kind || ' ' || payout_id || ' ' || currency, state
    from finance.payout_states
    union all select tenant_id, 'bank_line', account_id, line_id, state from finance.line_states
"""
SHOWN = """
    select tenant_id, side, source,
        case when side = 'payout' then item_type || ' ' || item_id || ' ' || currency else item_id end, state
    from marts.reconciliation_items
"""
RAW = """
    select 'order', currency, count(*), sum(gross_amount) from orders
    where is_completed and paid_at < $end group by currency
    union all
    select 'payment', currency, count(*), sum(amount) from payments where occurred_at < $end group by currency
    union all
    select 'remittance', currency, count(*), sum(collected_amount) from remittances
    where collected_at < $end group by currency
    union all
    select 'bank_line', currency, count(*), sum(amount) from bank_lines
    where booked_at < $end group by currency
"""
RAW_SETTLED = """
    select currency, payment_type, sum(amount), sum(coalesce(fee_amount, 0)) from payments
    where status = 'succeeded' and occurred_at < $end group by currency, payment_type
"""
SETTLED = """
    select currency, sum(charge_amount), sum(refund_amount), sum(chargeback_amount), sum(fee_amount)
    from marts.settlement where tenant_id = %s and kind in ('payout', 'unsettled') group by currency
"""
OPEN = """
    select distinct on (side, item_type)
        side, source, item_id, item_type, case side when 'remittance' then 'payment' else side end as of_book
    from marts.reconciliation_items
    where tenant_id = %s and is_open and item_type <> 'transfer'
    order by side, item_type, source, item_id
"""


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(SEED, scale=0.06, days=30, clicks_per_order=1)


@pytest.fixture(scope="module")
def settings(world: World) -> Iterator[Settings]:
    """Give a warehouse of its own with the shops in it, reconciled."""
    with scratch_warehouse() as own:
        ingest_world(own, world, SEED)
        reconcile_all(own)
        yield own


def rows(settings: Settings, query: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connect("transformer", settings) as warehouse:
        return warehouse.rows(query, values)


def raw(world: World, tenant: str, query: str) -> list[tuple[Any, ...]]:
    """Ask what the systems of a tenant say, without the warehouse."""
    zone = next(each.zone for each in world.tenants if each.tenant_id == tenant)
    with duckdb.connect() as duck:
        duck.execute("set TimeZone = 'UTC'")
        for name, table in facts_of(world, tenant).items():
            duck.register(name, table)
        end = f"timestamptz '{end_of(world.last_day, zone)}'"
        return duck.execute(query.replace("$end", end)).fetchall()


def test_every_record_is_there_once_in_the_state_that_was_found(settings: Settings) -> None:
    found, shown = Counter(rows(settings, FOUND)), Counter(rows(settings, SHOWN))
    assert max(Counter(row[:4] for row in shown.elements()).values()) == 1
    assert shown == found
    assert len({state for *_, state in found}) > 6


def test_the_summary_ties_to_the_systems_that_it_sums(world: World, settings: Settings) -> None:
    for tenant in world.tenants:
        told = rows(
            settings,
            "select side, currency, sum(items), sum(amount) from marts.reconciliation_summary"
            " where tenant_id = %s and side in ('order', 'payment', 'remittance', 'bank_line') group by 1, 2",
            [tenant.tenant_id],
        )
        expected = raw(world, tenant.tenant_id, RAW)
        assert len(expected) > 2
        assert sorted(told) == sorted(expected), tenant.tenant_id


def test_settlements_are_made_of_the_payments(world: World, settings: Settings) -> None:
    types: set[str] = set()
    for tenant in world.tenants:
        sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for currency, kind, amount, fee in raw(world, tenant.tenant_id, RAW_SETTLED):
            types.add(kind)
            sums[currency][kind] += amount
            sums[currency]["fee"] += fee
        names = ("charge", "refund", "chargeback", "fee")
        expected = {currency: tuple(of[name] for name in names) for currency, of in sums.items()}
        told = {row[0]: row[1:] for row in rows(settings, SETTLED, [tenant.tenant_id])}
        assert told == expected, tenant.tenant_id
    assert {"charge", "refund"} <= types


@pytest.mark.parametrize(
    "defect",
    [
        "update finance.receipt_states set amount = amount + 1 where side = 'payment' and state = 'matched'",
        "delete from finance.line_states where state = 'unexplained'",
        "update finance.payout_states set amount = amount + 1 where kind = 'payout' and state = 'matched'",
    ],
)
def test_the_tests_of_the_build_notice_what_does_not_tie(settings: Settings, defect: str) -> None:
    names = ("the_summary_ties_to_the_feeds", "settlements_add_up")
    tests = results_of(settings, "test", "--select", *names)
    assert {str(tests[name].status) for name in names} == {"pass"}
    with pytest.raises(Undo), connect("admin", settings) as warehouse, warehouse.transaction():
        assert warehouse.execute(defect) > 0
        assert sum(failures(warehouse, tests[name]) for name in names) > 0
        raise Undo


class Undo(Exception):  # noqa: N818
    """Ends a transaction without keeping what it did."""


def failures(warehouse: Warehouse, test: Any) -> int:
    return int(warehouse.query(f"select * from ({test.node.compiled_code}) as failures").num_rows)


def test_a_reader_sees_the_rows_of_its_tenant_and_no_others(world: World, settings: Settings) -> None:
    own, *others = (tenant.tenant_id for tenant in world.tenants)
    with connect("admin", settings) as admin:
        admin.execute("insert into ops.tenant_access values (%s, %s)", [settings.reader_user, own])
    for mart in ("reconciliation_items", "reconciliation_summary", "settlement", "paid_orders"):
        query = f"select mart::text from marts.{mart} as mart"
        with connect("reader", settings) as reader:
            seen = Counter(reader.rows(query))
            assert seen == Counter(rows(settings, f"{query} where tenant_id = %s", [own])) != Counter()
            assert reader.rows(f"{query} where tenant_id = any(%s)", [others]) == []


def states(settings: Settings, tenant: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    said = rows(
        settings,
        "select side, source, item_id, item_type, currency,"
        " state, is_open, explanation_category, explained_by"
        " from marts.reconciliation_items where tenant_id = %s",
        [tenant],
    )
    return {row[:5]: row[5:] for row in said}


def test_an_explanation_closes_what_is_open_and_its_withdrawal_opens_it_again(settings: Settings) -> None:
    [(tenant, _)] = rows(
        settings,
        "select tenant_id, count(distinct side || item_type) from marts.reconciliation_items where is_open"
        " group by tenant_id order by 2 desc, 1 limit 1",
    )
    before, chosen = states(settings, tenant), rows(settings, OPEN, [tenant])
    assert len({side for side, *_ in chosen}) > 3
    for _, source, item, _, side in chosen:
        explain_item(tenant, side, item, item_source=source, category="write_off", settings=settings, **WORDS)
    build(settings, select=["int_finance__explanations"], with_tests=False)
    after = states(settings, tenant)
    moved = {key for key in before if after[key] != before[key]}
    # an explained transfer is explained at the bank too
    assert {key[:4] for key in moved if key[3] != "transfer"} == {tuple(row[:4]) for row in chosen}
    assert {after[key] for key in moved} == {("explained", False, "write_off", "ann")}
    [(items, open_items)] = rows(
        settings,
        "select sum(items) filter (where state = 'explained'), sum(items) filter (where is_open)"
        " from marts.reconciliation_summary where tenant_id = %s",
        [tenant],
    )
    assert items == len(moved)
    assert open_items == sum(is_open for _, is_open, *_ in after.values())
    for _, source, item, _, side in chosen:
        withdraw_explanation(tenant, side, item, item_source=source, settings=settings, **WORDS)
    build(settings, select=["int_finance__explanations"], with_tests=False)
    assert states(settings, tenant) == before
