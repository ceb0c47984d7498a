"""From the files of the simulated shops to the states in the warehouse: each planted break is found."""

from collections import Counter
from collections.abc import Iterator

import pytest

from benchmarks.reconcile import Record, Rivals, facts_of, nameless, true_states
from benchmarks.scratch import scratch_warehouse
from benchmarks.truth import ingest_world
from include.demo.world import World, simulate
from include.finance.reconciliation.nightly import reconcile_all
from include.finance.reconciliation.rules import set_rules
from include.settings import Settings
from include.warehouse import connect

SEED = 5
STATES = """
    select 'order', orders.order_id, case orders.state when 'by_bank' then payouts.state else orders.state end
    from finance.order_states as orders
    left join finance.payout_states as payouts
        on payouts.tenant_id = orders.tenant_id and payouts.kind = 'transfer'
        and payouts.source = orders.source and payouts.payout_id = orders.order_id
    where orders.tenant_id = %(tenant)s and orders.is_completed
    union all
    select side, receipt_id, case state when 'void' then 'matched' else state end
    from finance.receipt_states where tenant_id = %(tenant)s
    union all
    select 'refund', refund_id, state from finance.refund_states where tenant_id = %(tenant)s
    union all
    select 'payout', case kind when 'takings' then source || ':' else '' end || payout_id, state
    from finance.payout_states where tenant_id = %(tenant)s
    union all
    select 'bank_line', line_id, state from finance.line_states where tenant_id = %(tenant)s
"""


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(SEED, scale=0.06, days=30, clicks_per_order=1)


@pytest.fixture(scope="module")
def settings(world: World) -> Iterator[Settings]:
    """Give a warehouse of its own with the shops in it, reconciled."""
    with scratch_warehouse() as own:
        ingest_world(own, world, SEED)
        assert len(reconcile_all(own)) == len(world.tenants)
        yield own


def wrong(world: World, settings: Settings) -> list[tuple[Record, str | None, str]]:
    """Return the records whose state is not the planted one, nor rightly called ambiguous."""
    found: list[tuple[Record, str | None, str]] = []
    for tenant in world.tenants:
        name = tenant.tenant_id
        with connect("transformer", settings) as warehouse:
            said = {(side, key): state for side, key, state in warehouse.rows(STATES, {"tenant": name})}
        true, hangs = true_states(world, name)
        rivals = Rivals([row for row in world.truth["payouts"].to_pylist() if row["tenant_id"] == name])
        open_pairs = nameless(facts_of(world, name), true)
        for record, state in true.items():
            told = said.get(record)
            is_open = record in open_pairs or rivals.has(hangs.get(record, ("", ""))[1])
            if record[0] == "settlement" or told == state or (told == "ambiguous" and is_open):
                continue
            if told is not None or record[0] != "order":  # an order that is not completed has no state
                found.append((record, told, state))
    return found


def test_the_warehouse_holds_the_planted_states(world: World, settings: Settings) -> None:
    planted = Counter(
        state for tenant in world.tenants for state in true_states(world, tenant.tenant_id)[0].values()
    )
    assert len(planted) > 6
    assert wrong(world, settings) == []


def test_another_state_is_noticed(world: World, settings: Settings) -> None:
    """The planted defect: somebody marks what is missing as matched."""
    with connect("loader", settings) as warehouse:
        changed = warehouse.execute(
            "update finance.payout_states set state = 'matched' where state = 'missing_in_bank'"
        )
    assert 0 < changed <= len(wrong(world, settings))


def test_a_second_night_has_nothing_to_do(settings: Settings) -> None:
    assert [night.looked_at for night in reconcile_all(settings)] == [0, 0, 0, 0]


def test_a_tenant_may_name_what_is_no_sales_money(settings: Settings) -> None:
    lines = "select count(*) from finance.line_states where tenant_id = 'lotus' and state = %s"
    with connect("transformer", settings) as warehouse:
        [before] = warehouse.rows(lines, ["unexplained"])[0]
    set_rules("lotus", {"own_words": ["rent"]}, entered_by="ann", reason="monthly", settings=settings)
    reconcile_all(settings, only=["lotus"])
    with connect("transformer", settings) as warehouse:
        [named], [after] = (warehouse.rows(lines, [state])[0] for state in ("not_sales", "unexplained"))
    assert 0 < named == before - after
