"""What a build leaves alone: a held tenant's published marts, and the doubts of a failed build."""

from datetime import date, timedelta
from typing import Any

import pytest

from include.finance.reconciliation.explanations import explain_item
from include.settings import Settings
from include.transform import BuildError, build
from include.warehouse import connect
from tests.dbt import scenario
from tests.oracle import made

MARTS = (
    "tracked_orders",
    "kol_roi",
    "kol_roi_daily",
    "kol_roi_monthly",
    "kol_roi_entries",
    "daily_aggregates",
    "hourly_aggregates",
    "dim_kol",
    "customer_360",
    "customer_contacts",
    "rfm_quintiles",
    "identity_quality",
    "customer_forecasts",
    "customer_lifetime_value",
    "clv_segments",
    "clv_series",
    "financial_journal",
    "monthly_closes",
    "fraud_flags",
    "ledger_lines",
    "kol_ledger",
    "kol_balances",
    "kol_invoices",
)


@pytest.fixture(scope="module")
def held(warehouse_settings: Settings) -> Settings:
    """Give built shops of which one has since sold something in a currency without a fresh rate."""
    settings = scenario.in_own_database(warehouse_settings, "dbt_held")
    scenario.load_and_build(settings)
    sold = made.order("o2", "2026-04-11T05:00:00Z", "500.00", currency="INR")
    gone = made.order("o1", "2026-04-11T05:00:00Z", updated_at="2026-04-11T06:00:00Z", _deleted=True)
    late = {
        "orders": [
            scenario.of_kolkata(sold),
            scenario.of_kolkata(gone),
            made.order("o2b", "2026-04-11T05:00:00Z", "7.00"),
        ]
    }
    scenario.load(settings, late, scenario.END, scenario.NEXT_END)
    return settings


def rows(settings: Settings, tenant: str) -> dict[str, list[Any]]:
    """Return a tenant's rows of every mart as text, load metadata included."""
    with connect("transformer", settings) as warehouse:
        query = "select m::text from marts.{} as m where tenant_id = %s order by 1"
        return {mart: warehouse.rows(query.format(mart), [tenant]) for mart in MARTS}


def test_a_held_tenant_stays_published_and_a_full_refresh_waits_for_it(held: Settings) -> None:
    before = rows(held, scenario.KOLKATA)
    assert all(before.values())

    result = build(held)
    assert [tenant.tenant_id for tenant in result.held] == [scenario.KOLKATA]
    assert "no rate from INR to USD for 2026-04-11" in result.held[0].reason
    assert rows(held, scenario.KOLKATA) == before
    assert any("o2b" in row[0] for row in rows(held, scenario.SAIGON)["tracked_orders"])

    with pytest.raises(BuildError, match="a_full_refresh_waits_for_held_tenants"):
        build(held, full_refresh=True)
    assert rows(held, scenario.KOLKATA) == before

    rate = {"fx_rates": [scenario.of_kolkata(made.rate("2026-04-10", "0.0125", "INR"))]}
    scenario.load(held, rate, scenario.NEXT_END, date(2026, 4, 13))
    assert build(held).held == ()
    [left] = rows(held, scenario.KOLKATA)["tracked_orders"]
    assert "o2" in left[0]
    assert build(held, full_refresh=True).held == ()


def test_what_a_failed_build_wrote_is_checked_by_the_next(held: Settings) -> None:
    build(held)
    with connect("transformer", held) as warehouse:
        changed = warehouse.execute(
            "update marts.tracked_orders set reporting_revenue_amount = reporting_revenue_amount + 1, "
            "_build_id = (select max(build_id) from ops.builds) where tenant_id = 'acme' and order_id = 'o1'"
        )
        assert changed == 1
        warehouse.execute(
            "update ops.builds set succeeded = false, is_proven = false "
            "where build_id = (select max(build_id) from ops.builds)"
        )
    for _ in range(2):
        with pytest.raises(BuildError, match="tracked_orders_equal_their_events"):
            build(held)
    with connect("transformer", held) as warehouse:
        warehouse.execute(
            "update marts.tracked_orders set reporting_revenue_amount = reporting_revenue_amount - 1 "
            "where tenant_id = 'acme' and order_id = 'o1'"
        )
    build(held)


@pytest.mark.parametrize(
    "partial", [{"with_tests": False}, {"select": ["tracked_orders"]}], ids=["untested", "selected"]
)
def test_what_a_partial_build_wrote_is_checked_by_the_next(held: Settings, partial: dict[str, Any]) -> None:
    build(held)
    build(held, **partial)
    change = (
        "update marts.tracked_orders set reporting_revenue_amount = reporting_revenue_amount + %s, "
        "_build_id = (select max(build_id) from ops.builds) where tenant_id = 'acme' and order_id = 'o1'"
    )
    with connect("transformer", held) as warehouse:
        assert warehouse.execute(change, [1]) == 1
    with pytest.raises(BuildError, match="tracked_orders_equal_their_events"):
        build(held)
    with connect("transformer", held) as warehouse:
        warehouse.execute(change, [-1])
    build(held)


def test_an_order_moves_the_day_of_the_customers_first_only_when_it_came_before(held: Settings) -> None:
    later, first, earlier = date(2026, 4, 14), date(2026, 3, 10), date(2026, 3, 9)
    build(held, with_tests=False)
    for ordered_on, moved in ((later, {later}), (earlier, {earlier, first})):
        again = made.order(f"again-{ordered_on}", f"{ordered_on}T05:00:00Z", "10.00", source_customer_id="8")
        scenario.load(held, {"orders": [again]}, ordered_on, ordered_on + timedelta(days=1))
        build(held, with_tests=False)
        with connect("transformer", held) as warehouse:
            touched = warehouse.rows(
                "select touched_date from intermediate.int_days__touched where tenant_id = 'acme'"
            )
        assert {row[0] for row in touched} == moved


def test_statistics_are_taken_anew_only_of_what_was_written(held: Settings) -> None:
    def taken() -> int:
        with connect("transformer", held) as warehouse:
            counts = warehouse.rows(
                "select analyze_count from pg_stat_user_tables where relname = 'tracked_orders'"
            )
        return int(counts[0][0])

    build(held, with_tests=False)
    before = taken()
    build(held, with_tests=False)
    assert taken() == before

    sold = made.order("one-more", "2026-04-15T05:00:00Z", "10.00")
    scenario.load(held, {"orders": [sold]}, date(2026, 4, 15), date(2026, 4, 16))
    build(held, with_tests=False)
    assert taken() > before


def test_a_full_refresh_shows_a_book_and_leaves_it_where_it_stands(held: Settings) -> None:
    def stored() -> tuple[Any, Any]:
        with connect("transformer", held) as warehouse:
            rows = "select ctid::text, xmin::text, b::text from raw.finance_explanations as b order by 1"
            made_anew = "select pg_relation_filenode('{}')"
            book = [warehouse.value(made_anew.format("raw.finance_explanations")), warehouse.rows(rows)]
            return book, warehouse.value(made_anew.format("marts.tracked_orders"))

    said = explain_item(
        "acme", "order", "o1", category="write_off", entered_by="ann", reason="as agreed", settings=held
    )
    book, mart = stored()
    build(held, full_refresh=True, with_tests=False)
    assert stored()[0] == book
    assert stored()[1] != mart
    with connect("transformer", held) as warehouse:
        shown = warehouse.rows(
            "select explanation_id, reason, _load_id from staging.stg_finance_explanations"
        )
    assert [row[:2] for row in shown] == [(said, "as agreed")]


def test_what_came_after_a_first_build_was_cut_off_is_in_every_table(warehouse_settings: Settings) -> None:
    settings = scenario.in_own_database(warehouse_settings, "dbt_cut_off")
    scenario.load(settings, scenario.feeds())
    build(settings, with_tests=False, select=["+int_orders__events", "+int_customers__first_orders"])
    late = made.order("late", "2026-04-11T05:00:00Z", "7.00", source_customer_id="99")
    scenario.load(settings, {"orders": [late]}, scenario.END, scenario.NEXT_END)
    build(settings)
    with connect("transformer", settings) as warehouse:
        for table in ("intermediate.int_orders__events", "intermediate.int_customers__first_orders"):
            found = warehouse.rows(f"select count(*) from {table} where order_id = 'late'")
            assert found == [(1,)], table


def test_the_ledger_of_a_held_tenant_is_shown_once_it_is_published(held: Settings) -> None:
    def lines() -> int:
        return sum("t9" in row[0] for row in rows(held, scenario.KOLKATA)["ledger_lines"])

    paid = made.transaction("t9", "payout", "kol_payable", "cash", "90.91", kol_id="chi", currency="INR")
    late = {
        "orders": [scenario.of_kolkata(made.order("o9", "2026-05-20T05:00:00Z", currency="INR"))],
        "ledger_entries": [scenario.of_kolkata(line) for line in paid],
    }
    scenario.load(held, late, date(2026, 5, 20), date(2026, 5, 21))
    assert [tenant.tenant_id for tenant in build(held, with_tests=False).held] == [scenario.KOLKATA]
    assert lines() == 0
    rate = {"fx_rates": [scenario.of_kolkata(made.rate("2026-05-19", "0.0125", "INR"))]}
    scenario.load(held, rate, date(2026, 5, 21), date(2026, 5, 22))
    for _ in range(2):
        assert build(held, with_tests=False).held == ()
        assert lines() == 2
