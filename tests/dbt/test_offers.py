"""What is bought together, what to offer next: learnt weekly, corrected at once, the same when made anew."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from include.settings import Settings
from include.transform import build
from tests.dbt import scenario
from tests.dbt.dbt_runs import results_of
from tests.dbt.readings import rows, same_made_anew, told
from tests.dbt.test_data_tests import failures, planted
from tests.oracle import made
from tests.oracle.forecasts import forecast
from tests.oracle.rows import Row

START, SUNDAY, NEXT_SUNDAY = date(2026, 3, 1), date(2026, 3, 15), date(2026, 3, 22)
MARTS = ("product_affinity", "next_best_offer", "customer_360")
BASKETS = {
    "a": ("tea", "cup"), "b": ("tea", "cup"), "c": ("tea", "cup"),
    "d": ("tea",), "e": ("tea",), "f": ("pot",),
}  # fmt: skip


def bought(customer: str, day: str, *products: str) -> dict[str, list[Row]]:
    """Return a paid order of a customer, and its lines."""
    name = f"{customer}-{day}"
    return {
        "orders": [made.order(name, f"{day}T05:00:00Z", "30.00", source_customer_id=customer)],
        "order_items": [made.item(name, product) for product in products],
    }


@pytest.fixture(scope="module")
def shop(warehouse_settings: Settings) -> Settings:
    """Give a shop whose last loaded day is a Sunday."""
    settings = scenario.in_own_database(warehouse_settings, "dbt_offers")
    orders = [bought(customer, "2026-03-03", *products) for customer, products in BASKETS.items()]
    feeds = {
        "tenants": [made.tenant()],
        "products": [made.product("tea", "10.00"), made.product("cup", "20.00", category="ware")],
        "orders": [row for order in orders for row in order["orders"]],
        "order_items": [row for order in orders for row in order["order_items"]],
    }
    scenario.load(settings, feeds, START, date(2026, 3, 16))
    build(settings)
    return settings


def pairs(settings: Settings) -> dict[str, tuple[Any, ...]]:
    """Return of each pair who bought both, who the one, the other and anything, and confidence and lift."""
    found = rows(
        settings,
        "select product_id || '>' || other_product_id, customers, product_customers, other_product_customers,"
        " all_customers, confidence, lift from marts.product_affinity",
    )
    return {pair: tuple(values) for pair, *values in found}


def offers(settings: Settings) -> dict[str, tuple[Any, ...]]:
    found = rows(
        settings,
        "select customer_id, offer_type, product_id, reason_product_id, expected_amount"
        " from marts.next_best_offer",
    )
    return {customer: tuple(values) for customer, *values in found}


def written(settings: Settings, mart: str) -> int:
    newest = "(select max(build_id) from ops.builds)"
    return int(rows(settings, f"select count(*) from marts.{mart} where _build_id = {newest}")[0][0])


CUP = ("cross_sell", "cup", "tea")


def test_who_bought_tea_is_offered_a_cup(shop: Settings) -> None:
    assert pairs(shop) == {
        "tea>cup": (3, 5, 3, 6, Decimal("0.6"), Decimal("1.2")),
        "cup>tea": (3, 3, 5, 6, Decimal(1), Decimal("1.2")),
    }
    assert offers(shop) == {name: (*CUP, Decimal("12.00")) for name in ("shop:d", "shop:e")}
    assert rows(shop, "select count(next_best_action) from marts.customer_360") == [(0,)]
    same_made_anew(shop, MARTS)


def test_nothing_is_learnt_again_without_news(shop: Settings) -> None:
    build(shop)
    assert (written(shop, "product_affinity"), written(shop, "next_best_offer")) == (0, 0)


def test_a_forecast_shows_the_offer_as_the_next_action(shop: Settings) -> None:
    told(shop, START, date(2026, 3, 16), clv_forecasts=[forecast("shop:d", "2026-03-15", segment="low")])
    assert rows(
        shop,
        "select customer_id, next_best_action from marts.customer_360 where next_best_action is not null",
    ) == [("shop:d", "cross_sell:cup")]
    assert rows(shop, "select clv_segment from marts.next_best_offer where customer_id = 'shop:d'") == [
        ("low",)
    ]
    same_made_anew(shop, MARTS)


def test_an_order_of_the_week_moves_its_customer_alone(shop: Settings) -> None:
    before = pairs(shop)
    told(shop, START, date(2026, 3, 18), **bought("e", "2026-03-16", "cup"))
    assert pairs(shop) == before
    assert set(offers(shop)) == {"shop:d"}
    assert written(shop, "product_affinity") == 0
    same_made_anew(shop, MARTS)


def test_a_late_order_is_learnt_at_once(shop: Settings) -> None:
    told(shop, START, date(2026, 3, 18), **bought("f", "2026-03-10", "cup"))
    # of 6 customers 5 bought tea and 4 a cup: that 3 bought both is less than chance
    assert pairs(shop) == {}
    assert offers(shop) == {}
    same_made_anew(shop, MARTS)


def test_a_corrected_line_takes_it_back(shop: Settings) -> None:
    gone = made.item("f-2026-03-10", "cup", updated_at="2026-03-17T00:00:00Z", _deleted=True)
    told(shop, START, date(2026, 3, 18), order_items=[gone])
    assert set(pairs(shop)) == {"tea>cup", "cup>tea"}
    assert offers(shop) == {"shop:d": (*CUP, Decimal("12.00"))}
    same_made_anew(shop, MARTS)


def test_a_price_moves_what_an_offer_is_worth(shop: Settings) -> None:
    dearer = made.product("cup", "25.00", category="ware", updated_at="2026-03-17T00:00:00Z")
    told(shop, START, date(2026, 3, 18), products=[dearer])
    assert offers(shop) == {"shop:d": (*CUP, Decimal("15.00"))}
    same_made_anew(shop, MARTS)


def test_on_sunday_the_week_is_learnt(shop: Settings) -> None:
    told(shop, START, date(2026, 3, 23), **bought("g", "2026-03-21", "pot"))
    assert pairs(shop) == {
        "tea>cup": (4, 5, 4, 7, Decimal("0.8"), Decimal("1.4")),
        "cup>tea": (4, 4, 5, 7, Decimal(1), Decimal("1.4")),
    }
    assert rows(shop, "select distinct learnt_date from marts.product_affinity") == [(NEXT_SUNDAY,)]
    assert offers(shop) == {"shop:d": (*CUP, Decimal("20.00"))}
    same_made_anew(shop, MARTS)


def test_a_merged_customer_has_bought_what_both_did(shop: Settings) -> None:
    told(shop, START, date(2026, 3, 23), customer_map=[made.mapped("d", "shop:a", "2026-03-22T00:00:00Z")])
    assert pairs(shop)["tea>cup"] == (4, 4, 4, 6, Decimal(1), Decimal("1.5"))
    assert offers(shop) == {}
    same_made_anew(shop, MARTS)
    told(shop, START, date(2026, 3, 23), customer_map=[made.mapped("d", "shop:d", "2026-03-23T00:00:00Z")])
    assert offers(shop) == {"shop:d": (*CUP, Decimal("20.00"))}


@pytest.mark.parametrize(
    "defect",
    [
        "update marts.next_best_offer set product_id = 'tea'",
        "update marts.next_best_offer set reason_product_id = 'pot'",
        "update marts.next_best_offer set confidence = confidence / 2",
        "insert into intermediate.int_products__purchases select tenant_id, customer_id, product_id, 1,"
        " date '2026-03-01', 1 from marts.next_best_offer",
        "update marts.product_affinity set customers = customers + 1 where product_id = 'tea'",
        "delete from intermediate.int_products__purchases",
        "delete from marts.product_affinity",
    ],
)
def test_a_wrong_offer_is_found(shop: Settings, defect: str) -> None:
    name = "offers_are_learnt_and_not_bought"
    test = results_of(shop, "test", "--select", name, "--vars", "{check_all: true}")[name]
    with planted(shop, defect) as warehouse:
        assert failures(warehouse, test) > 0
