"""Night by night comes to what one look at everything finds, in whatever order things come."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from include.demo.world import World, simulate
from include.finance.reconciliation import facts, nightly
from include.finance.reconciliation.rules import Rules
from include.finance.tenants import NotPublishedError
from include.settings import Settings
from include.warehouse import connect
from tests.integration.finance.nights import FEEDS, Nights, Said

STEP = timedelta(days=8)


@pytest.fixture(scope="module")
def world() -> World:
    """Give small shops with their breaks."""
    return simulate(11, scale=0.1, days=40, clicks_per_order=0, only={*FEEDS, "tenants"})


@pytest.fixture
def nights(warehouse_settings: Settings, world: World) -> Iterator[dict[str, Nights]]:
    """Give the nights of two tenants, none of which has passed; what they leave is taken away."""
    told = {t.tenant_id: Nights(warehouse_settings, world, t) for t in world.tenants}
    for each in told.values():
        each.open()
    try:
        yield told
    finally:
        with connect("admin", warehouse_settings) as warehouse:
            warehouse.execute("drop table marts.tracked_orders")
            for feed in FEEDS:
                warehouse.execute(f"drop table staging.stg_{feed}")
            for (table,) in warehouse.rows(
                "select relname::text from pg_class where relnamespace = 'finance'::regnamespace"
                " and relkind = 'r' and (relname like '%%_states' or relname = 'reconciliation_runs')"
            ):
                warehouse.execute(f"truncate finance.{table}")
            warehouse.execute(
                "delete from ops.restatements where key_hash = 0; drop table ops.pins, ops.watermarks"
            )


def parts(world: World) -> list[tuple[date, date]]:
    """Return the days of a world in some parts, from the day before it."""
    starts = []
    day = world.first_day - timedelta(days=1)
    while day <= world.last_day:
        starts.append(day)
        day += STEP
    return [(start, min(start + STEP - timedelta(days=1), world.last_day)) for start in starts]


def differences(found: dict[str, Said], true: dict[str, Said]) -> list[object]:
    """Return what is not the same; orders that the bank alone settles get their state from their payout."""
    by_bank = {key for key, said in found["orders"].items() if said[1] == "by_bank"}
    different: list[object] = []
    for name, rows in true.items():
        # The nights know orders that are not completed too.
        for key in sorted(rows if name == "orders" else found[name].keys() | rows.keys()):
            said, truly = found[name].get(key), rows.get(key)
            if said != truly and not (name == "orders" and key in by_bank):
                different.append((name, key, said, truly))
    return different


@pytest.mark.parametrize("tenant", ["lotus", "mekong"])
def test_nights_come_to_what_one_look_finds(nights: dict[str, Nights], world: World, tenant: str) -> None:
    own = nights[tenant]
    for start, end in parts(world):
        own.tell(start, end)
        own.run(end)
        assert differences(own.found(), own.true(end)) == []
    assert len(own.found()["receipts"]) > 200


@pytest.mark.parametrize("seed", range(2))
def test_late_feeds_and_days_in_any_order_come_to_the_same(
    nights: dict[str, Nights], world: World, seed: int
) -> None:
    chance, own = random.Random(seed), nights["lotus" if seed % 2 else "mekong"]
    news = [(start, end, feed) for start, end in parts(world) for feed in FEEDS]
    chance.shuffle(news)
    while news:
        some = [news.pop() for _ in range(min(len(news), chance.randint(4, 9)))]
        for start, end, feed in some:
            own.tell(start, end, leave_out=frozenset(FEEDS) - {feed})
        own.run(world.last_day)
        assert differences(own.found(), own.true(world.last_day)) == []


def test_a_night_that_looked_at_too_little_is_noticed(
    nights: dict[str, Nights], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted defect: the lines of former nights are not looked at beside what was due in their days."""
    own = nights["lotus"]
    monkeypatch.setattr(nightly, "_LINES_FROM", "booked_on < %(first)s")
    for start, end in parts(world):
        own.tell(start, end)
        own.run(end)
    assert differences(own.found(), own.true(world.last_day))


def test_nothing_new_is_nothing_to_do(nights: dict[str, Nights], world: World) -> None:
    own = nights["kauri"]
    own.tell(world.first_day, world.last_day)
    first = own.run(world.last_day)
    again = own.run(world.last_day)
    assert first.looked_at > 100
    assert again.looked_at == 0
    assert again.open == first.open


def test_other_rules_judge_everything_again(nights: dict[str, Nights], world: World) -> None:
    own = nights["kauri"]
    own.tell(world.first_day, world.last_day)
    own.run(world.last_day)
    strict = own.found()
    wide = Rules(tolerance=Decimal(10_000))
    own.run(world.last_day, rules=wide)
    assert differences(own.found(), own.true(world.last_day, rules=wide)) == []
    assert differences(own.found(), strict)


def test_the_day_may_go_back_and_forth(nights: dict[str, Nights], world: World) -> None:
    """What was known before but dated later comes in with its day."""
    own = nights["lotus"]
    own.tell(world.first_day - timedelta(days=1), world.last_day)
    for back in (0, 20, 10, 5, 12, 0):
        day = world.last_day - timedelta(days=back)
        own.run(day)
        assert differences(own.found(), own.true(day)) == []


def test_an_order_whose_payment_the_courier_alone_tells_has_its_state(
    nights: dict[str, Nights], world: World
) -> None:
    own = nights["lotus"]
    own.tell(world.first_day, world.last_day)
    told = {key: said for key, said in own.true(world.last_day)["receipts"].items() if key[0] == "remittance"}
    key, order = next((key, said[:2]) for key, said in sorted(told.items()) if said[2] == "matched")
    with connect("admin", own.settings) as warehouse:
        unpaid = "update staging.stg_orders set paid_at = null where source = %s and order_id = %s"
        assert warehouse.execute(unpaid, order) == 1
    again = own.true(world.last_day)
    assert again["orders"][order][1] == again["receipts"][key][2] == "matched"


def test_an_order_that_is_gone_has_no_state_left(nights: dict[str, Nights], world: World) -> None:
    """Neither has what it was to bring at the bank; its payment is nobody's."""
    own = nights["lotus"]
    own.tell(world.first_day - timedelta(days=1), world.last_day)
    own.run(world.last_day)
    before = own.found()
    transfers = {key[1:3] for key in before["payouts"] if key[0] == "transfer"}
    paid = {said[:2] for said in before["receipts"].values() if said[2] == "matched"}
    for orders in (transfers, paid):
        own.withdraw(*min(orders))
    own.run(world.last_day)
    assert differences(own.found(), own.true(world.last_day)) == []
    assert not {min(transfers), min(paid)} & own.found()["orders"].keys()
    assert ("transfer", *min(transfers)) not in {key[:3] for key in own.found()["payouts"]}
    with connect("admin", own.settings) as warehouse:
        warehouse.execute("delete from raw.orders")


def test_another_time_zone_judges_everything_again(nights: dict[str, Nights], world: World) -> None:
    own = nights["kauri"]
    own.tell(world.first_day, world.last_day)
    own.run(world.last_day)
    own.tenant = replace(own.tenant, zone="Asia/Ho_Chi_Minh")
    own.run(world.last_day)
    assert differences(own.found(), own.true(world.last_day)) == []


def test_a_night_costs_what_is_new(nights: dict[str, Nights], world: World) -> None:
    own = nights["lotus"]
    *before, (start, end) = parts(world)
    for some in before:
        own.tell(*some)
    everything = own.run(before[-1][1]).looked_at
    own.tell(start, end)
    assert own.run(end).looked_at < 0.7 * everything


def test_unknown_tenants_are_named(warehouse_settings: Settings) -> None:
    with connect("transformer", warehouse_settings) as warehouse:
        warehouse.execute(
            "create table if not exists intermediate.int_tenants__published"
            " (tenant_id text, country_code text, reporting_currency text, as_of_date date)"
        )
        for column in ("name", "time_zone"):
            warehouse.execute(
                f"alter table intermediate.int_tenants__published add column if not exists {column} text"
            )
    with pytest.raises(NotPublishedError, match="tenant nobody is held or unknown"):
        nightly.reconcile_all(warehouse_settings, only=["nobody"])


def test_facts_are_read_in_their_types(nights: dict[str, Nights], world: World) -> None:
    own = nights["maple"]
    own.tell(world.first_day, world.last_day)
    with connect("transformer", own.settings) as warehouse:
        read = facts.all_facts(warehouse, "maple")
    assert str(read["payments"].schema.field("occurred_at").type) == "timestamp[us, tz=UTC]"
    assert str(read["payments"].schema.field("amount").type) == "decimal128(20, 4)"
    assert read["bank_lines"]["reference"].null_count > 0
