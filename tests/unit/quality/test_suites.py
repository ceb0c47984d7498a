"""What the suites ask follows from the contracts, and a failure says where and what next."""

from dataclasses import replace

import pytest

from include.quality.checks import Among, Check, NoRows, Outcome, Present, Suite
from include.quality.gates import GateFailed, GateReport
from include.quality.mart_suites import Scope, mart_suites
from include.quality.profile import profile_statement
from include.quality.raw_suites import Limits, Loads, loads_suite, raw_suite
from include.warehouse import Column, load_contracts

SPAN = Loads(after=3, upto=9)


def test_every_feed_is_asked_all_that_its_contract_says() -> None:
    for contract in load_contracts().values():
        checks = raw_suite(contract, SPAN).checks
        present = {check.column for check in checks if isinstance(check, Present)}
        among = {check.column: check.values for check in checks if isinstance(check, Among)}
        asked = " ".join(check.query for check in checks if isinstance(check, NoRows))
        assert present == {column.name for column in contract.columns if column.required}
        assert {c.name: c.values for c in contract.columns if c.values}.items() <= among.items()
        assert {*contract.currency_codes, *contract.time_zones} <= set(among)
        assert all(f"not ({rule.check})" in asked for rule in contract.rules)
        assert all(f"{name} <> round({name}" in asked for name in contract.amounts)


def test_a_column_that_becomes_required_is_asked_for() -> None:
    contract = load_contracts()["orders"]
    email = replace(contract.column("email"), required=True)
    columns = tuple(email if column.name == "email" else column for column in contract.columns)
    before, after = (raw_suite(c, SPAN).checks for c in (contract, replace(contract, columns=columns)))
    assert {check.says for check in after} - {check.says for check in before} == {"email is there"}


def test_only_the_new_loads_are_read() -> None:
    contract = load_contracts()["clicks"]
    assert "r._load_id > 3 and r._load_id <= 9" in raw_suite(contract, SPAN).batch
    assert (
        "('clicks', 3, 9, 0.05, 30)"
        in loads_suite(
            {"clicks": contract}, {"clicks": SPAN}, {"clicks": Limits(refused_share=0.05, minutes_to_load=30)}
        ).batch
    )
    assert "load_id > 3 and load_id <= 9" in profile_statement(contract, 3, 9)


def test_large_marts_are_read_by_build_and_day_unless_all_is_asked() -> None:
    part = {suite.name: suite for suite in mart_suites(Scope(7, 6, False, 0.5))}
    full = {suite.name: suite for suite in mart_suites(Scope(7, 6, True, 0.5))}
    assert part["tracked_orders"].batch.endswith("_build_id > 6")
    for name in ("daily_aggregates", "hourly_aggregates", "kol_roi_daily", "kol_roi_monthly"):
        assert "int_days__touched" in part[name].batch
        assert "int_days__touched" not in full[name].batch


def test_every_query_reads_its_batch() -> None:
    contracts = load_contracts()
    limits = dict.fromkeys(contracts, Limits(0.05, 30))
    suites = [raw_suite(contract, SPAN) for contract in contracts.values()]
    suites.append(loads_suite(contracts, dict.fromkeys(contracts, SPAN), limits))
    suites += [*mart_suites(Scope(7, 6, False, 0.5)), *mart_suites(Scope(7, 6, True, 0.5))]
    queries = [check.query for suite in suites for check in suite.checks if isinstance(check, NoRows)]
    assert len(queries) > 100
    assert all("{batch}" in query for query in queries)


def test_two_checks_of_one_name_are_refused() -> None:
    twin = Check(says="it holds", next_step="none")
    with pytest.raises(ValueError, match="it holds"):
        Suite("orders", "select 1", ("a",), (twin, twin))


def test_a_failure_names_check_rows_and_next_step() -> None:
    check = Present(says="currency is there", next_step="correct the mapping", column="currency")
    rows = tuple({"order_id": f"o{number}", "currency": "null"} for number in range(9))
    failed = Outcome("orders", check, False, 31, rows)
    passed = Outcome("orders", replace(check, says="source is there"), True)
    warning = Outcome("orders", replace(check, says="hm", severity="warning"), False, 2, rows)
    report = GateReport("raw", 12, (failed, passed, warning), 1.0, None, {}, None)
    text = str(GateFailed(report))
    assert not report.passed
    assert report.warnings == (warning,)
    for words in (
        "1 of 3 checks failed", "the build does not start", "raw.orders: currency is there: 31 rows",
        "order_id=o4, currency=null", "next: correct the mapping", "results --run 12",
    ):  # fmt: skip
        assert words in text
    assert "order_id=o5" not in text
    assert replace(report, outcomes=(passed, warning)).passed


def test_a_check_that_could_not_be_judged_stops_the_line() -> None:
    check = NoRows(says="x", next_step="y", query="select from {batch}")
    outcome = Outcome("orders", check, False, None, (), "column z does not exist")
    report = GateReport("raw", 1, (outcome,), 1.0, None, {}, None)
    assert not report.passed
    assert "could not be judged: column z does not exist" in str(GateFailed(report))


def test_profile_measures_numbers_times_and_lengths_and_counts_listed_values() -> None:
    contract = load_contracts()["orders"]
    statement = profile_statement(contract, 0, 1)
    assert "order by length(email)" in statement
    assert "order by gross_amount" in statement
    assert "status::text = 'paid'" in statement
    assert "order by status" not in statement
    odd = Column("note", "jsonb")
    assert "order by note" not in profile_statement(replace(contract, columns=(*contract.columns, odd)), 0, 1)
