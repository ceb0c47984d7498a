"""Fraud of every kind, planted: it is flagged, holds commission in the ledger, and a review lifts it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from include.feeds.replay import replay
from include.finance.__main__ import main
from include.finance.audit.fraud import (
    StaleFlagsError,
    UnknownFlagError,
    flags,
    review_flag,
)
from include.finance.audit.sample import audit_sample
from include.finance.ledger.posting import post_orders
from include.settings import Settings
from include.transform import build
from include.warehouse import connect, fingerprint, prepare
from tests.dbt import people
from tests.oracle import made
from tests.oracle.loading import load_rows
from tests.oracle.rows import Row

ZONES = {made.TENANT: "Asia/Ho_Chi_Minh"}
OPEN = date(2026, 3, 1)
ANA = made.kol("ana", tier="nano", email_hash=people.hashed("ana@x.example"))
OWN = people.customer("9", email=" Ana@X.example ")
BIG = made.order("big", "2026-03-04T05:00:00Z", "5500.00", coupon_code="ana")
LEAKED = [f"l{number:02}" for number in range(1, 21)]
BURST = {f"v{number}" for number in range(1, 7)}
NETWORK = {f"n{number}" for number in range(1, 7)}
Flagged = set[tuple[str, str]]


def coupon(order_id: str, at: str, code: str = "binh", **values: Any) -> Row:
    return made.order(order_id, f"2026-03-{at}:00Z", coupon_code=code, **values)


def site_click(number: int) -> Row:
    return made.click(
        f"kp{number}",
        f"2026-03-09T0{number % 5}:00:00Z",
        "t1",
        referrer=f"https://www.site{number}.example/a",
    )


def feeds() -> dict[str, list[Row]]:
    """Return a shop with sound orders and fraud, some of it not yet complete."""
    network = [
        made.click(
            f"kn{number}", f"2026-03-06T04:0{number}:00Z", "t1", ip_hash="net", visitor_id=f"w{number}"
        )
        for number in range(1, 7)
    ]
    coupon_site = made.click("ks", "2026-03-04T04:00:00Z", referrer="https://deals.retailmenot.com/acme?x=1")
    return {
        "tenants": [made.tenant()],
        "kols": [ANA, made.kol("binh")],
        "kol_contracts": [
            made.contract(f"c-{kol}", kol, coupon_code=kol.upper(), ends_on="2026-12-31")
            for kol in ("ana", "binh")
        ],
        "tracking_tokens": [made.token("t1", "ana")],
        "customers": [OWN],
        "clicks": [*network, coupon_site, *(site_click(number) for number in range(8))],
        "orders": [
            coupon("sound", "02T05:00", "ana", source_customer_id="1", email="one@x.example", phone="123"),
            BIG,
            *(coupon(f"v{n}", f"05T05:{n}0", "ana", source_customer_id="7") for n in range(1, 6)),
            coupon("v6", "05T05:59", "ana", source_customer_id="7"),
            coupon("v7", "05T07:00", "ana", source_customer_id="7"),
            *(
                made.order(
                    f"n{n}",
                    f"2026-03-06T04:3{n}:00Z",
                    token="st1.k1.t1",
                    visitor_id=f"w{n}",
                    click_id=f"kn{n}",
                )
                for n in range(1, 7)
            ),
            coupon("own", "07T05:00", "ana", source_customer_id="9"),
            coupon("own-big", "07T06:00", "ana", email="ANA@x.example ", gross_amount="5500.00"),
            coupon("phoned", "07T07:00", "ana", phone="+84 (0)90 123-45-67"),
            made.order("public", "2026-03-09T06:00:00Z", token="st1.k1.t1"),
            coupon("b1", "03T05:00"),
            coupon("site", "04T05:00", click_id="ks"),
            made.order("nobodys", "2026-03-08T05:00:00Z", "5000.01"),
            *(coupon(name, f"20T{5 + n // 4:02}:{n % 4}0") for n, name in enumerate(LEAKED[:-1])),
        ],
    }


def load(settings: Settings, day: date, rows: Mapping[str, Sequence[Row]], *select: str) -> None:
    load_rows(settings, rows, day, day + timedelta(days=1), zones=ZONES)
    build(settings, with_tests=False, select=select or ["+fraud_flags", "+tracked_orders"])


def of(rule: str, orders: Iterable[str]) -> Flagged:
    return {(order, rule) for order in orders}


def flagged(settings: Settings) -> Flagged:
    return {(flag["order_id"], flag["rule"]) for flag in flags(settings, made.TENANT)}


def held(settings: Settings) -> set[str]:
    return {flag["order_id"] for flag in flags(settings, made.TENANT) if flag["is_held"]}


def post(settings: Settings) -> dict[tuple[str, str], Decimal]:
    """Post as the night does; return what KOLs may be paid and what is held."""
    post_orders(made.TENANT, open_from=OPEN, by="nightly", settings=settings)
    told = """
        select kol_id, account, -amount from finance.ledger_balances
        where account in ('kol_payable', 'kol_held')
    """
    with connect("transformer", settings) as warehouse:
        return {(kol, account): amount for kol, account, amount in warehouse.rows(told) if amount}


def review(settings: Settings, order: str, rule: str, verdict: str) -> str:
    said: dict[str, Any] = {
        "verdict": verdict,
        "entered_by": "ann",
        "reason": "looked at it",
        "settings": settings,
    }
    return review_flag(made.TENANT, ("shop", order), rule, **said)


PLANTED = {
    *of("amount", ["big", "own-big", "nobodys"]),
    *of("velocity", BURST),
    *of("network_velocity", NETWORK),
    *of("self_purchase", ["own", "own-big"]),
    *of("coupon_leak", ["site"]),
}


@pytest.fixture(scope="module")
def shop(warehouse_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("fraud")
    settings = warehouse_settings.model_copy(
        update={"warehouse_database": "fraud", "home": home, "landing_url": str(home / "landing")}
    )
    prepare(settings)
    load(settings, date(2026, 3, 21), feeds())
    return settings


def test_what_is_planted_is_flagged_and_nothing_else(shop: Settings) -> None:
    assert flagged(shop) == PLANTED
    assert held(shop) == {order for order, _ in PLANTED} - {"nobodys"}, "nothing of an organic order to hold"
    [flag] = [flag for flag in flags(shop, made.TENANT) if flag["order_id"] == "big"]
    evidence = json.loads(flag["evidence"])
    assert (evidence["amount_usd"], evidence["limit_usd"]) == (5500, 5000)


def test_a_review_lifts_a_flag_and_the_next_posting_releases_what_it_held(
    shop: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {
        ("ana", "kol_held"): 500 + 60 + 60 + 10 + 500, ("ana", "kol_payable"): 10 + 10 + 10 + 10,
        ("binh", "kol_held"): 10, ("binh", "kol_payable"): 200,
    }  # fmt: skip
    assert post(shop) == before
    review(shop, "big", "amount", "cleared")
    review(shop, "own-big", "amount", "cleared")
    review(shop, "v1", "velocity", "confirmed")
    assert held(shop) == {order for order, _ in PLANTED} - {"nobodys", "big"}, "own-big has another flag"
    lifted = {**before, ("ana", "kol_held"): 630, ("ana", "kol_payable"): 540}
    assert post(shop) == lifted
    monkeypatch.setattr("include.finance.audit.commands.get_settings", lambda: shop)
    assert main(["flags", "--tenant", made.TENANT]) == 0
    told = capsys.readouterr().out
    assert "shop/big amount: not held, credited (cleared by ann: looked at it); 5500.0000 USD, KOL" in told
    assert f"{len(PLANTED)} flags; the commission of {len(held(shop))} orders is held" in told
    review(shop, "big", "amount", "withdrawn")
    assert post(shop) == before
    review(shop, "big", "amount", "cleared")
    assert post(shop) == lifted


def test_a_review_is_of_a_flag_that_there_is(shop: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        UnknownFlagError, match="order shop/big is not flagged by velocity: its flags are amo"
    ):
        review(shop, "big", "velocity", "cleared")
    with pytest.raises(UnknownFlagError, match="it has no flag"):
        review(shop, "sound", "amount", "cleared")
    with pytest.raises(UnknownFlagError, match="nobody's word"):
        review(shop, "v2", "velocity", "withdrawn")
    with pytest.raises(ValueError, match="verdict 'fine' is none of cleared, confirmed, withdrawn"):
        review(shop, "big", "amount", "fine")
    asked = ["review-flag", "--tenant", "acme", "--rule", "amount", "--verdict", "cleared", "--by", "ann"]
    assert main([*asked, "--reason", "x", "--order", "big"]) == 2
    assert "--order 'big' is no SOURCE/ID" in capsys.readouterr().err


def test_flags_follow_what_changes(shop: Settings) -> None:
    """A late click and order complete two frauds; an order, an amount and a record go; a phone is told."""
    changes = {
        "clicks": [site_click(8)],
        "orders": [
            coupon(LEAKED[-1], "20T12:00"),
            {**BIG, "gross_amount": "4000.00", "updated_at": "2026-03-21T00:00:00Z"},
            {**coupon("v3", "05T05:30", "ana", source_customer_id="7"), "updated_at": "2026-03-21T00:00:00Z",
             "_deleted": True},
        ],
        "kols": [{**ANA, "phone_hash": people.hashed("901234567"), "updated_at": "2026-03-21T00:00:00Z"}],
        "customers": [{**OWN, "updated_at": "2026-03-21T00:00:00Z", "_deleted": True}],
    }  # fmt: skip
    load(shop, date(2026, 3, 22), changes, "+tracked_orders")
    with pytest.raises(StaleFlagsError, match="orders are of build 2, their flags of build 1"):
        flags(shop, made.TENANT)
    with pytest.raises(StaleFlagsError, match="orders are of build 2, their flags of build 1"):
        post(shop)
    build(shop, with_tests=False, select=["+fraud_flags"])
    expected = {
        *of("amount", ["own-big", "nobodys"]),
        *of("network_velocity", NETWORK),
        *of("self_purchase", ["own-big", "phoned"]),
        *of("token_places", ["public"]),
        *of("coupon_leak", ["site", *LEAKED]),
    }
    assert flagged(shop) == expected

    # Many uses of an earlier day come late: twenty in a day are nothing unusual then.
    usual = [coupon(f"u{number:02}", f"05T{number // 6:02}:{number % 6}0") for number in range(76)]
    load(shop, date(2026, 3, 23), {"orders": usual})
    assert flagged(shop) == expected - of("coupon_leak", LEAKED)
    with connect("transformer", shop) as warehouse:
        marts = fingerprint(warehouse, "marts")
    build(shop, with_tests=False, select=["+fraud_flags", "+tracked_orders"], full_refresh=True)
    with connect("transformer", shop) as warehouse:
        assert fingerprint(warehouse, "marts") == marts


def test_other_limits_are_applied_to_all_orders(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "sound" not in held(shop)
    with connect("transformer", shop) as warehouse:
        before = fingerprint(warehouse, "marts")["fraud_flags"]
        warehouse.execute("delete from intermediate.int_fraud__flags where rule = 'network_velocity'")
        build(shop, with_tests=False, select=["+fraud_flags"])
        assert fingerprint(warehouse, "marts")["fraud_flags"] != before, "nothing new, nothing judged again"
        warehouse.execute("update ops.watermarks set position = 1 where upstream = 'fraud_rules'")
        build(shop, with_tests=False, select=["+fraud_flags"])
        assert fingerprint(warehouse, "marts")["fraud_flags"] == before


def test_the_sample_is_the_same_after_a_replay(
    shop: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    day = date(2026, 3, 20)
    sample = audit_sample(shop, made.TENANT, day)
    assert set(sample["order_id"].to_pylist()) == set(LEAKED)
    assert audit_sample(shop, made.TENANT, day).equals(sample)
    assert audit_sample(shop, made.TENANT, date(2026, 3, 1)).num_rows == 0
    with pytest.raises(LookupError, match="there is no tenant nobody; there are acme"):
        audit_sample(shop, "nobody", day)

    behind = [
        (row["record"], row["record_key"], row["version_no"])
        for row in audit_sample(shop, made.TENANT, date(2026, 3, 4)).to_pylist()
        if row["order_id"] == "big"
    ]
    lines = [key for key in behind if key[0] == "raw.ledger_entries"]
    assert set(behind) - set(lines) == {
        ("marts.tracked_orders", "shop/big", 0),
        ("raw.orders", "shop/big", 0),
        ("raw.orders", "shop/big", 1),
        ("raw.kols", "ana", 0),
        ("raw.kols", "ana", 1),
        ("raw.kol_contracts", "c-ana", 0),
        *(("raw.fraud_reviews", key, 0) for key in reviews_of(shop, "big")),
    }
    assert len(lines) > 4

    monkeypatch.setattr("include.finance.audit.commands.get_settings", lambda: shop)
    written = tmp_path / "sample.csv"
    assert main(["sample", "--tenant", made.TENANT, "--day", "2026-03-20", "--csv", str(written)]) == 0
    assert "20 orders of 2026-03-20 drawn" in capsys.readouterr().out
    assert len(written.read_text().splitlines()) == sample.num_rows + 1

    other = shop.model_copy(update={"warehouse_database": "fraud_replayed"})
    prepare(other)
    with connect("loader", other) as loader:
        replay(loader, settings=other)
    build(other, with_tests=False, select=["+fraud_flags", "+tracked_orders"])
    assert audit_sample(other, made.TENANT, day).equals(sample)
    assert held(other) == held(shop)


def reviews_of(settings: Settings, order: str) -> list[str]:
    with connect("transformer", settings) as warehouse:
        found = warehouse.rows("select review_id from raw.fraud_reviews where order_id = %s", [order])
    return [review_id for (review_id,) in found]
