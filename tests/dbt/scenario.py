"""Two small shops whose few rows touch every rule of the marts, and their build in an own database."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from include.settings import Settings
from include.transform import BuildResult, build
from include.warehouse import prepare
from tests.dbt import people
from tests.oracle import forecasts, made
from tests.oracle.loading import load_rows
from tests.oracle.rows import Row

SAIGON = made.TENANT
KOLKATA = "kolkata"
START, END = date(2026, 3, 1), date(2026, 4, 11)
NEXT_END = date(2026, 4, 12)
LATER = date(2026, 6, 1)
FORECAST = "2026-04-09"
"""Newest day up to which forecasts know what happened."""
EXPENSE, PAYABLE = "commission_expense", "kol_payable"


def of_kolkata(row: Row) -> Row:
    """Give a made row to the second tenant."""
    return {**row, "tenant_id": KOLKATA}


def feeds() -> dict[str, list[Row]]:
    """Return both shops' rows by feed: contracts with fees, tokens, coupons, refunds, stores, spend."""
    saigon: dict[str, list[Row]] = {
        "tenants": [made.tenant()],
        "kols": [
            made.kol("ana", email_hash=people.hashed("an.nguyen@x.example")),
            made.kol("binh", attribution_window_hours=24),
        ],
        "kol_contracts": [
            made.contract("c1", "ana", fixed_fee="100.00", platform_fee="31.00", goods_cost="50.00"),
            made.contract("c2", "binh", coupon_code="BINH5", campaign_id="tet"),
        ],
        "tracking_tokens": [made.token("t1", "ana"), made.token("t2", "binh", campaign_id="tet")],
        "clicks": [
            made.click("k1", "2026-03-02T03:00:00Z", "t1", visitor_id="v1"),
            made.click("k2", "2026-03-02T03:10:00Z", "t1", visitor_id="v1"),
            made.click("k3", "2026-03-02T03:10:00Z", "t1", user_agent="bingbot"),
            made.click("k4", "2026-04-02T03:10:00Z", "t1"),
            made.click("k5", "2026-03-09T16:59:59Z", "t2", visitor_id="v2"),
            made.click("k6", "2026-03-09T17:00:00Z", "t2", visitor_id="v2"),
            made.click("k7", "2026-03-10T02:00:00Z", utm_medium="cpc", utm_source="google"),
        ],
        "orders": [
            made.order("o1", "2026-03-02T05:00:00Z", token="st1.k1.t1", source_customer_id="7"),
            made.order("o2", "2026-03-10T05:00:00Z", "99.99", token="st1.k1.t2", source_customer_id="8"),
            made.order(
                "o3", "2026-03-10T06:00:00Z", "20.00", coupon_code="binh5", source_customer_id="7",
                visitor_id="v1",
            ),
            made.order("o4", "2026-03-10T07:00:00Z", "45.00", click_id="k7"),
            made.order("o5", "2026-03-11T07:00:00Z", "45.00", source_kol_ref="@ANA"),
            made.order("o6", "2026-03-12T07:00:00Z", "45.00", paid_at=None, status="pending"),
            made.order("o7", "2026-03-12T07:00:00Z", "0.00"),
            made.order("o8", "2026-03-12T08:00:00Z", "30.00", is_test=True),
            made.order(
                "o9", "2026-03-13T08:00:00Z", "60.00", status="cancelled", token="st1.k1.t1",
                cancelled_at="2026-03-14T08:00:00Z",
            ),
            made.order("o10", "2026-03-13T09:00:00Z", "60.00", payment_method="cod", paid_at=None),
        ],
        "refunds": [
            made.refund("r1", "o1", "2026-03-05T05:00:00Z", "55.00"),
            made.refund("r2", "o1", "2026-03-06T05:00:00Z", "55.00"),
            made.refund("r3", "o2", "2026-03-15T05:00:00Z", "33.33"),
            made.refund("r4", None, "2026-03-15T05:00:00Z", "11.00"),
        ],
        "customers": [
            people.customer("7", full_name="Nguyễn An", email="An.Nguyen@x.example", phone="0901234567",
                            birth_date="1990-01-31", visitor_id="v1"),
            people.customer("8", full_name="Bình", loyalty_tier="Gold"),
            people.customer("21", source="crm", email="an@x.example", city="Huế",
                            updated_at="2026-02-01T00:00:00Z"),
        ],
        "customer_map": [people.mapped("21", "shop:7", record_source="crm")],
        "identity_runs": [people.run("run1", open_reviews=1)],
        "order_items": [made.item("o1", "tea"), made.item("o3", "cup")],
        "products": [made.product("tea", "10.00"), made.product("cup", "20.00")],
        "remittances": [made.remittance("o10", "2026-03-16T01:00:00Z")],
        "pos_sales": [
            made.sale("s1", "2026-03-04T01:00:00Z", source_customer_id="p1"),
            made.sale("s2", "2026-03-05T01:00:00Z", "10.00", sale_type="return", original_sale_id="s1"),
        ],
        "ad_spend": [
            made.spend("2026-03-10", "12.345678"),
            made.spend("2026-03-11", "7.5", account_time_zone="UTC"),
        ],
        "clv_forecasts": [
            *(forecasts.forecast(name, "2026-03-31") for name in ("shop:7", "shop:8", "till:p1")),
            forecasts.forecast("shop:7", FORECAST, "300.00", segment="high"),
            forecasts.forecast("shop:8", FORECAST, "80.25"),
            forecasts.forecast("till:p1", FORECAST, "-10.5", segment="low", alive_probability=None),
        ],
        "clv_segments": [
            forecasts.segment("high", FORECAST, "300.00"),
            forecasts.segment("medium", FORECAST, "80.25"),
            forecasts.segment("low", FORECAST, None),
        ],
        "clv_series": forecasts.whole_series(
            FORECAST,
            [("2026-Q1", "high", "300.00"), ("2026-Q1", "medium", "80.25"), ("2025-Q4", "low", "-10.5")],
        ),
        "ledger_entries": [
            *made.transaction("t1", "accrual", EXPENSE, PAYABLE, "10.00", event_type="completion"),
            *made.transaction("t2", "payout", PAYABLE, "cash", "10.00", posting_date="2026-03-31"),
            *made.transaction("t3", "reversal", PAYABLE, EXPENSE, "5.00", event_type="refund"),
            *made.transaction("t4", "clawback", "kol_receivable", PAYABLE, "5.00"),
            *made.transaction(
                "t5", "accrual", EXPENSE, PAYABLE, "9.05", event_type="completion", posting_date="2026-04-01"
            ),
            *made.transaction("t6", "penalty", PAYABLE, "penalty_income", "25.00", kol_id="binh"),
        ],
        "kol_invoices": [
            made.invoice("acme-2026-000001", 2, "5.00", "0.50"),
            made.invoice(
                "acme-2026-000002", 1, "-25.00", "-2.50", kol_id="binh", invoice_type="credit_note"
            ),
        ],
        "journal_entries": [
            made.journal_entry("j1", "2026-03-02", "110.00", vat_amount="10.00", discount_amount="5.00"),
            made.journal_entry("j2", "2026-03-06", "-55.00", vat_amount="-5.00", event_type="refund"),
            made.journal_entry(
                "j3", "2026-03-09", "110.00", fee_amount="3.30", record_type="payment", event_type="charge"
            ),
            *(
                made.journal_entry(
                    entry_id, "2026-03-30", amount, event_type="refund", event_id="r2",
                    posting_date="2026-04-01", entry_type="adjustment", entered_at="2026-04-09T20:00:00Z",
                )
                for entry_id, amount in (("j4", "-11.00"), ("j5", "1.00"))
            ),
        ],
        "period_closes": [made.close("2026-03", "2026-04-05T09:00:00Z")],
    }  # fmt: skip
    kolkata: dict[str, list[Row]] = {
        "tenants": [made.tenant(KOLKATA, time_zone="Asia/Kolkata")],
        "kols": [of_kolkata(made.kol("chi", email_hash=people.hashed("chi@x.example")))],
        "kol_contracts": [of_kolkata(made.contract("c1", "chi", currency="INR", fixed_fee="3100.00"))],
        "tracking_tokens": [of_kolkata(made.token("t9", "chi"))],
        "clicks": [of_kolkata(made.click("k1", "2026-03-03T18:29:59Z", "t9"))],
        "orders": [
            of_kolkata(
                made.order(
                    "o1",
                    "2026-03-03T18:30:00Z",
                    "1000.00",
                    currency="INR",
                    token="st1.k1.t9",
                    email="chi@x.example",
                )
            )
        ],
        "refunds": [of_kolkata(made.refund("r1", "o1", "2026-03-20T05:00:00Z", "333.33", currency="INR"))],
        "customers": [of_kolkata(people.customer("1", full_name="Chi", email="chi@x.example"))],
        "clv_forecasts": [of_kolkata(forecasts.forecast("shop:1", FORECAST, "40.00", segment="low"))],
        "clv_series": forecasts.whole_series(FORECAST, [("2026-Q1", "low", "40.00")], KOLKATA),
        "ledger_entries": [
            of_kolkata(line)
            for line in made.transaction(
                "t1", "accrual", EXPENSE, PAYABLE, "90.91", kol_id="chi", currency="INR"
            )
        ],
        "kol_invoices": [
            of_kolkata(made.invoice("kolkata-2026-000001", 1, "90.91", "9.09", kol_id="chi", currency="INR"))
        ],
        "journal_entries": [of_kolkata(made.journal_entry("j1", "2026-03-04", "1000.00", currency="INR"))],
        "fx_rates": [
            of_kolkata(made.rate(f"2026-03-{day:02d}", f"0.0{120 + day}", "INR")) for day in range(1, 32, 5)
        ],
    }
    return {feed: saigon.get(feed, []) + kolkata.get(feed, []) for feed in {**saigon, **kolkata}}


def in_own_database(settings: Settings, name: str) -> Settings:
    """Return settings of a prepared, empty database beside the session's, with folders of its own."""
    folders = {
        "landing_url": str(settings.home / name / "landing"),
        "sources_dir": settings.home / name / "sources",
    }
    own = settings.model_copy(update={"warehouse_database": name, "home": settings.home / name, **folders})
    prepare(own)
    return own


def load(settings: Settings, rows: Mapping[str, Sequence[Row]], start: date = START, end: date = END) -> None:
    """Land and load rows of both tenants as one interval."""
    zones = {SAIGON: "Asia/Ho_Chi_Minh", KOLKATA: "Asia/Kolkata"}
    load_rows(settings, rows, start, end, zones=zones)


def load_and_build(settings: Settings, **options: Any) -> BuildResult:
    """Load the two shops and build everything, with tests."""
    load(settings, feeds())
    return build(settings, **options)
