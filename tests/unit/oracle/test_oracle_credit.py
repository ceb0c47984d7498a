"""The oracle's credit and exclusion against examples worked by hand."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.oracle import made
from tests.oracle.marts import compute
from tests.oracle.rows import Row

AT = "2026-03-10T12:00:00Z"


def track(order: Row, **feeds: Any) -> Row:
    """Return the tracked row of one order among KOLs ana (token t1, coupon ANA10) and bo (token t2)."""
    rows = {
        "tenants": [made.tenant()],
        "kols": [made.kol("ana"), made.kol("bo", attribution_window_hours=24)],
        "kol_contracts": [made.contract("c1", "ana", coupon_code="ANA10"), made.contract("c2", "bo")],
        "tracking_tokens": [made.token("t1", "ana"), made.token("t2", "bo", campaign_id="summer")],
        "orders": [order],
        **feeds,
    }
    (row,) = compute(rows, {made.TENANT: date(2026, 3, 31)}).tables["tracked_orders"]
    return row


@pytest.mark.parametrize(
    ("clicked_at", "reason"),
    [
        ("2026-03-07T12:00:00Z", None),
        ("2026-03-07T11:59:59.999999Z", "no_click_in_window"),
        ("2026-03-10T12:00:00Z", None),
        ("2026-03-10T12:00:00.000001Z", "no_click_in_window"),
    ],
)
def test_the_window_holds_both_of_its_borders(clicked_at: str, reason: str | None) -> None:
    row = track(made.order("o", AT, token="st1.k1.t1"), clicks=[made.click("k", clicked_at, "t1")])
    assert row["not_credited_reason"] == reason
    assert row["kol_id"] == (None if reason else "ana")


def test_a_kols_own_window_goes_before_the_tenants() -> None:
    clicks = [made.click("k", "2026-03-09T11:00:00Z", "t2")]
    assert track(made.order("o", AT, token="st1.k1.t2"), clicks=clicks)["kol_id"] is None
    clicks = [made.click("k", "2026-03-09T13:00:00Z", "t2")]
    assert track(made.order("o", AT, token="st1.k1.t2"), clicks=clicks)["kol_id"] == "bo"


@pytest.mark.parametrize(
    ("token", "is_valid"),
    [
        ({"issued_at": "2026-03-10T10:00:00Z"}, True),
        ({"issued_at": "2026-03-10T10:00:00.000001Z"}, False),
        ({"expires_at": "2026-03-10T10:00:00Z"}, False),
        ({"expires_at": "2026-03-10T10:00:00.000001Z"}, True),
        ({"revoked_at": "2026-03-10T10:00:00Z"}, False),
        ({"revoked_at": "2026-03-10T11:00:00Z"}, True),
    ],
)
def test_validity_is_judged_at_the_click(token: Row, is_valid: bool) -> None:
    feeds = {
        "clicks": [made.click("k", "2026-03-10T10:00:00Z", "t1")],
        "tracking_tokens": [made.token("t1", "ana", **token)],
    }
    row = track(made.order("o", AT, token="st1.k1.t1"), **feeds)
    assert row["not_credited_reason"] == (None if is_valid else "token_not_valid_at_click")
    row = track(made.order("o", AT, click_id="k"), **feeds)
    assert row["not_credited_reason"] == (None if is_valid else "token_not_valid_at_click")
    assert row["matched_by"] == ("click" if is_valid else None)


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ({}, "no_evidence"),
        ({"token": "st1.k1.t1x"}, "token_unknown"),
        ({"token": "st1.k1.t2"}, "no_click_in_window"),
        ({"token": "st1.k1.t1", "visitor_id": "other"}, "no_click_in_window"),
        ({"click_id": "none"}, "click_unknown"),
        ({"click_id": "bot"}, "click_not_valid"),
        ({"click_id": "pre"}, "click_not_valid"),
        ({"click_id": "foreign"}, "token_unknown"),
        ({"click_id": "plain"}, "click_without_token"),
        ({"click_id": "old"}, "click_outside_window"),
        ({"coupon_code": "NONE"}, "coupon_unknown"),
        ({"token": "st1.k1.t1x", "click_id": "none", "coupon_code": "NONE"}, "token_unknown"),
        ({"click_id": "none", "coupon_code": "NONE"}, "click_unknown"),
        ({"source_kol_ref": "@nobody", "click_id": "good"}, "source_kol_unknown"),
    ],
)
def test_the_strongest_evidence_gives_the_reason(evidence: Row, reason: str) -> None:
    clicks = [
        made.click("good", "2026-03-10T11:00:00Z", "t1", visitor_id="v1"),
        made.click("bot", "2026-03-10T11:00:00Z", "t1", user_agent="Mozilla/5.0 (compatible; Googlebot/2.1)"),
        made.click("pre", "2026-03-10T11:00:00Z", "t1", is_prefetch=True),
        made.click("plain", "2026-03-10T11:00:00Z"),
        made.click("old", "2026-03-05T11:00:00Z", "t1"),
        made.click("foreign", "2026-03-10T11:00:00Z", "t9"),
    ]
    row = track(made.order("o", AT, **evidence), clicks=clicks)
    assert (row["kol_id"], row["not_credited_reason"]) == (None, reason)


def test_a_coupon_is_judged_on_the_tenants_day() -> None:
    # 17:30 UTC on 31 March is 1 April in Saigon
    row = track(made.order("o", "2026-03-31T16:59:00Z", coupon_code=" ana10 "))
    assert (row["kol_id"], row["matched_by"], row["contract_id"]) == ("ana", "coupon", "c1")
    assert row["campaign_id"] == "spring"
    row = track(made.order("o", "2026-03-31T17:00:00Z", coupon_code="ANA10"))
    assert row["not_credited_reason"] == "coupon_not_in_force"


def test_precedence_and_dispute() -> None:
    clicks = [made.click("k1", "2026-03-10T10:00:00Z", "t1"), made.click("k2", "2026-03-10T11:00:00Z", "t2")]
    row = track(made.order("o", AT, token="st1.k1.t2", click_id="k1", coupon_code="ANA10"), clicks=clicks)
    assert (row["kol_id"], row["matched_by"], row["is_disputed"]) == ("bo", "token", True)
    assert row["campaign_id"] == "summer"
    row = track(made.order("o", AT, token="st1.k1.t1", click_id="k1", coupon_code="ANA10"), clicks=clicks)
    assert (row["kol_id"], row["is_disputed"]) == ("ana", False)
    row = track(made.order("o", AT, token="bad", click_id="k2", coupon_code="ANA10"), clicks=clicks)
    assert (row["kol_id"], row["matched_by"], row["is_disputed"]) == ("bo", "click", True)
    evidence = {"token": "st1.k1.t2", "coupon_code": "ANA10"}
    row = track(made.order("o", AT, source_kol_ref="@ANA", **evidence), clicks=clicks)
    assert (row["kol_id"], row["matched_by"], row["is_disputed"]) == ("ana", "source", False)
    assert (row["is_credited"], row["channel"], row["commission"]) == (False, "marketplace", 0)


def test_the_latest_click_wins_then_the_larger_id() -> None:
    clicks = [
        made.click("a", "2026-03-10T10:00:00Z", "t1"),
        made.click("c", "2026-03-10T11:00:00Z", "t1"),
        made.click("b", "2026-03-10T11:00:00Z", "t1"),
        made.click("z", "2026-03-10T11:30:00Z", "t1", user_agent="AhrefsBot/7.0"),
    ]
    assert track(made.order("o", AT, token="st1.k1.t1"), clicks=clicks)["click_id"] == "c"


def test_the_contract_of_the_same_campaign_goes_first_then_the_latest_start() -> None:
    contracts = [
        made.contract("c1", "ana", campaign_id="spring", commission_rate="0.05"),
        made.contract("c2", "ana", campaign_id="other", starts_on="2026-03-05", commission_rate="0.20"),
        made.contract("c3", "ana", campaign_id="other", starts_on="2026-03-05", commission_rate="0.30"),
        made.contract("c4", "ana", campaign_id="spring", starts_on="2026-03-11", commission_rate="0.40"),
    ]
    feeds = {"clicks": [made.click("k", "2026-03-10T10:00:00Z", "t1")], "kol_contracts": contracts}
    row = track(made.order("o", AT, token="st1.k1.t1"), **feeds)
    assert (row["contract_id"], str(row["commission"])) == ("c1", "5.00")
    row = track(
        made.order("o", AT, token="st1.k1.t1"),
        **{**feeds, "tracking_tokens": [made.token("t1", "ana", campaign_id="winter")]},
    )
    assert (row["contract_id"], str(row["commission"])) == ("c3", "30.00")
    row = track(made.order("o", AT, token="st1.k1.t1"), **{**feeds, "kol_contracts": []})
    assert (row["kol_id"], row["contract_id"], row["commission"]) == ("ana", None, 0)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, None),
        ({"is_test": True, "gross_amount": "0"}, "test"),
        ({"gross_amount": "0", "status": "cancelled", "cancelled_at": AT, "paid_at": None}, "non_positive"),
        ({"status": "cancelled", "cancelled_at": AT, "paid_at": None}, "cancelled_before_payment"),
        (
            {"status": "cancelled", "cancelled_at": AT, "paid_at": "2026-03-10T12:00:01Z"},
            "cancelled_before_payment",
        ),
        ({"status": "cancelled", "cancelled_at": AT}, None),
        ({"paid_at": None, "status": "authorized"}, "not_paid"),
        ({"paid_at": None, "payment_method": "cod", "order_id": "collected"}, None),
        ({"paid_at": None, "payment_method": "cod"}, "not_paid"),
        ({"payment_method": "cod"}, None),
        ({"paid_at": None, "order_id": "collected"}, "not_paid"),
    ],
)
def test_an_order_that_does_not_count_has_its_first_reason(values: Row, reason: str | None) -> None:
    remittances = [made.remittance("collected", "2026-03-14T02:00:00Z")]
    assert track({**made.order("o", AT), **values}, remittances=remittances)["exclusion_reason"] == reason


def test_cash_on_delivery_completes_when_first_collected() -> None:
    remittances = [
        made.remittance("o", "2026-03-14T20:00:00Z"),
        made.remittance("o", "2026-03-13T17:30:00Z", remittance_id="r2"),
        made.remittance("o", "2026-03-11T00:00:00Z", remittance_id="r3", remittance_type="marketplace"),
        made.remittance("o", "2026-03-11T00:00:00Z", remittance_id="r4", order_source="other"),
    ]
    row = track(made.order("o", AT, payment_method="cod"), remittances=remittances)
    assert row["completed_at"] == datetime(2026, 3, 13, 17, 30, tzinfo=UTC)
    assert row["completed_date"] == date(2026, 3, 14)
