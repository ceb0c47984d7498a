"""The simulated world: reproducible, clean, nothing known before it happened, every hard case in it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.demo.truth import newest
from include.demo.world import World, simulate
from include.demo.world.credit import STORIES
from include.demo.world.people import RECORD_TYPES
from include.warehouse.contracts import Contract, load_contracts
from tests.oracle.warehouse import OF_DECISIONS
from tests.unit.demo.conftest import SEED
from tests.unit.demo.hardness import ambiguous_payouts, contacts, exact_matching


def broken_rules(contract: Contract, table: pa.Table) -> dict[str, int]:
    """Count the rows that break each promise of a feed's contract."""
    duck = duckdb.connect()
    duck.register("rows_of_feed", table)
    promises = {f"{c.name} is required": f"{c.name} is not null" for c in contract.columns if c.required}
    for column in contract.columns:
        if column.values:
            promises[f"{column.name} has a known value"] = f"{column.name} in {column.values!r}"
    promises |= {rule.error: rule.check for rule in contract.rules}
    counts = {}
    for words, check in promises.items():
        rows = duck.sql(f"select count(*) from rows_of_feed where not coalesce({check}, true)").fetchall()
        if rows[0][0]:
            counts[words] = int(rows[0][0])
    return counts


def test_the_same_seed_gives_the_same_world(small_world: World) -> None:
    again = simulate(SEED, scale=0.03, days=30, clicks_per_order=2)
    other = simulate(SEED + 1, scale=0.03, days=30, clicks_per_order=2)
    for name, table in small_world.feeds.items():
        assert again.feed(name).equals(table), name
    assert again.truth_kols().equals(small_world.truth_kols())
    assert not other.feed("orders").equals(small_world.feed("orders"))
    assert not other.truth_kols().equals(small_world.truth_kols())


def test_a_world_of_some_feeds_has_the_whole_truth(small_world: World) -> None:
    part = simulate(SEED, scale=0.03, days=30, clicks_per_order=2, only={"orders"})
    assert set(part.feeds) == {"orders", "kols"}
    assert part.feed("orders").equals(small_world.feed("orders"))
    assert part.truth_kols().equals(small_world.truth_kols())


def test_every_feed_keeps_its_contract(small_world: World) -> None:
    contracts = {name: told for name, told in load_contracts().items() if name not in OF_DECISIONS}
    assert set(small_world.feeds) == set(contracts)
    for name, contract in contracts.items():
        table = small_world.feed(name)
        assert tuple(table.column_names) == (*contract.names, "_available_at", "_system")
        assert table.num_rows > 0, name
        assert broken_rules(contract, table) == {}, name


def test_a_broken_row_is_noticed(small_world: World) -> None:
    orders = small_world.feed("orders")
    place = orders.column_names.index("vat_amount")
    doubled = pc.add(orders["gross_amount"], orders["gross_amount"]).cast(orders["vat_amount"].type)
    broken = orders.set_column(place, "vat_amount", doubled)
    assert "vat_amount is outside 0 to gross_amount" in broken_rules(load_contracts()["orders"], broken)


def test_everything_becomes_known_within_the_days_and_not_before_it_happens(small_world: World) -> None:
    zones = {tenant.tenant_id: ZoneInfo(tenant.zone) for tenant in small_world.tenants}
    midnight = datetime.min.time()
    for tenant_id, zone in zones.items():
        opens = datetime.combine(small_world.first_day, midnight, zone).astimezone(UTC)
        ends = datetime.combine(small_world.last_day + timedelta(days=1), midnight, zone).astimezone(UTC)
        for name, table in small_world.feeds.items():
            own = table.filter(pc.equal(table["tenant_id"], tenant_id))
            known = pc.min_max(own["_available_at"]).as_py()
            if known["min"] is not None:
                assert known["min"] >= opens, (tenant_id, name)
                assert known["max"] < ends, (tenant_id, name)
    for name, happened in (("clicks", "clicked_at"), ("orders", "updated_at"), ("refunds", "refunded_at")):
        table = small_world.feed(name)
        early = pc.sum(pc.less(table["_available_at"], table[happened])).as_py()
        # Only what happened in the last seconds of the last day is cut to its end.
        assert early <= table.num_rows // 500, name


def test_an_interval_holds_the_newest_versions_and_whole_pulls(small_world: World) -> None:
    start = datetime.combine(small_world.last_day, datetime.min.time(), ZoneInfo("Asia/Ho_Chi_Minh"))
    start, end = (start - timedelta(days=9)).astimezone(UTC), start.astimezone(UTC)
    orders = small_world.interval("orders", "lotus", start, end)
    assert orders.num_rows > 0
    keys = orders.group_by(["source", "order_id"]).aggregate([([], "count_all")])["count_all"]
    assert set(keys.to_pylist()) == {1}
    assert pc.min(orders["_available_at"]).as_py() >= start
    assert pc.max(orders["_available_at"]).as_py() < end
    pulls = small_world.interval("ad_spend", "lotus", start, end)
    per_slice = pulls.group_by(["platform", "spend_date"]).aggregate([("_available_at", "count_distinct")])
    assert set(per_slice["_available_at_count_distinct"].to_pylist()) == {1}
    every = small_world.feed("ad_spend")
    assert newest(every, "ad_spend").num_rows < every.num_rows


def test_nothing_is_lost_between_whole_and_parts(small_world: World) -> None:
    duck = duckdb.connect()
    duck.register("kols", small_world.truth_kols())
    duck.register("days", small_world.truth_days())
    duck.register("ledger", small_world.ledger())
    duck.register("costs", small_world.truth["costs"])
    by_day = "select sum(orders), sum(gross), sum(refunds), sum(revenue), sum(net_revenue) from days"
    by_line = (
        "select sum(amount) filter (measure = 'orders'), sum(amount) filter (measure = 'gross'),"
        " sum(amount) filter (measure = 'refunds'), sum(amount) filter (measure = 'revenue'),"
        " sum(amount) filter (measure = 'net_revenue') from ledger"
    )
    assert duck.sql(by_day).fetchall() == duck.sql(by_line).fetchall()
    measures = (
        "gross",
        "refunds",
        "revenue",
        "net_revenue",
        "commission",
        "fixed_fees",
        "platform_fees",
        "goods",
    )
    for measure in measures:
        whole = duck.sql(f"select sum({measure}) from kols").fetchall()
        parts = f"select sum(amount) from ledger where measure = '{measure}' and credit = 'kol'"
        assert whole == duck.sql(parts).fetchall(), measure
    assert duck.sql(
        "select count(*) from kols where revenue <> gross - refunds"
        " or investment <> fixed_fees + platform_fees + commission + goods"
    ).fetchall() == [(0,)]


def test_an_order_given_back_whole_leaves_nothing(small_world: World) -> None:
    duck = duckdb.connect()
    duck.register("events", small_world.truth["events"])
    left = duck.sql(
        "select sum(gross) - sum(refunds) as rest, sum(vat) as vat, sum(commission) as commission"
        " from events where credit <> 'unlinked' group by tenant_id, source, id"
        " having rest = 0 and count(*) > 1"
    ).fetchall()
    assert len(left) > 10
    assert set(left) == {(0, 0, 0)}


def test_every_story_is_told(wider_world: World) -> None:
    world = wider_world
    told = set(world.truth["orders"]["story"].to_pylist())
    assert told == set(STORIES)
    excluded = set(world.truth["orders"]["exclusion_reason"].to_pylist())
    assert excluded == {None, "test", "non_positive", "cancelled_before_payment", "not_paid"}
    states = set(world.truth["reconciliation"]["state"].to_pylist())
    assert len(states) == 9
    kinds = set(world.truth["events"]["kind"].to_pylist())
    assert kinds == {"completion", "refund", "cancellation"}
    duck = duckdb.connect()
    duck.register("orders", world.feed("orders"))
    duck.register("fx", world.feed("fx_rates"))
    duck.register("contracts", world.feed("kol_contracts"))
    duck.register("clicks", world.feed("clicks"))
    for what, query in {
        "late orders": "select count(*) from orders where _available_at > updated_at + interval 5 hours",
        "old versions after newer ones": "select count(*) from orders a"
        " join orders b using (tenant_id, source, order_id)"
        " where a.updated_at < b.updated_at and a._available_at > b._available_at",
        "late rates": "select count(*) from fx where _available_at > rate_date + interval 30 hours",
        "corrected contracts": "select count(*) from (select contract_id from contracts"
        " group by tenant_id, contract_id having count(distinct commission_rate) > 1)",
        "repeated clicks": "select count(*) - count(distinct tenant_id || click_id) from clicks",
    }.items():
        assert duck.sql(query).fetchall()[0][0] > 0, what


@pytest.fixture(scope="module")
def wider_world() -> World:
    """Give a world of about 5,000 persons and 60 days with no clicks but those of orders."""
    return simulate(SEED, scale=0.2, days=60, clicks_per_order=0)


def records_of(world: World) -> pa.Table:
    """What the newest versions tell of every record."""
    return contacts(*(newest(world.feed(name), name) for name in ("customers", "orders", "pos_sales")))


def test_every_record_and_browser_has_one_person(small_world: World) -> None:
    duck = duckdb.connect()
    duck.register("shown", records_of(small_world))
    duck.register("known", small_world.truth["record_persons"])
    duck.register("browsers", small_world.truth["visitor_persons"])
    key = "tenant_id, record_source, record_type, record_id"
    assert duck.sql(f"select {key} from shown except all select {key} from known").fetchall() == []
    assert duck.sql(f"select {key} from known except all select {key} from shown").fetchall() == []
    types = duck.sql("select distinct record_type from known").fetchall()
    assert {name for (name,) in types} == set(RECORD_TYPES)
    whose = "select count(*) from browsers group by tenant_id, visitor_id having count(*) > 1"
    assert duck.sql(whose).fetchall() == []
    for feed in ("orders", "customers"):
        duck.register("rows_of_feed", small_world.feed(feed))
        seen = "select distinct tenant_id, visitor_id from rows_of_feed where visitor_id is not null"
        strange = duck.sql(f"{seen} except select tenant_id, visitor_id from browsers").fetchall()
        assert strange == [], feed


def test_pairs_name_records_of_every_type(small_world: World) -> None:
    whole = small_world.truth_pairs()
    customers = small_world.truth_pairs(("customer",))
    assert 0 < customers.num_rows < whole.num_rows
    rights = whole["right_record"].to_pylist()
    assert any(":order:" in name for name in rights)
    assert any(":sale:" in name for name in rights)
    assert {name.count(":") for name in customers["left_record"].to_pylist()} == {1}


def test_matching_persons_and_payouts_is_hard(wider_world: World) -> None:
    world = wider_world
    records, persons = records_of(world), world.truth["record_persons"]
    for types in (("customer",), RECORD_TYPES):
        some = records.filter(pc.is_in(records["record_type"], pa.array(types)))
        for placeholders in (False, True):
            matching = exact_matching(some, persons, placeholders=placeholders)
            assert matching.pairs == world.truth_pairs(types).num_rows > 500
            assert matching.recall <= 0.80
            assert matching.closure_precision <= 0.95
    assert ambiguous_payouts(world.truth["payouts"]) >= 0.10


def test_an_easy_world_is_called_easy(small_world: World) -> None:
    """The measure of hardness would notice: with keys as clean as the truth, exact matching is perfect."""
    persons = small_world.truth["record_persons"]
    key = ["tenant_id", "record_source", "record_type", "record_id"]
    joined = records_of(small_world).drop_columns(["email"]).join(persons, key)
    clean = joined.rename_columns([n if n != "person_id" else "email" for n in joined.column_names])
    blank = pa.nulls(clean.num_rows, pa.string())
    for name in ("phone", "loyalty_card"):
        clean = clean.set_column(clean.column_names.index(name), name, blank)
    matching = exact_matching(clean, persons)
    assert matching.recall == pytest.approx(1.0)
    assert matching.closure_precision == pytest.approx(1.0)
    payouts = small_world.truth["payouts"]
    apart = payouts.set_column(
        payouts.column_names.index("net_minor"), "net_minor", pa.array(range(payouts.num_rows), pa.int64())
    )
    assert ambiguous_payouts(apart) == 0.0


@pytest.mark.parametrize(("days", "scale"), [(19, 1.0), (120, 0.0)])
def test_a_world_too_small_is_refused(days: int, scale: float) -> None:
    with pytest.raises(ValueError, match="at least 20 days"):
        simulate(1, scale=scale, days=days)
