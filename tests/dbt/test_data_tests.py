# ruff: noqa: E501  (a defect stands on one line)
"""Every data test of the dbt project passes on sound shops and fails on a defect planted for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from include.settings import Settings
from include.warehouse import Warehouse, connect

EVENTS, TRACKED, CREDIT = (
    "intermediate.int_orders__events",
    "marts.tracked_orders",
    "intermediate.int_orders__credit",
)
DAILY, HOURLY = "marts.daily_aggregates", "marts.hourly_aggregates"
FIGURES, CONTACTS, QUALITY = "marts.customer_figures", "marts.customer_contacts", "marts.identity_quality"
RECORDS, VISITS, TIES = (
    "intermediate.int_customers__records",
    "intermediate.int_visitors__visits",
    "intermediate.int_visitors__ties",
)
FORECASTS, SEGMENTS, SERIES = "marts.customer_forecasts", "marts.clv_segments", "marts.clv_series"
BOOKED = "intermediate.int_closes__booked"
CLOSES, JOURNAL = "marts.monthly_closes", "marts.financial_journal"
OF_7 = "where tenant_id = 'acme' and customer_id = 'shop:7'"
ROI, ROI_DAILY, ROI_MONTHLY = "marts.kol_roi", "marts.kol_roi_daily", "marts.kol_roi_monthly"
ENTRIES = "marts.kol_roi_entries"
LINES, INVOICES = "marts.ledger_lines", "marts.kol_invoices"
FLAGS, JUDGED = "marts.fraud_flags", "intermediate.int_fraud__orders"
OF_O1 = "where tenant_id = 'acme' and source = 'shop' and order_id = 'o1'"

DEFECTS: tuple[tuple[str, str], ...] = (
    ("no_order_vanishes", f"delete from {TRACKED} {OF_O1}"),
    ("no_order_vanishes", f"delete from {CREDIT} {OF_O1}"),
    ("no_order_vanishes", f"update {TRACKED} set order_id = 'nobody knows it' {OF_O1}"),
    ("every_order_is_credited_once_or_says_why_not", f"update {TRACKED} set kol_id = null {OF_O1}"),
    ("every_order_is_credited_once_or_says_why_not", f"update {TRACKED} set matched_by = null {OF_O1}"),
    ("every_order_is_credited_once_or_says_why_not", f"update {TRACKED} set credit_status = null {OF_O1}"),
    ("every_order_is_credited_once_or_says_why_not", f"update {TRACKED} set credit_status = 'not_credited' {OF_O1}"),
    (
        "every_order_is_credited_once_or_says_why_not",
        f"update {TRACKED} set not_credited_reason = null where not_credited_reason = 'no_evidence'",
    ),
    *(
        ("tracked_orders_equal_their_events", f"update {TRACKED} set {column} = {column} + 0.01 {OF_O1}")
        for column in (
            "gross_amount", "refund_amount", "net_revenue_amount", "commission_amount",
            "reporting_gross_amount", "reporting_refund_amount", "reporting_revenue_amount",
            "reporting_net_revenue_amount", "reporting_commission_amount",
        )
    ),
    ("tracked_orders_equal_their_events", f"update {TRACKED} set is_completed = false {OF_O1}"),
    ("tracked_orders_equal_their_events", f"delete from {EVENTS} {OF_O1}"),
    (
        "tracked_orders_equal_their_events",
        f"insert into {EVENTS} select * from {EVENTS} {OF_O1} and event_type = 'completion'",
    ),
    *(
        (
            "reversed_orders_net_to_zero",
            f"update {EVENTS} set {column} = {column} + 0.01 {OF_O1} and event_type = 'completion'",
        )
        for column in (
            "gross_amount", "vat_amount", "net_amount", "commission_amount",
            "reporting_gross_amount", "reporting_vat_amount", "reporting_net_amount",
            "reporting_commission_amount",
        )
    ),
    ("reversed_orders_net_to_zero", f"delete from {EVENTS} where event_type = 'cancellation' and order_id = 'o9'; "
     f"insert into {EVENTS} select * from {EVENTS} where order_id = 'o9'"),
    ("every_refund_is_booked_once", f"delete from {EVENTS} where event_id = 'r2' and tenant_id = 'acme'"),
    ("every_refund_is_booked_once", f"delete from {EVENTS} where event_type = 'unlinked_refund'"),
    ("every_refund_is_booked_once", f"delete from {EVENTS} where event_id = 's2'"),
    ("every_refund_is_booked_once", f"insert into {EVENTS} select * from {EVENTS} where event_id = 'r3'"),
    ("every_refund_is_booked_once", f"update {EVENTS} set event_id = 'r99' where event_id = 'r3'"),
    (
        "every_customer_came_first_once",
        "delete from intermediate.int_customers__first_orders where customer_id = 'shop:7'",
    ),
    (
        "every_customer_came_first_once",
        "update intermediate.int_customers__first_orders set first_order_at = first_order_at + interval '1 day'",
    ),
    (
        "every_customer_came_first_once",
        "update intermediate.int_customers__first_orders set order_id = 'o4' where customer_id = 'shop:8'",
    ),
    *(
        ("customers_equal_their_orders", f"update {FIGURES} set {column} = {column} + 1 {OF_7}")
        for column in (
            "online_orders", "store_orders", "orders", "online_spend", "store_spend", "total_spend", "returned_amount",
            "net_revenue",
        )
    ),
    *(
        ("customers_equal_their_orders", f"update {FIGURES} set {column} = {column} + interval '1 second' {OF_7}")
        for column in ("first_order_at", "last_order_at")
    ),
    ("customers_equal_their_orders", f"update {FIGURES} set first_order_at = null {OF_7}"),
    ("customers_equal_their_orders", f"delete from {FIGURES} {OF_7}"),
    ("customers_equal_their_orders", f"delete from {TRACKED} {OF_O1}"),
    ("every_record_has_its_customer", f"delete from {RECORDS} where record_id = '21'"),
    ("every_record_has_its_customer", f"update {RECORDS} set customer_id = 'shop:8' where record_id = '21'"),
    ("every_record_has_its_customer", f"update {FIGURES} set records = 1 {OF_7}"),
    ("every_record_has_its_customer", f"delete from {FIGURES} where customer_id = 'shop:8'"),
    (
        "every_record_has_its_customer",
        f"update {RECORDS} set record_source = 'gone', customer_id = 'gone' where record_id = '8'",
    ),
    ("visits_hold_every_click_of_a_visitor", f"update {VISITS} set clicks = clicks + 1 where visitor_id = 'v1'"),
    ("visits_hold_every_click_of_a_visitor", f"delete from {VISITS} where visitor_id = 'v2'"),
    ("a_shared_visitor_is_nobodys", f"update {TIES} set is_shared = true where visitor_id = 'v1'"),
    ("a_shared_visitor_is_nobodys", f"update {TIES} set customer_id = 'shop:8' where visitor_id = 'v1'"),
    ("a_shared_visitor_is_nobodys", f"insert into {TIES} select * from {TIES} where visitor_id = 'v1'"),
    *(
        ("masks_hide_what_they_mask", f"update {FIGURES} set {column}_masked = {value} {OF_7}")
        for column in ("full_name", "email", "phone")
        for value in ("null", f"(select {column} from {CONTACTS} {OF_7})", "'a'")
    ),
    ("masks_hide_what_they_mask", f"update {FIGURES} set birth_year = 1991 {OF_7}"),
    ("masks_hide_what_they_mask", f"delete from {CONTACTS} {OF_7}"),
    *(
        ("identity_quality_adds_up", f"update {QUALITY} set {column} = {column} + 1 where tenant_id = 'acme'")
        for column in (
            "records", "customers", "orders_of_customers", "clicks_of_customers", "resolved_visitors",
            "customer_records", "order_records", "sale_records", "customers_of_1_record",
            "customers_of_10_or_more_records",
        )
    ),
    ("identity_quality_adds_up", f"update {QUALITY} set orders = 0 where tenant_id = 'acme'"),
    ("identity_quality_adds_up", f"update {QUALITY} set clicks = 0 where tenant_id = 'acme'"),
    *(
        ("days_equal_their_hours", f"update {DAILY} set {column} = {column} + 1 where channel = 'kol'")
        for column in (
            "clicks", "bot_clicks", "refused_clicks", "sessions", "orders", "gross", "refunds", "revenue",
            "net_revenue", "new_customers",
        )
    ),
    ("days_equal_their_hours", f"delete from {DAILY} where channel = 'in_store'"),
    ("days_equal_their_hours", f"delete from {HOURLY} where channel = 'in_store'"),
    *(
        ("days_equal_the_events", f"update {DAILY} set {column} = {column} + 1 where channel = 'unlinked'")
        for column in ("orders", "gross", "refunds", "net_revenue")
    ),
    ("days_equal_the_events", f"delete from {DAILY} where activity_date = '2026-03-10'"),
    ("days_equal_the_events", f"delete from {EVENTS} where event_date = '2026-03-10'"),
    ("every_click_stands_in_one_hour", f"update {HOURLY} set bot_clicks = bot_clicks + 1 where bot_clicks > 0"),
    ("every_click_stands_in_one_hour", f"delete from {HOURLY} where clicks > 0 and tenant_id = 'kolkata'"),
    *(
        ("totals_equal_their_days_and_months", f"update {table} set {column} = {column} + 1 where kol_id = 'ana'")
        for table in (ROI, ROI_DAILY, ROI_MONTHLY)
        for column in ("orders", "revenue", "net_revenue", "investment", "clicks", "new_customers")
    ),
    ("totals_equal_their_days_and_months", f"delete from {ROI} where kol_id = 'ana'"),
    ("totals_equal_their_days_and_months", f"delete from {ROI_DAILY} where kol_id = 'ana'"),
    *(
        ("kol_days_equal_the_kol_channel", f"update {ROI_DAILY} set {column} = {column} + 1 where kol_id = 'ana'")
        for column in (
            "orders", "gross", "refunds", "net_revenue", "clicks", "bot_clicks", "refused_clicks", "new_customers",
        )
    ),
    ("kol_days_equal_the_kol_channel", f"delete from {DAILY} where channel = 'kol' and activity_date = '2026-03-02'"),
    *(
        ("kol_figures_equal_their_entries", f"update {table} set {column} = {column} + 1 where kol_id = 'ana'")
        for table in (ENTRIES, ROI_DAILY, ROI_MONTHLY)
        for column in (
            "orders", "gross", "refunds", "net_revenue", "fixed_fees", "platform_fees", "commission", "goods", "clicks",
            "bot_clicks", "refused_clicks", "new_customers", "source_orders", "source_revenue",
        )
    ),
    ("kol_figures_equal_their_entries", f"delete from {ENTRIES} where entry_type = 'contract_day'"),
    ("kol_figures_equal_their_entries", f"delete from {ENTRIES} where entry_type = 'completion' and order_id = 'o1'"),
    ("kol_figures_equal_their_entries", f"delete from {ENTRIES} where entry_type = 'refund' and entry_id = 'r1'"),
    ("kol_figures_equal_their_entries", f"delete from {ROI_DAILY} where kol_id = 'binh'"),
    ("kol_figures_equal_their_entries", f"delete from {ROI_MONTHLY} where kol_id = 'binh'"),
    *(
        (
            "fees_over_a_contract_add_up",
            f"update intermediate.int_kols__cost_days set {column} = {column} + {change} "
            "where contract_id = 'c1' and tenant_id = 'acme' and cost_date = '2026-03-31'",
        )
        for column in ("fixed_fee_amount", "platform_fee_amount", "goods_amount")
        for change in ("0.01", "-0.01")
    ),
    (
        "fees_over_a_contract_add_up",
        "delete from intermediate.int_kols__cost_days where contract_id = 'c1' and tenant_id = 'kolkata'",
    ),
    (
        "fees_over_a_contract_add_up",
        "update intermediate.int_kols__cost_days set contract_id = 'c0' where contract_id = 'c1'",
    ),
    *(
        ("forecasts_stand_as_landed", f"update {FORECASTS} set {column} = {column} + 1 {OF_7}")
        for column in (
            "orders_to_date", "net_revenue_to_date", "orders_12m", "net_value_12m", "net_value_12m_low",
            "net_value_12m_high", "as_of_date",
        )
    ),
    ("forecasts_stand_as_landed", f"update {FORECASTS} set alive_probability = 0 where alive_probability is null"),
    ("forecasts_stand_as_landed", f"delete from {FORECASTS} {OF_7}"),
    ("forecasts_stand_as_landed", f"update {FORECASTS} set customer_id = 'nobody' {OF_7} and segment = 'high'"),
    *(
        ("segments_equal_their_customers", f"update {SEGMENTS} set {column} = {column} + 1 where segment = 'high'")
        for column in ("customers", "orders_12m", "net_value_12m")
    ),
    ("segments_equal_their_customers", f"delete from {SEGMENTS} where segment = 'high'"),
    ("segments_equal_their_customers", f"delete from {FORECASTS} where segment = 'high'"),
    *(
        (
            "series_add_up",
            f"update {SERIES} set {column} = {column} + {change} "
            f"where series_type = '{kind}' and tenant_id = 'kolkata' and month_no = 3",
        )
        for kind in ("tenant", "cohort", "segment")
        for column, change in (("customers", "1"), ("orders", "0.0002"), ("net_value", "0.0001"))
    ),
    *(
        ("series_add_up", f"delete from {SERIES} where series_type = '{kind}' and month_no = 12")
        for kind in ("tenant", "cohort", "segment")
    ),
    ("series_add_up", f"delete from {SERIES} where series_key = 'medium'"),
    # the series agree with each other, and not with the day
    ("series_add_up", f"update {SERIES} set net_value = net_value + 0.0001 where tenant_id = 'kolkata' and month_no = 1"),
    ("series_add_up", f"update {SEGMENTS} set net_value_12m = net_value_12m + 0.0001 where tenant_id = 'kolkata'"),
    ("series_add_up", f"delete from {SEGMENTS} where tenant_id = 'kolkata'"),
    ("a_customer_has_its_newest_forecast", f"update {FIGURES} set reporting_currency = 'EUR' {OF_7}"),
    (
        "a_customer_has_its_newest_forecast",
        "update marts.rfm_quintiles set reporting_currency = 'EUR' where tenant_id = 'acme'",
    ),
    ("ledger_lines_stand_as_entered", f"delete from {LINES} where entry_id = 't1-1' and tenant_id = 'acme'"),
    ("ledger_lines_stand_as_entered", f"update {LINES} set tenant_id = 'nobody' where entry_id = 't6-1'"),
    *(
        ("ledger_lines_stand_as_entered", f"update {LINES} set {column} = {value} where entry_id = 't3-1'")
        for column, value in (
            ("transaction_id", "'t2'"), ("line_no", "2"), ("entry_type", "'correction'"), ("account", "'cash'"),
            ("kol_id", "'binh'"), ("currency", "'VND'"), ("amount", "5.01"), ("order_source", "'shop'"),
            ("order_id", "'o1'"), ("event_type", "null"), ("event_id", "'r1'"), ("contract_id", "'c1'"),
            ("commission_rate", "0.1"), ("rule_version", "'1'"), ("event_date", "'2026-03-01'"),
            ("posting_date", "'2026-03-03'"), ("entered_at", "now()"), ("entered_by", "'me'"), ("reason", "'none'"),
        )
    ),
    *(
        ("transactions_sum_to_zero", f"update {LINES} set {change} where entry_id = 't3-1'")
        for change in ("amount = 5.01", "kol_id = 'binh'", "currency = 'VND'")
    ),
    ("transactions_sum_to_zero", f"delete from {LINES} where entry_id = 't6-2'"),
    *(
        ("invoices_equal_their_entries", f"update {INVOICES} set {change} where invoice_number = 'acme-2026-000001'")
        for change in (
            "entries = 3", "net_amount = 5.01, gross_amount = 5.51", "vat_amount = 0.51, gross_amount = 5.51",
            "gross_amount = 5.51", "vat_rate = 0.2", "period_to = '2026-03-01'", "kol_id = 'chi'", "currency = 'VND'",
        )
    ),
    ("invoices_equal_their_entries", f"update {LINES} set posting_date = '2026-03-31' where transaction_id = 't5'"),
    ("invoices_equal_their_entries", f"update {LINES} set entry_type = 'accrual' where transaction_id = 't2'"),
    ("invoice_numbers_have_no_gap", f"delete from {INVOICES} where invoice_number = 'acme-2026-000001'"),
    ("invoice_numbers_have_no_gap", f"update {INVOICES} set issued_on = '2027-01-01' where kol_id = 'binh'"),
    ("invoice_numbers_have_no_gap", f"update {INVOICES} set invoice_number = 'acme-2026-3' where kol_id = 'binh'"),
    ("every_paid_order_is_listed_once", f"delete from {CREDIT} {OF_O1}"),
    ("every_paid_order_is_listed_once", f"insert into {CREDIT} select * from {CREDIT} {OF_O1}"),
    *(
        ("the_summary_ties_to_the_feeds", defect)
        for defect in (
            f"update finance.order_states set gross_amount = gross_amount + 0.01 {OF_O1}",
            f"update finance.order_states set currency = 'VND' {OF_O1}",
            f"delete from finance.order_states {OF_O1}",
            "update finance.receipt_states set amount = amount + 0.01 where side = 'remittance'",
            "delete from finance.receipt_states where side = 'remittance'",
            "update finance.payout_states set amount = amount + 0.01 where kind = 'takings'",
            "delete from finance.payout_states where kind = 'remittance'",
        )
    ),
    *(
        ("settlements_add_up", defect)
        for defect in (
            "update finance.payout_states set amount = amount + 0.01 where kind = 'remittance'",
            "update finance.receipt_states set fee_amount = fee_amount + 0.01 where side = 'remittance'",
            "delete from finance.receipt_states where side = 'remittance'",
            "update finance.payout_states set state = 'void' where kind = 'remittance'",
        )
    ),
    (
        "nothing_is_booked_into_a_closed_month",
        f"update {BOOKED} set last_entered_at = '2026-04-06' where posting_month = '2026-03-01' and tenant_id = 'acme'",
    ),
    (
        "nothing_is_booked_into_a_closed_month",
        f"update {BOOKED} set posting_month = event_month where event_month < posting_month",
    ),
    *(
        ("monthly_closes_equal_the_books", f"update {CLOSES} set {column} = {column} + 0.01 where measure = 'sales'")
        for column in ("booked_amount", "earlier_amount", "since_close_amount", "current_amount")
    ),
    ("monthly_closes_equal_the_books", f"delete from {CLOSES} where measure = 'payments_fee'"),
    ("monthly_closes_equal_the_books", f"delete from {JOURNAL} where entry_id = 'j4'"),
    (
        "monthly_closes_equal_the_books",
        f"update {CLOSES} set current_amount = current_amount - 1, since_close_amount = since_close_amount - 1 where measure = 'refunds'",
    ),
    ("flags_stand_on_completed_orders", f"delete from {TRACKED} {OF_O1}"),
    ("flags_stand_on_completed_orders", f"update {TRACKED} set is_completed = false {OF_O1}"),
    *(
        ("flags_stand_on_completed_orders", f"update {FLAGS} set {column} = {value} {OF_O1}")
        for column, value in (
            ("kol_id", "'binh'"), ("kol_id", "null"), ("customer_id", "'shop:8'"), ("currency", "'EUR'"),
            ("amount", "amount + 0.01"), ("flagged_on", "flagged_on + 1"), ("is_held", "false"),
            ("verdict", "'cleared'"), ("credit_status", "'not_credited'"), ("evidence", "'no object'"),
        )
    ),
    ("flags_stand_on_completed_orders", f"update {FLAGS} set is_held = true, credit_status = 'not_credited' {OF_O1}"),
    ("every_order_is_judged_for_fraud", f"delete from {JUDGED} {OF_O1}"),
    ("every_order_is_judged_for_fraud", f"update {JUDGED} set order_id = 'nobody knows it' {OF_O1}"),
    ("every_order_is_judged_for_fraud", f"update {JUDGED} set gross_amount = gross_amount + 0.01 {OF_O1}"),
    ("every_order_is_judged_for_fraud", f"update {JUDGED} set customer_id = 'shop:8' {OF_O1}"),
    ("every_order_is_judged_for_fraud", f"update {JUDGED} set kol_id = null {OF_O1}"),
    ("every_order_is_judged_for_fraud", f"update {JUDGED} set token = null {OF_O1}"),
    ("every_order_is_judged_for_fraud", f"update {TRACKED} set gross_amount = 5000.01 {OF_O1}; "
     f"update {JUDGED} set gross_amount = 5000.01 {OF_O1}"),
    ("every_tenant_is_known", "delete from intermediate.int_tenants__settings where tenant_id = 'kolkata'"),
)  # fmt: skip

OF_A_BUILD = {"a_full_refresh_waits_for_held_tenants"}
"""Tests that ask what kind of build is running; shown to fail by builds of their own."""
OF_A_FEED = {"no_customer_is_part_of_another"}
"""Tests of what a feed says, which the transformer cannot write; shown to fail by loads of their own."""

OF_OFFERS = {"offers_are_learnt_and_not_bought"}
"""Tests of what these shops sell too little for; shown to fail by test_offers."""


class Undo(Exception):  # noqa: N818
    """Ends a transaction without keeping what it did."""


@contextmanager
def planted(settings: Settings, defect: str) -> Iterator[Warehouse]:
    """Plant a defect for the block alone; it must change something. The transformer cannot write to finance."""
    with connect("admin" if " finance." in defect else "transformer", settings) as warehouse:
        try:
            with warehouse.transaction():
                for statement in defect.split("; "):
                    assert warehouse.execute(statement) > 0, f"the defect changes nothing: {statement}"
                yield warehouse
                raise Undo
        except Undo:
            return


def failures(warehouse: Warehouse, test: Any) -> int:
    """Count the rows that a data test complains about now."""
    return int(warehouse.query(f"select * from ({test.node.compiled_code}) as failures").num_rows)


def test_all_pass_on_sound_shops(data_tests: dict[str, Any]) -> None:
    assert {name: str(test.status) for name, test in data_tests.items()} == dict.fromkeys(data_tests, "pass")


def test_every_data_test_has_a_planted_defect(data_tests: dict[str, Any]) -> None:
    singular = {name for name, test in data_tests.items() if not hasattr(test.node, "test_metadata")}
    assert singular == {name for name, _ in DEFECTS} | OF_A_BUILD | OF_A_FEED | OF_OFFERS


@pytest.mark.parametrize(("name", "defect"), DEFECTS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(DEFECTS)])
def test_fails_on_its_defect(shops: Settings, data_tests: dict[str, Any], name: str, defect: str) -> None:
    with planted(shops, defect) as warehouse:
        assert failures(warehouse, data_tests[name]) > 0


def generic_defect(test: Any) -> str:
    """Return a defect for a generic test, made from its arguments."""
    metadata, column = test.node.test_metadata, test.node.column_name
    model = test.node.attached_node.split(".")[-1]
    schema = "intermediate" if model.startswith("int_") else "marts"
    table = f"{schema}.{model}" if model != "currencies" else "staging.currencies"
    match metadata.name:
        case "accepted_values":
            return f"update {table} set {column} = 'no such value'"
        case "not_null":
            return f"update {table} set {column} = null"
        case "unique":
            return f"insert into {table} select * from {table}"
        case "one_row_per":
            return f"insert into {table} select * from {table} limit 1"
        case "belongs_to":
            parent = metadata.kwargs["to"].split("'")[1]
            return f"delete from marts.{parent}"
    raise AssertionError(f"no defect is known for tests of the kind {metadata.name}")


def test_generic_tests_fail_on_their_defects(shops: Settings, data_tests: dict[str, Any]) -> None:
    generic = [test for test in data_tests.values() if hasattr(test.node, "test_metadata")]
    assert len(generic) > 20
    for test in generic:
        with planted(shops, generic_defect(test)) as warehouse:
            assert failures(warehouse, test) > 0, test.node.name
