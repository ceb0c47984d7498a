"""Every dbt unit test passes, and fails when the rule that it is for is broken in its model."""

import shutil
from pathlib import Path

import pytest

from include.settings import Settings
from include.transform.build import DBT_PROJECT
from tests.dbt.dbt_runs import results_of

ORDERS = "models/intermediate/orders"
CUSTOMERS = "models/intermediate/customers"
MUTATIONS: dict[str, tuple[str, str, str]] = {
    "a_click_counts_within_the_attribution_window_borders_included": (
        f"{ORDERS}/int_orders__credit.sql",
        "clicks.clicked_at >= {{ plus_hours('token_orders.ordered_at'",
        "clicks.clicked_at > {{ plus_hours('token_orders.ordered_at'",
    ),
    "a_token_is_judged_at_the_click": (
        f"{ORDERS}/int_orders__credit.sql",
        "clicks.clicked_at < token_orders.valid_until",
        "token_orders.ordered_at < token_orders.valid_until",
    ),
    "the_strongest_evidence_that_holds_credits": (
        f"{ORDERS}/int_orders__credit.sql",
        "when 'coupon' then by_coupon",
        "when 'coupon' then by_click",
    ),
    "a_refund_stands_on_its_own_date_and_partial_ones_net_to_zero": (
        f"{ORDERS}/int_orders__events.sql",
        "{{ local_date('event_at', 'time_zone') }} as event_date",
        "cast(event_at as date) as event_date",
    ),
    "a_cancellation_reverses_what_refunds_left": (
        f"{ORDERS}/int_orders__events.sql",
        "greatest(refunded, gross_amount)",
        "refunded + gross_amount",
    ),
    "a_refund_without_order_counts_on_its_own_day_at_its_own_rate": (
        f"{ORDERS}/int_orders__events.sql",
        "refunds.amount * tenants.vat_rate / (1 + tenants.vat_rate)",
        "refunds.amount * tenants.vat_rate",
    ),
    "an_order_counts_or_has_its_first_reason_and_its_tenant_day": (
        f"{ORDERS}/int_orders__states.sql",
        "unioned.cancelled_at < unioned.completed_at",
        "unioned.cancelled_at <= unioned.completed_at",
    ),
    "a_rate_is_used_until_the_next_one_and_seven_days_at_most": (
        "models/intermediate/fx/int_fx__days.sql",
        "range(var('fx_max_age_days') + 1)",
        "range(var('fx_max_age_days') + 2)",
    ),
    "fees_are_spread_in_equal_parts_and_the_last_day_takes_the_rest": (
        "models/intermediate/kols/int_kols__cost_days.sql",
        "(contracts.contract_days - 1)",
        "contracts.contract_days",
    ),
    "a_tenant_waits_for_a_rate_that_is_missing": (
        "models/intermediate/tenants/int_tenants__held.sql",
        "and amounts.amount_date = rates.fx_date",
        "",
    ),
    "a_known_bot_is_one_in_any_case_and_stands_once": (
        "models/intermediate/clicks/int_clicks__agents.sql",
        "select distinct user_agent",
        "select user_agent",
    ),
    "a_click_counts_unless_a_bot_or_a_prefetcher_made_it": (
        "models/intermediate/clicks/int_clicks__screened.sql",
        "or clicks.is_prefetch",
        "or false",
    ),
    "an_order_stands_by_the_customer_it_names_or_else_by_itself": (
        f"{ORDERS}/int_orders__states.sql",
        "coalesce(unioned.source_customer_id, unioned.order_id) as record_id",
        "unioned.source_customer_id as record_id",
    ),
    "an_order_belongs_to_the_customer_of_its_record": (
        f"{ORDERS}/int_orders__events.sql",
        "'record_type': 'states.record_type',",
        "",
    ),
    "a_record_is_touched_when_its_customer_is_another": (
        f"{CUSTOMERS}/int_customers__records_touched.sql",
        "case when not _deleted then customer_id end",
        "customer_id",
    ),
    "a_customer_is_touched_for_every_cause_of_its_orders": (
        "macros/build/causes.sql",
        "max(case when",
        "min(case when",
    ),
    "an_input_moves_its_part_of_a_kols_day": (
        "models/intermediate/kols/int_kols__touched.sql",
        "first_orders.first_order_date as touched_date, 'customers' as part",
        "first_orders.first_order_date as touched_date, 'orders' as part",
    ),
    "a_zero_denominator_gives_null": (
        "macros/rules/ratios.sql",
        "nullif({{ denominator }}, 0)",
        "greatest({{ denominator }}, 1)",
    ),
}
"""Unit test -> file, what stands there, and what breaks the rule."""


def outcomes(settings: Settings, project: Path) -> dict[str, str]:
    options = [
        "--project-dir",
        str(project),
        "--target-path",
        str(settings.home / "dbt" / project.parent.name),
    ]
    results = results_of(settings, "test", "--select", "test_type:unit", *options)
    units = {name: result for name, result in results.items() if result.node.resource_type == "unit_test"}
    return {name: str(result.status) for name, result in units.items()}


def test_all_pass_on_the_project(shops: Settings) -> None:
    assert outcomes(shops, DBT_PROJECT) == dict.fromkeys(MUTATIONS, "pass")


@pytest.mark.slow
def test_each_fails_on_its_broken_rule(shops: Settings, tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    for name, (path, sound, broken) in MUTATIONS.items():
        text = (project / path).read_text()
        assert sound in text, f"{name}: {path} has changed; plant another defect"
        (project / path).write_text(text.replace(sound, broken))
    assert outcomes(shops, project) == dict.fromkeys(MUTATIONS, "fail")
