"""A change of the customer map moves the orders of its records, and of the KOLs' days those that it must."""

from datetime import date
from typing import Any

import pytest

from include.settings import Settings
from include.transform import BuildError, build
from include.warehouse import connect, fingerprint
from tests.dbt import scenario
from tests.dbt.readings import rows
from tests.oracle import made
from tests.oracle.rows import Row

Days = dict[tuple[str, str, str], dict[str, Any]]
"""(tenant, KOL, day) -> the published row."""


@pytest.fixture(scope="module")
def mapped(warehouse_settings: Settings) -> Settings:
    """Give built shops: the web customer 8 came by binh on 10 March, the store customer p1 bought before."""
    settings = scenario.in_own_database(warehouse_settings, "dbt_one_customer")
    guest = made.order("o11", "2026-03-20T05:00:00Z", "10.00", coupon_code="BINH5")
    scenario.load(settings, {**scenario.feeds(), "orders": [*scenario.feeds()["orders"], guest]})
    build(settings)
    return settings


def decide(settings: Settings, *decisions: Row) -> None:
    """Land, load and build decisions about records; they are made long after the last day of business."""
    scenario.load(settings, {"customer_map": list(decisions)}, scenario.NEXT_END, scenario.LATER)
    build(settings)


def kol_days(settings: Settings) -> Days:
    with connect("transformer", settings) as warehouse:
        found = warehouse.query("select * from marts.kol_roi_daily").to_pylist()
    return {(row["tenant_id"], row["kol_id"], str(row["activity_date"])): row for row in found}


def moved(before: Days, after: Days) -> set[tuple[str, str, str]]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def logged(settings: Settings) -> dict[tuple[str, str, str], str]:
    """Return the causes that the newest build logged."""
    found = rows(
        settings,
        "select tenant_id, kol_id, activity_date::text, cause from marts.kol_day_changes "
        "where build_id = (select max(build_id) from ops.builds)",
    )
    return {(tenant, kol, day): cause for tenant, kol, day, cause in found}


def marts(settings: Settings) -> dict[str, Any]:
    with connect("transformer", settings) as warehouse:
        return dict(fingerprint(warehouse, "marts"))


def new_customers(settings: Settings) -> dict[str, int]:
    found = rows(settings, "select kol_id, new_customers from marts.kol_roi where tenant_id = 'acme'")
    return dict(found)


def test_a_merge_moves_the_days_concerned_and_no_other_and_can_be_taken_back(mapped: Settings) -> None:
    assert rows(mapped, "select count(*) from marts.kol_day_changes") == [(0,)]
    before, figures, standing = kol_days(mapped), new_customers(mapped), marts(mapped)

    decide(mapped, made.mapped("8", "till:p1", "2026-05-01T00:00:00Z"))
    concerned = ("acme", "binh", "2026-03-10")
    after = kol_days(mapped)
    assert new_customers(mapped) == {**figures, "binh": figures["binh"] - 1}
    assert moved(before, after) == {concerned}
    assert logged(mapped) == {concerned: "identity"}
    assert rows(
        mapped,
        "select change_type, new_customers_before, new_customers_after, orders_before, orders_after "
        "from marts.kol_day_changes",
    ) == [("changed", 1, 0, 2, 2)]
    orders = rows(
        mapped,
        "select order_id, customer_id from marts.tracked_orders where order_id in ('o1', 'o2')"
        " and tenant_id = 'acme' order by 1",
    )
    assert orders == [("o1", "shop:7"), ("o2", "till:p1")]
    merged = marts(mapped)
    build(mapped, full_refresh=True)
    assert marts(mapped) == merged
    assert logged(mapped) == {}

    decide(mapped, made.mapped("8", "shop:8", "2026-05-02T00:00:00Z"))
    assert marts(mapped) == standing
    assert moved(before, kol_days(mapped)) == set()
    assert logged(mapped) == {concerned: "identity"}
    assert rows(mapped, "select count(*) from marts.kol_day_changes") == [(2,)]


def test_a_guest_gets_a_customer_by_the_map_alone(mapped: Settings) -> None:
    before = marts(mapped)
    o11 = made.mapped("o11", "shop:order:o11", "2026-05-01T00:00:00Z", record_type="order")
    s1 = made.mapped("s1", "shop:order:o11", "2026-05-01T00:00:00Z", record_source="till", record_type="sale")
    named = made.mapped("o1", "shop:order:o11", "2026-05-01T00:00:00Z", record_type="order")
    decide(mapped, o11, s1, named)
    customers = dict(
        rows(mapped, "select order_id, customer_id from marts.tracked_orders where tenant_id = 'acme'")
    )
    assert customers["o11"] == "shop:order:o11"
    assert customers["o1"] == "shop:7"  # it names a customer, and so is no record
    assert customers["o10"] is None
    # a sale that names a customer is none either
    assert rows(
        mapped, "select distinct customer_id from intermediate.int_orders__events where subject_id = 's1'"
    ) == [("till:p1",)]
    assert logged(mapped) == {("acme", "binh", "2026-03-20"): "identity"}

    decide(mapped, {**o11, "decided_at": "2026-05-03T00:00:00Z", "_deleted": True})
    assert marts(mapped) == before
    assert logged(mapped) == {("acme", "binh", "2026-03-20"): "identity"}


@pytest.mark.parametrize("members_first", [False, True])
def test_a_customer_that_is_part_of_another_stops_the_line(mapped: Settings, members_first: bool) -> None:
    at = f"2026-05-{5 + 2 * members_first:02d}T00:00:00Z"
    chain = [made.mapped("9", "shop:8", at), made.mapped("8", "till:p1", at)]
    first, second = reversed(chain) if members_first else chain
    decide(mapped, first)
    with pytest.raises(BuildError, match="no_customer_is_part_of_another"):
        decide(mapped, second)
    after = f"2026-05-{6 + 2 * members_first:02d}T00:00:00Z"
    decide(mapped, made.mapped("9", "shop:9", after), made.mapped("8", "shop:8", after))


def test_decisions_that_change_nothing_touch_nothing(mapped: Settings) -> None:
    touched = "select count(*) from intermediate.int_orders__touched"
    decide(
        mapped,
        made.mapped("7", "shop:7", "2026-05-20T00:00:00Z"),
        made.mapped("8", "shop:8", "2026-05-20T00:00:00Z"),
    )
    assert rows(mapped, touched) == [(0,)]
    assert logged(mapped) == {}


def test_each_day_tells_what_moved_it(mapped: Settings) -> None:
    build(mapped)
    news = {
        "refunds": [made.refund("r9", "o2", "2026-04-11T05:00:00Z", "9.00")],
        "kol_contracts": [
            made.contract(
                "c1", "ana", fixed_fee="100.00", platform_fee="31.00", goods_cost="60.00",
                updated_at="2026-04-11T00:00:00Z",
            ),
            made.contract("c3", "binh", starts_on="2026-04-10", ends_on="2026-04-12", fixed_fee="30.00"),
        ],
    }  # fmt: skip
    scenario.load(mapped, news, scenario.END, scenario.NEXT_END)
    build(mapped)
    assert logged(mapped) == {
        ("acme", "ana", "2026-03-01"): "contracts",
        ("acme", "binh", "2026-04-10"): "contracts",
        ("acme", "binh", "2026-04-11"): "contracts, refunds",
    }
    a_day_later = {"tenants": [made.tenant()]}
    scenario.load(mapped, a_day_later, scenario.NEXT_END, date(2026, 4, 13))
    build(mapped)
    assert logged(mapped) == {("acme", "binh", "2026-04-12"): "time"}
    scenario.load(
        mapped, {"tenants": [made.tenant(gross_margin="0.50")]}, date(2026, 4, 13), date(2026, 4, 14)
    )
    build(mapped)
    causes = logged(mapped)
    assert {tenant for tenant, _, _ in causes} == {"acme"}
    assert len(causes) > 5
    assert set(causes.values()) <= {"settings", "settings, time"}
