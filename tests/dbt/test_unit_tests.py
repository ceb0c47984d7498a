"""Every dbt unit test passes, and fails when the rule that it is for is broken in its model."""

import shutil
from pathlib import Path

import pytest

from include.settings import Settings
from include.transform.build import DBT_PROJECT
from tests.dbt.dbt_runs import results_of

ORDERS = "models/intermediate/orders"
CUSTOMERS = "models/intermediate/customers"
ITEMS = "models/intermediate/finance/int_finance__items.sql"
FRAUD = "models/intermediate/fraud"
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
    "an_entry_moves_with_its_contract_and_with_the_as_of_day": (
        "models/intermediate/kols/int_kols__days_touched.sql",
        "days.calendar_date > moved.after_date",
        "days.calendar_date >= moved.after_date",
    ),
    "a_figure_is_made_of_orders_contract_days_and_clicks": (
        "models/marts/kols/kol_roi_entries.sql",
        "and entries.activity_date <= tenants.as_of_date",
        "",
    ),
    "a_zero_denominator_gives_null": (
        "macros/rules/ratios.sql",
        "nullif({{ denominator }}, 0)",
        "greatest({{ denominator }}, 1)",
    ),
    "a_record_belongs_to_whom_the_map_says_or_to_itself": (
        f"{CUSTOMERS}/int_customers__records.sql",
        "and mapped.record_type = 'customer'",
        "",
    ),
    "of_each_thing_the_newest_record_that_has_it_is_believed": (
        f"{CUSTOMERS}/int_customers__described.sql",
        "order by described_at desc, record_source",
        "order by described_at, record_source",
    ),
    "the_newest_statement_is_the_consent_and_a_no_wins": (
        "macros/rules/customers.sql",
        "min(case when {{ said_at }} = {{ newest_at }}",
        "max(case when {{ said_at }} = {{ newest_at }}",
    ),
    "a_year_ends_with_the_as_of_day_and_spend_is_what_is_left": (
        f"{CUSTOMERS}/int_customers__spend.sql",
        "events.event_date > tenants.as_of_date",
        "events.event_date >= tenants.as_of_date",
    ),
    "a_customer_came_by_a_valid_click_or_an_order": (
        f"{CUSTOMERS}/int_customers__touches.sql",
        "touched_at desc, touch_type desc",
        "touched_at desc, touch_type",
    ),
    "a_visitor_of_several_customers_is_shared": (
        "models/intermediate/visitors/int_visitors__keys.sql",
        "partition by tenant_id, visitor_id) > 1",
        "partition by tenant_id, visitor_id) > 2",
    ),
    "a_visit_counts_a_persons_clicks_and_is_dated_by_the_valid_ones": (
        "models/intermediate/visitors/int_visitors__visits.sql",
        "clicks.clicked_at < tokens.expires_at",
        "clicks.clicked_at <= tokens.expires_at",
    ),
    "what_a_mask_leaves": (
        "macros/rules/customers.sql",
        "split_part({{ email }}, '@', -1)",
        "split_part({{ email }}, '@', 2)",
    ),
    "a_quintile_border_is_a_value_that_somebody_has": (
        "models/marts/customers/rfm_quintiles.sql",
        "customers_up_to * 100 >= all_customers",
        "customers_up_to * 100 > all_customers",
    ),
    "equal_values_score_equally": (
        "macros/rules/customers.sql",
        "case when {{ value }} > {{ borders }}",
        "case when {{ value }} >= {{ borders }}",
    ),
    "a_tier_is_earned_at_its_threshold_in_the_reporting_currency": (
        "macros/rules/customers.sql",
        "when {{ spend }} >= {{ threshold }}",
        "when {{ spend }} > {{ threshold }}",
    ),
    "who_sees_no_contact_sees_its_mask": (
        "models/marts/customers/customer_360.sql",
        "coalesce(contacts.email, figures.email_masked)",
        "contacts.email",
    ),
    "identity_alerts_at_its_thresholds": (
        "models/marts/customers/identity_quality.sql",
        "contact_pct <= {{",
        "contact_pct < {{",
    ),
    "a_forecast_stands_beside_what_came_up_to_its_day": (
        "models/marts/customers/customer_forecasts.sql",
        "events.event_date <= forecasts.as_of_date",
        "events.event_date < forecasts.as_of_date",
    ),
    "the_newest_forecast_is_of_the_newest_day_of_who_is_there": (
        "models/marts/customers/customer_lifetime_value.sql",
        "and customers.customer_id is not null",
        "",
    ),
    "a_segment_has_its_share_of_the_day": (
        "models/marts/customers/clv_segments.sql",
        "over (partition by tenant_id, as_of_date)",
        "over (partition by tenant_id)",
    ),
    "a_series_is_in_the_currency_of_its_day": (
        "models/marts/customers/clv_series.sql",
        "and series.as_of_date = days.as_of_date",
        "",
    ),
    "a_customer_shows_the_forecast_of_the_newest_day": (
        "models/marts/customers/customer_360.sql",
        "and forecast_days.as_of_date = forecasts.as_of_date",
        "",
    ),
    "a_kol_is_worth_what_its_customers_will_be": (
        "models/marts/kols/kol_roi.sql",
        "and firsts.first_order_date <= tenants.as_of_date",
        "",
    ),
    "a_forecast_is_touched_by_orders_up_to_its_day": (
        "models/intermediate/clv/int_clv__touched.sql",
        "min(moved_date)",
        "max(moved_date)",
    ),
    "products_go_together_when_more_buy_both_than_by_chance": (
        "models/marts/products/product_affinity.sql",
        "purchases.first_bought_date <= learnt.learnt_date",
        "purchases.first_bought_date <= learnt.learnt_date + 1",
    ),
    "who_would_have_bought_it_by_chance_is_no_pair": (
        "models/marts/products/product_affinity.sql",
        "directed.customers * totals.customers > buyers.customers",
        "directed.customers * totals.customers >= buyers.customers",
    ),
    "the_offer_is_worth_the_most_of_what_is_not_bought": (
        "models/marts/products/next_best_offer.sql",
        "and placed.product_id = known.product_id",
        "and placed.product_id = known.product_id and false",
    ),
    "a_product_costs_what_it_costs_in_reporting_currency": (
        "models/intermediate/products/int_products__catalogue.sql",
        "and products.priced_date = rates.fx_date",
        "and products.priced_date < rates.fx_date",
    ),
    "what_a_kol_has_earned_is_held_payable_or_paid": (
        "models/marts/ledger/kol_balances.sql",
        "event_type is distinct from 'completion'",
        "entry_type = 'reversal'",
    ),
    "what_is_booked_is_told_by_measure_and_both_months": (
        "models/intermediate/closes/int_closes__booked.sql",
        "when record_type = 'payment' and event_type = 'refund' then 'payment_refunds'",
        "",
    ),
    "a_month_shows_what_it_closed_with_and_what_came_since": (
        "models/marts/closes/monthly_closes.sql",
        "case when event_month < posting_month then amount else 0 end as earlier_amount",
        "0 as earlier_amount",
    ),
    "a_purchase_is_a_product_in_an_order_that_counts": (
        "models/intermediate/products/int_products__purchases.sql",
        "and items.item_type = 'product'",
        "",
    ),
    "an_order_shows_what_was_paid_for_it": (
        ITEMS,
        "case when counter_currency = currency then cast(difference as numeric(20, 4)) end",
        "cast(difference as numeric(20, 4))",
    ),
    "a_transferred_order_is_in_the_state_of_its_transfer": (
        ITEMS,
        "payouts.received_amount as counter_amount",
        "orders.charged_amount as counter_amount",
    ),
    "a_payment_is_held_against_its_order": (
        ITEMS,
        "when payment_type = 'charge' and order_charges = 1 then order_amount\n",
        "when order_charges = 1 then order_amount\n",
    ),
    "a_payout_is_held_against_all_its_lines": (
        ITEMS,
        "when payouts.lines = 1 then payouts.amount when",
        "when payouts.lines > 0 then payouts.amount when",
    ),
    "what_is_open_is_explained_by_the_word_in_force": (
        ITEMS,
        "case when own.item_id is not null then own.is_withdrawn else anyones.is_withdrawn end",
        "least(own.is_withdrawn, anyones.is_withdrawn)",
    ),
    "what_is_open_ages_in_days_of_its_tenant": (
        ITEMS,
        "{{ local_date('items.paid_at', 'runs.time_zone') }}",
        "cast(items.paid_at as date)",
    ),
    "the_latest_word_of_a_record_is_in_force": (
        "models/intermediate/finance/int_finance__explanations.sql",
        "entries.item_source is null or records.item_source = entries.item_source",
        "records.item_source = entries.item_source",
    ),
    "a_payout_is_made_of_the_payments_that_succeeded": (
        "macros/rules/reconciliation.sql",
        "{{ state }} not in ('void', 'timing')",
        "{{ state }} <> 'void'",
    ),
    "a_paid_order_says_what_it_came_with": (
        "macros/rules/tokens.sql",
        "when {{ credit }}.token is null and {{ credit }}.click_token is null then 'coupon'",
        "when {{ credit }}.token is null then 'coupon'",
    ),
    "a_day_of_paid_orders_is_their_sum": (
        "models/marts/finance/paid_orders_by_day.sql",
        "and orders.source = credit.source",
        "",
    ),
    "a_tokens_places_are_a_persons_networks_and_sites_of_a_day": (
        f"{FRAUD}/int_fraud__token_days.sql",
        "and not clicks.is_bot",
        "",
    ),
    "an_amount_is_judged_in_usd_by_whatever_rate_there_is": (
        f"{FRAUD}/int_fraud__flags.sql",
        "or (amount_usd is null and (own_limit is null or gross_amount > own_limit))",
        "",
    ),
    "a_burst_is_too_many_orders_within_an_hour": (
        f"{FRAUD}/int_fraud__flags.sql",
        "range between current row and interval '1 hour' following",
        "range between current row and interval '59 minutes' following",
    ),
    "a_kols_own_purchase_is_told_by_what_both_gave": (
        f"{FRAUD}/int_fraud__flags.sql",
        "or judged.phone_hash = kols.phone_hash",
        "",
    ),
    "a_token_is_public_when_it_is_clicked_from_too_many_places": (
        f"{FRAUD}/int_fraud__flags.sql",
        "and judged.click_day_at = days.utc_day_at",
        "",
    ),
    "a_coupon_leaks_when_many_use_it_who_never_clicked": (
        f"{FRAUD}/int_fraud__flags.sql",
        "uses_without_click * 100 >= uses",
        "uses_without_click * 100 > uses",
    ),
    "the_latest_word_on_a_flag_is_in_force_until_it_is_taken_back": (
        f"{FRAUD}/int_fraud__reviews.sql",
        "where review_rank = 1 and verdict <> 'withdrawn'",
        "where review_rank = 1",
    ),
    "a_flag_holds_commission_that_there_is_until_it_is_cleared": (
        "models/marts/finance/fraud_flags.sql",
        "and flags.rule = reviews.rule",
        "",
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
