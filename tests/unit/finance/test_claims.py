"""What orders were paid with: every state of an order, a payment, a remittance and a refund."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from include.finance.reconciliation.claims import ORDERS
from include.finance.reconciliation.reconcile import Reconciled, reconcile
from include.finance.reconciliation.rules import Rules

DAY = date(2026, 6, 10)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MONEY, INSTANT, TEXT = pa.decimal128(20, 4), pa.timestamp("us", "UTC"), pa.string()
SHAPES = {
    "orders": ORDERS,
    "refunds": {"source": TEXT, "refund_id": TEXT, "order_id": TEXT, "currency": TEXT, "amount": MONEY,
                "refunded_at": INSTANT},
    "payments": {"source": TEXT, "payment_id": TEXT, "order_id": TEXT, "payment_type": TEXT, "status": TEXT,
                 "currency": TEXT, "amount": MONEY, "fee_amount": MONEY, "payout_id": TEXT, "payer_ref": TEXT,
                 "occurred_at": INSTANT},
    "remittances": {"source": TEXT, "remittance_id": TEXT, "order_source": TEXT, "order_id": TEXT,
                    "currency": TEXT, "collected_amount": MONEY, "net_amount": MONEY, "collected_at": INSTANT,
                    "remitted_at": INSTANT},
    "sales": {"source": TEXT, "sale_id": TEXT, "store_id": TEXT, "sale_type": TEXT, "status": TEXT,
              "currency": TEXT, "gross_amount": MONEY, "payment_method": TEXT, "sold_at": INSTANT},
    "bank_lines": {"account_id": TEXT, "line_id": TEXT, "currency": TEXT, "amount": MONEY,
                   "description": TEXT, "counterparty": TEXT, "reference": TEXT, "booked_on": pa.date32(),
                   "booked_at": INSTANT},
}  # fmt: skip


def order(order_id: str, gross: int = 100, **other: Any) -> dict[str, Any]:
    """Return a completed order that was paid by card."""
    return {
        "source": "shop", "order_id": order_id, "payment_method": "card", "currency": "USD",
        "gross_amount": Decimal(gross), "paid_at": NOON, "customer_key": None, "is_completed": True, **other,
    }  # fmt: skip


def payment(payment_id: str, order_id: str | None, amount: int = 100, **other: Any) -> dict[str, Any]:
    """Return a charge that succeeded."""
    return {
        "source": "stripe", "payment_id": payment_id, "order_id": order_id, "payment_type": "charge",
        "status": "succeeded", "currency": "USD", "amount": Decimal(amount), "fee_amount": Decimal(0),
        "payout_id": None, "payer_ref": None, "occurred_at": NOON, **other,
    }  # fmt: skip


def judged(rules: Rules | None = None, **rows: list[dict[str, Any]]) -> Reconciled:
    """Reconcile some rows."""
    facts = {}
    for name, shape in SHAPES.items():
        schema = shape if isinstance(shape, pa.Schema) else pa.schema(list(shape.items()))
        facts[name] = pa.Table.from_pylist(rows.get(name, []), schema=schema)
    return reconcile(facts, rules or Rules(), as_of=DAY, zone="UTC")


def of_orders(result: Reconciled) -> Mapping[str, str]:
    """Return the states of orders."""
    return {row["order_id"]: row["state"] for row in result.orders.to_pylist()}


def of_receipts(result: Reconciled) -> Mapping[str, str]:
    """Return the states of payments and remittances."""
    return {row["receipt_id"]: row["state"] for row in result.receipts.to_pylist()}


@pytest.mark.parametrize(
    ("charges", "state"),
    [
        ([payment("p", "1")], "matched"),
        ([payment("p", "1", 60), payment("q", "1", 40)], "matched"),
        ([payment("p", "1", 90)], "amount_differs"),
        ([payment("p", "1"), payment("q", "1")], "duplicate"),
        ([payment("p", "1", currency="AUD")], "currency_differs"),
        ([], "missing_in_gateway"),
        ([payment("p", "1", status="failed")], "missing_in_gateway"),
    ],
)
def test_an_order_is_in_the_state_of_its_charges(charges: list[dict[str, Any]], state: str) -> None:
    result = judged(orders=[order("1")], payments=charges)
    assert of_orders(result) == {"1": state}
    for row in result.receipts.to_pylist():
        assert row["state"] == ("void" if state == "missing_in_gateway" else state)


@pytest.mark.parametrize(
    ("charges", "count", "said", "first"),
    [
        ([payment("p", "1", 90)], 1, ("USD", 90), "p"),
        ([payment("q", "1", 40), payment("p", "1", 60)], 2, ("USD", 100), "p"),
        ([payment("p", "1", 150, currency="AUD")], 1, ("AUD", 150), "p"),
        ([payment("p", "1", 150, currency="AUD"), payment("q", "1", 60)], 2, (None, None), "p"),
        ([payment("p", None)], 1, ("USD", 100), "p"),
        ([payment("p", "1", status="failed")], 0, (None, None), None),
    ],
)
def test_an_order_keeps_what_its_charges_say(
    charges: list[dict[str, Any]], count: int, said: tuple[str | None, int | None], first: str | None
) -> None:
    [row] = judged(orders=[order("1")], payments=charges).orders.to_pylist()
    assert (row["charges"], row["receipt_id"]) == (count, first)
    assert (row["charged_currency"], row["charged_amount"]) == said
    assert (row["receipt_side"], row["receipt_source"]) == (("payment", "stripe") if first else (None, None))


def test_a_payment_keeps_its_fee_and_what_its_order_says() -> None:
    result = judged(
        orders=[order("1"), order("2", 70)],
        payments=[
            payment("p", "1", 150, currency="AUD", fee_amount=Decimal(3)),
            payment("q", None, 70, fee_amount=None),
        ],
    )
    said = {row["receipt_id"]: row for row in result.receipts.to_pylist()}
    columns = ("fee_amount", "order_currency", "order_amount", "order_charges")
    assert [tuple(said[name][column] for column in columns) for name in "pq"] == [
        (3, "USD", 100, 1),
        (0, "USD", 70, 1),
    ]


def test_a_payment_of_nothing_that_is_known_belongs_to_no_order() -> None:
    result = judged(orders=[order("1")], payments=[payment("p", "1"), payment("q", "77")])
    assert of_receipts(result) == {"p": "matched", "q": "missing_order"}


def test_a_payment_without_reference_is_told_by_amount_and_time() -> None:
    result = judged(
        orders=[order("1"), order("2", 70)], payments=[payment("p", None), payment("q", None, 70)]
    )
    assert of_orders(result) == {"1": "matched", "2": "matched"}
    assert {row["matched_by"] for row in result.orders.to_pylist()} == {"amount_and_time"}
    late = payment("p", None, occurred_at=NOON + timedelta(hours=3))
    assert of_orders(judged(orders=[order("1")], payments=[late])) == {"1": "missing_in_gateway"}


def test_two_orders_for_one_nameless_payment_are_ambiguous_unless_the_payer_tells() -> None:
    orders = [order("1", customer_key="anna"), order("2", customer_key="bob")]
    result = judged(orders=orders, payments=[payment("p", None, payer_ref="4242")])
    assert of_orders(result) == {"1": "ambiguous", "2": "ambiguous"}
    assert of_receipts(result) == {"p": "ambiguous"}
    before = NOON - timedelta(days=9)
    earlier = order("0", 55, customer_key="bob", paid_at=before)
    known = payment("o", "0", 55, payer_ref="4242", occurred_at=before)
    result = judged(orders=[*orders, earlier], payments=[payment("p", None, payer_ref="4242"), known])
    assert of_orders(result) == {"0": "matched", "1": "missing_in_gateway", "2": "matched"}


def test_a_payment_that_names_another_order_is_no_orders_unless_the_payer_tells() -> None:
    before = NOON - timedelta(days=9)
    earlier = order("0", 55, customer_key="bob", paid_at=before)
    known = payment("o", "0", 55, payer_ref="4242", occurred_at=before)
    for customer, state in (("anna", "missing_in_gateway"), ("bob", "matched")):
        orders = [order("1", customer_key=customer), earlier]
        result = judged(orders=orders, payments=[payment("p", "77", payer_ref="4242"), known])
        assert of_orders(result) == {"0": "matched", "1": state}
        assert of_receipts(result)["p"] == ("matched" if state == "matched" else "missing_order")


def test_a_number_that_two_shops_gave_means_the_order_of_its_amount() -> None:
    orders = [order("1"), order("1", 70, source="other")]
    result = judged(orders=orders, payments=[payment("p", "1", 70)])
    assert {(r["source"], r["state"]) for r in result.orders.to_pylist()} == {
        ("shop", "missing_in_gateway"),
        ("other", "matched"),
    }
    same = judged(orders=[order("1"), order("1", source="other")], payments=[payment("p", "1")])
    assert of_receipts(same) == {"p": "ambiguous"}


def test_what_was_just_paid_is_a_matter_of_time() -> None:
    evening = datetime(2026, 6, 10, 23, 30, tzinfo=UTC)
    assert of_orders(judged(orders=[order("1", paid_at=evening)])) == {"1": "timing"}
    courier = order("2", paid_at=evening - timedelta(days=3), payment_method="cod")
    assert of_orders(judged(orders=[courier])) == {"2": "timing"}
    assert of_orders(judged(orders=[order("3", payment_method="cod")])) == {"3": "missing_in_gateway"}


def test_couriers_and_marketplaces_are_held_to_what_they_collected() -> None:
    def remitted(batch: str, order_id: str, amount: int) -> dict[str, Any]:
        return {
            "source": "ghn", "remittance_id": batch, "order_source": "shop", "order_id": order_id,
            "currency": "USD", "collected_amount": Decimal(amount), "net_amount": Decimal(amount - 2),
            "collected_at": NOON, "remitted_at": None,
        }  # fmt: skip

    orders = [order(str(n), payment_method="cod") for n in range(3)]
    rows = [remitted("a", "0", 100), remitted("a", "1", 90), remitted("a", "2", 100), remitted("b", "2", 100)]
    result = judged(orders=orders, remittances=rows)
    assert of_orders(result) == {"0": "matched", "1": "amount_differs", "2": "duplicate"}


def refund(refund_id: str, at: datetime) -> dict[str, Any]:
    """Return 30 USD that the shop gave back for order 1."""
    return {
        "source": "shop", "refund_id": refund_id, "order_id": "1", "currency": "USD",
        "amount": Decimal(30), "refunded_at": at,
    }  # fmt: skip


def test_refunds_are_held_to_what_the_gateway_gave_back() -> None:
    later = NOON + timedelta(days=2)
    given = [refund("first", NOON), refund("second", later)]
    done = [
        payment("c", "1"),
        payment("r", "1", 30, payment_type="refund", occurred_at=later),
        payment("x", "1", 5, payment_type="refund"),
        payment("b", "1", 100, payment_type="chargeback"),
    ]
    result = judged(orders=[order("1")], refunds=given, payments=done)
    said = {row["refund_id"]: row["state"] for row in result.refunds.to_pylist()}
    assert said == {"first": "missing_in_gateway", "second": "matched"}
    assert of_receipts(result) == {"c": "matched", "r": "matched", "x": "missing_in_shop", "b": "matched"}


def test_as_many_equal_refunds_as_the_gateway_gave_back_belong_together() -> None:
    """The gateway's first is nearer to the shop's second; its own is then the other one."""
    minutes = [NOON + timedelta(minutes=after) for after in (0, 100, 90, 101)]
    done = [
        payment(name, "1", 30, payment_type="refund", occurred_at=at)
        for name, at in zip("rs", minutes[2:], strict=True)
    ]
    given = [refund("first", minutes[0]), refund("second", minutes[1])]
    result = judged(orders=[order("1")], refunds=given, payments=[payment("c", "1"), *done])
    assert result.refunds["state"].to_pylist() == ["matched", "matched"]
    assert of_receipts(result) == {"c": "matched", "r": "matched", "s": "matched"}


def test_tolerance_is_in_units_of_the_currency() -> None:
    rules = Rules(tolerance=Decimal("0.05"))
    short = payment("p", "1", amount=100) | {"amount": Decimal("99.96")}
    assert of_orders(judged(rules, orders=[order("1")], payments=[short])) == {"1": "matched"}
    assert of_orders(judged(orders=[order("1")], payments=[short])) == {"1": "amount_differs"}


def test_what_comes_after_the_day_is_not_looked_at() -> None:
    tomorrow = datetime(2026, 6, 11, 0, 0, tzinfo=UTC)
    result = judged(orders=[order("1")], payments=[payment("p", "1", occurred_at=tomorrow)])
    assert of_orders(result) == {"1": "missing_in_gateway"}
    assert result.receipts.num_rows == 0
