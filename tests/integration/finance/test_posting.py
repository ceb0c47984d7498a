"""From feeds to the ledger: what builds change is posted once, whoever dies on the way."""

import signal
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from include.feeds.landing import manifests
from include.feeds.replay import replay
from include.finance.ledger.commission import LedgerError
from include.finance.ledger.posting import SOURCE, Posted, PostingError, pay_out, post_orders
from include.finance.tenants import NotPublishedError
from include.settings import Settings
from include.transform import build
from include.warehouse import connect, fingerprint, prepare
from tests.integration.finance.killing import PLACES, start, work
from tests.oracle import made
from tests.oracle.loading import load_rows
from tests.oracle.rows import Row

OPEN = date(2026, 4, 1)
CONTRACT = made.contract("c2", "binh", coupon_code="BINH", target_orders=2, target_penalty="25.00")
ORDER = made.order("o3", "2026-03-04T05:00:00Z", "220.00", coupon_code="binh")
ZONES = {made.TENANT: "Asia/Ho_Chi_Minh"}


def load(settings: Settings, day: date, feeds: Mapping[str, Sequence[Row]]) -> None:
    """Load rows of a day and build what commission rests on."""
    load_rows(settings, feeds, day, day + timedelta(days=1), zones=ZONES)
    build(settings, with_tests=False, select=["+tracked_orders"])


def post(settings: Settings, held: set[tuple[str, str]] | None = None, open_from: date = OPEN) -> Posted:
    return post_orders(made.TENANT, open_from=open_from, held=held or set(), by="nightly", settings=settings)


def pay(settings: Settings, amount: int) -> pa.Table:
    amounts = {("ana", "USD"): Decimal(amount)}
    return pay_out(
        made.TENANT, open_from=OPEN, reason="March", by="finance", amounts=amounts, settings=settings
    )


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with connect("transformer", settings) as warehouse:
        return warehouse.rows(query)


def balances(settings: Settings) -> dict[tuple[str, str], Decimal]:
    told = "select kol_id, account, amount from finance.ledger_balances where amount <> 0"
    return {(kol, account): amount for kol, account, amount in rows(settings, told)}


def assert_ties(settings: Settings) -> None:
    """The ledger says of each order what its events say, and the balances what the lines say."""
    facts = """
        select source, order_id, kol_id, currency, sum(commission_amount) from intermediate.int_orders__events
        where credit_status = 'credited' group by 1, 2, 3, 4 having sum(commission_amount) <> 0 order by 1, 2
    """
    posted = """
        select order_source, order_id, kol_id, currency, sum(amount) from raw.ledger_entries
        where account = 'commission_expense' group by 1, 2, 3, 4 having sum(amount) <> 0 order by 1, 2
    """
    assert rows(settings, posted) == rows(settings, facts)
    lines = """
        select kol_id, currency, account, sum(amount), count(*) from raw.ledger_entries
        group by 1, 2, 3 order by 1, 2, 3
    """
    kept = "select kol_id, currency, account, amount, lines from finance.ledger_balances order by 1, 2, 3"
    assert rows(settings, kept) == rows(settings, lines)
    odd = """
        select transaction_id from raw.ledger_entries
        group by transaction_id, kol_id, currency having sum(amount) <> 0
    """
    assert rows(settings, odd) == []


@pytest.fixture(scope="module")
def shop(warehouse_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give a shop with three orders that coupons credit; the click that the first one names is unknown."""
    home = tmp_path_factory.mktemp("ledger")
    settings = warehouse_settings.model_copy(
        update={"warehouse_database": "ledger", "home": home, "landing_url": str(home / "landing")}
    )
    prepare(settings)
    feeds = {
        "tenants": [made.tenant()],
        "kols": [made.kol("ana"), made.kol("binh")],
        "kol_contracts": [
            made.contract("c1", "ana", coupon_code="ANA", ends_on="2026-12-31"),
            CONTRACT,
        ],
        "tracking_tokens": [made.token("t2", "binh")],
        "orders": [
            made.order("o1", "2026-03-02T05:00:00Z", coupon_code="ana", click_id="k1"),
            made.order("o2", "2026-03-03T05:00:00Z", coupon_code="ana"),
            ORDER,
        ],
    }
    load(settings, date(2026, 3, 10), feeds)
    return settings


def test_a_ledger_follows_its_shop(shop: Settings) -> None:
    assert (
        str(post(shop, open_from=date(2026, 3, 1))) == "acme: 6 lines entered for 3 orders that had changed"
    )
    assert balances(shop) == {
        ("ana", "commission_expense"): 20, ("ana", "kol_payable"): -20,
        ("binh", "commission_expense"): 20, ("binh", "kol_payable"): -20,
    }  # fmt: skip
    assert post(shop) == Posted(made.TENANT, 0, 0)
    with pytest.raises(LedgerError, match=r"cannot be paid 30 USD: 20\.0000 is payable"):
        pay(shop, 30)
    assert pay(shop, 15).num_rows == 2

    # A click comes late, a refund, the contract was another; the source removes an order; one is flagged.
    changes = {
        "clicks": [made.click("k1", "2026-03-02T04:00:00Z", "t2")],
        "refunds": [made.refund("r2", "o2", "2026-03-30T05:00:00Z", "55.00")],
        "kol_contracts": [{**CONTRACT, "commission_rate": "0.2", "updated_at": "2026-04-01T00:00:00Z"}],
        "orders": [{**ORDER, "updated_at": "2026-04-01T00:00:00Z", "_deleted": True}],
    }
    load(shop, date(2026, 4, 2), changes)
    with pytest.raises(PostingError, match="is not posted yet"):
        pay(shop, 1)
    assert post(shop, held={("shop", "o2")}).orders == 3
    assert_ties(shop)
    # Ana: half of o2, held, and 15 paid. Binh: o1 at 20 %, o3 is gone, and one order is less than two.
    assert balances(shop) == {
        ("ana", "commission_expense"): 5, ("ana", "kol_held"): -5, ("ana", "cash"): -15,
        ("ana", "kol_receivable"): 15,
        ("binh", "commission_expense"): 20, ("binh", "penalty_income"): -25, ("binh", "kol_receivable"): 5,
    }  # fmt: skip
    dates = "select distinct posting_date from raw.ledger_entries where reason like 'credit moved%'"
    assert rows(shop, dates) == [(OPEN,)]
    assert post(shop, held={("shop", "o2")}) == Posted(made.TENANT, 0, 0)
    assert post(shop).orders == 1, "a flag that is lifted touches its order"
    assert balances(shop)["ana", "kol_receivable"] == 10

    # Without its progress the ledger looks at everything, and finds it posted.
    before = balances(shop)
    with connect("loader", shop) as warehouse:
        warehouse.execute("truncate finance.ledger_progress, finance.ledger_balances")
    assert post(shop).entries == 0
    assert balances(shop) == before
    assert_ties(shop)


@pytest.mark.parametrize("number", range(len(PLACES)))
def test_a_killed_posting_is_made_up_for(shop: Settings, number: int) -> None:
    """What the first run had landed stands as it was landed, though the order was refunded meanwhile."""
    place, day = PLACES[number], date(2026, 5, 2 + number)
    at, name = f"{day}T05:00:00Z", f"killed-{number}"
    load(shop, day, {"orders": [made.order(name, at, coupon_code="ana")]})
    process = start(work, shop, made.TENANT, OPEN, place)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    of_order = f"select count(*) from raw.ledger_entries where order_id = '{name}'"
    assert rows(shop, of_order) == [(2 if place == "recorded" else 0,)]
    load(shop, day, {"refunds": [made.refund(f"r-{name}", name, at, "110.00")]})
    again = post(shop)
    assert again.orders == 1
    assert rows(shop, of_order) == [(4,)]
    assert rows(shop, f"{of_order} and entered_by = 'killed'") == [(0 if place == PLACES[0] else 2,)]
    assert_ties(shop)
    assert post(shop) == Posted(made.TENANT, 0, 0)


def test_a_payout_is_not_repeated_by_what_a_killed_posting_left(shop: Settings) -> None:
    files = len(list(manifests(shop, f"{made.TENANT}/{SOURCE}")))
    assert pay_out(made.TENANT, open_from=OPEN, reason="again", by="finance", settings=shop).num_rows == 0
    assert len(list(manifests(shop, f"{made.TENANT}/{SOURCE}"))) == files


def test_a_replay_gives_the_same_ledger(shop: Settings) -> None:
    def standing(settings: Settings) -> Any:
        with connect("admin", settings) as warehouse:
            return fingerprint(warehouse, "raw")["ledger_entries"]

    other = shop.model_copy(update={"warehouse_database": "ledger_replayed"})
    prepare(other)
    with connect("loader", other) as loader:
        replay(loader, settings=other)
    build(other, with_tests=False, select=["+tracked_orders"])
    assert standing(other) == standing(shop)
    assert post(other).entries == 0
    assert balances(other) == balances(shop)
    assert standing(other) == standing(shop)


def test_nothing_is_posted_from_half_a_build_or_for_a_held_tenant(shop: Settings) -> None:
    with connect("transformer", shop) as warehouse:
        where = "where model = 'int_orders__events' and upstream = 'builds'"
        warehouse.execute(f"update ops.watermarks set position = position + 1 {where}")
        with pytest.raises(PostingError, match="ledger of tenant acme: a build is under way"):
            post(shop)
        warehouse.execute(f"update ops.watermarks set position = position - 1 {where}")
    with connect("transformer", shop) as warehouse:
        pins = "update ops.pins set load_id = load_id + {} where feed = 'kol_contracts'"
        warehouse.execute(pins.format(1))
        with pytest.raises(PostingError, match="a build is under way"):
            post(shop)
        warehouse.execute(pins.format(-1))
    with pytest.raises(NotPublishedError, match="tenant nobody is held or unknown"):
        post_orders("nobody", open_from=OPEN, held=set(), by="nightly", settings=shop)
    assert post(shop).entries == 0
