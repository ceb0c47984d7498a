"""Rows made by hand, in contract columns: every state, method and gap that a system's export can show."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pyarrow as pa

from include.warehouse.contracts import load_contracts

FIRST, END = date(2026, 10, 30), date(2026, 11, 4)
"""Days of the made rows: New York sets its clocks back on 1 November."""
_TYPES = {
    "text": pa.string(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
}
NAMES = ("Nguyễn Thị Hồng", "Ann", 'Bob "B." O\'Neil', "Lê, Văn; An", "Trần\tTab", None)
ADDRESSES = ("12 Lê Lợi, Quận 1, Phường 5, TP. HCM", "1 High St, Albany", "Nowhere", None, "a, b, c")
STATES = ("pending", "authorized", "paid", "fulfilled", "cancelled", "cancelled")
METHODS = ("card", "wallet", "bank_transfer", "cod", "other", "card")


@dataclass(frozen=True)
class MadeTenant:
    """An organisation of the made world."""

    tenant_id: str
    zone: str


@dataclass(frozen=True)
class MadeWorld:
    """Feeds of rows made by hand."""

    tenants: tuple[MadeTenant, ...]
    rows: dict[str, list[dict[str, Any]]]

    def feed(self, name: str) -> pa.Table:
        """Rows of a feed, typed by its contract; a row is available an hour after the first day began."""
        columns = {column.name: _arrow(column.data_type) for column in load_contracts()[name].columns}
        columns |= {"_available_at": _TYPES["timestamptz"], "_system": pa.string()}
        rows = [{"_available_at": NOON} | row for row in self.rows.get(name, [])]
        rows.sort(key=lambda row: row["_available_at"])
        return pa.table(
            {name: pa.array([row.get(name) for row in rows], kind) for name, kind in columns.items()}
        )


def _arrow(data_type: str) -> pa.DataType:
    if data_type.startswith("numeric"):
        precision, scale = data_type[len("numeric(") : -1].split(",")
        return pa.decimal128(int(precision), int(scale))
    return _TYPES[data_type]


NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)
SECOND_PASS = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
"""01:30 in New York for the second time that night."""
HANOI = MadeTenant("hanoi", "Asia/Ho_Chi_Minh")
BOSTON = MadeTenant("boston", "America/New_York")
ADELAIDE = MadeTenant("adelaide", "Australia/Adelaide")


def made_world() -> MadeWorld:
    """Three tenants in zones with and without daylight saving, in currencies with and without decimals."""
    rows: dict[str, list[dict[str, Any]]] = {}

    def add(feed: str, tenant: MadeTenant, system: str, items: list[dict[str, Any]]) -> None:
        known = load_contracts()[feed].names
        source = {"source": system} if "source" in known else {}
        rows.setdefault(feed, []).extend(
            {"tenant_id": tenant.tenant_id, "_system": system, **source, **item} for item in items
        )

    for tenant, system, currency in (
        (HANOI, "woocommerce", "VND"),
        (HANOI, "tiktok_shop", "VND"),
        (BOSTON, "shopify", "USD"),
        (ADELAIDE, "shopify", "AUD"),
        (BOSTON, "woocommerce", "USD"),
    ):
        orders = _orders(system, currency)
        add("orders", tenant, system, orders)
        add("order_items", tenant, system, [line for order in orders for line in _lines(order, currency)])
        add("refunds", tenant, system, _refunds(currency))
        add("customers", tenant, system, _customers())
        add("products", tenant, system, _products(currency))
    for tenant, system, currency in (
        (HANOI, "kiotviet", "VND"),
        (BOSTON, "square", "USD"),
        (ADELAIDE, "square", "JPY"),
    ):
        sales = _sales(currency)
        add("pos_sales", tenant, system, sales)
        add(
            "pos_sale_lines", tenant, system, [line for sale in sales for line in _sale_lines(sale, currency)]
        )
        add("customers", tenant, system, _customers())
        add("products", tenant, system, _products(currency))
    for tenant, system, currency in (
        (HANOI, "vnpay", "VND"),
        (HANOI, "momo", "VND"),
        (HANOI, "stripe", "VND"),
        (BOSTON, "stripe", "USD"),
    ):
        add("payments", tenant, system, _payments(currency))
    add("remittances", HANOI, "tiktok_shop", _remittances("VND", "marketplace", "tiktok_shop"))
    add("remittances", HANOI, "courier", _remittances("VND", "cod", "woocommerce"))
    add("remittances", BOSTON, "courier", _remittances("USD", "cod", "woocommerce"))
    for tenant, currency, utc_hour in ((HANOI, "VND", -7), (BOSTON, "USD", 4)):
        add("bank_lines", tenant, "bank", _bank_lines(currency, utc_hour))
        add("fx_rates", tenant, "fx", _rates(currency))
    for system, scale in (("google_ads", "0.000001"), ("meta_ads", "0.01"), ("tiktok_ads", "0.01")):
        add("ad_spend", HANOI, system, _spend(system, Decimal(scale)))
    add("kols", HANOI, "crm", _kols())
    add("kol_contracts", HANOI, "crm", _contracts())
    add("customers", HANOI, "crm", _customers())
    add("products", HANOI, "crm", _products("VND"))
    add("tracking_tokens", HANOI, "tracking", _tokens())
    add("clicks", HANOI, "tracking", _clicks())
    return MadeWorld((HANOI, BOSTON, ADELAIDE), rows)


def _money(currency: str, number: int) -> Decimal:
    """An amount with as many decimals as its currency has."""
    return Decimal(number * 1000 + 250) if currency in ("VND", "JPY") else Decimal(number * 100 + 37) / 100


def _orders(system: str, currency: str) -> list[dict[str, Any]]:
    market = system == "tiktok_shop"
    orders = []
    for n in range(36):
        status = STATES[n % 6]
        at = SECOND_PASS + timedelta(minutes=n)
        paid = status in ("paid", "fulfilled") or n % 6 == 5
        orders.append(
            {
                "order_id": f"O{n:04d}",
                "source_customer_id": None if n % 5 == 0 else f"C{n}",
                "customer_name": NAMES[n % len(NAMES)],
                "email": None if n % 4 == 0 else f"a{n}@example.com",
                "phone": None if n % 3 == 0 else "+84 90 000",
                "shipping_address": ADDRESSES[n % len(ADDRESSES)],
                "token": None if market or n % 2 else f"st1.k.{n}.sig-_",
                "click_id": None if market or n % 3 else f"k{n}",
                "visitor_id": None if market or n % 4 else f"v{n}",
                "coupon_code": "HÈ 10" if n % 7 == 0 else None,
                "source_kol_ref": f"@kol.{n}" if market and n % 2 else None,
                "status": status,
                "payment_method": "marketplace" if market and n % 2 else METHODS[n // 6],
                "currency": currency,
                "gross_amount": Decimal(0) if n == 7 else _money(currency, n + 1),
                "discount_amount": _money(currency, 1) if n % 7 == 0 else Decimal(0),
                "shipping_amount": _money(currency, 0),
                "vat_amount": None if n % 6 == 1 else Decimal(0) if n == 7 else _money(currency, n // 12),
                "is_test": n % 11 == 3,
                "ordered_at": at,
                "paid_at": at + timedelta(seconds=n) if paid else None,
                "cancelled_at": at + timedelta(hours=n) if status == "cancelled" else None,
                "updated_at": at + timedelta(hours=40),
            }
        )
    return orders


def _lines(order: dict[str, Any], currency: str) -> list[dict[str, Any]]:
    price = _money(currency, 3)
    number = int(order["order_id"][1:])
    common = {"order_id": order["order_id"], "currency": currency, "ordered_at": order["ordered_at"]}
    common |= {"updated_at": order["updated_at"]}
    goods = [
        {
            "line_id": f"{n}",
            "sku": None if n == 2 else f"S-{n}",
            "product_name": NAMES[(number + n) % 5],
            "item_type": "product",
            "quantity": Decimal(n + 1),
            "unit_price": price,
            "line_amount": price * (n + 1) - (_money(currency, 0) if n == 1 else 0),
        }
        for n in range(number % 4)
    ]
    shipping: dict[str, Any] = {
        "line_id": "9",
        "item_type": "shipping",
        "product_name": "Post",
        "quantity": Decimal(1),
    }
    shipping |= {"unit_price": _money(currency, 0), "line_amount": _money(currency, 0)}
    return [{**common, **line} for line in ([*goods, shipping] if number % 3 == 0 else goods)]


def _refunds(currency: str) -> list[dict[str, Any]]:
    return [
        {
            "refund_id": f"R{n}",
            "order_id": None if n == 4 else f"O{n:04d}",
            "status": ("succeeded", "pending", "failed")[n % 3],
            "currency": currency,
            "amount": _money(currency, n + 1),
            "reason": None if n == 2 else "vỡ, hỏng",
            "refunded_at": SECOND_PASS + timedelta(hours=n),
            "updated_at": SECOND_PASS + timedelta(hours=n + 2),
        }
        for n in range(9)
    ]


def _customers() -> list[dict[str, Any]]:
    full: dict[str, Any] = {
        "full_name": "Đặng Thị Mỹ Hạnh",
        "first_name": "Hạnh",
        "last_name": "Đặng, Thị",
        "email": "hanh@example.com",
        "phone": "090 123",
        "birth_date": date(1988, 2, 29),
        "street": '3 "Cao Thắng"',
        "city": "Huế",
        "postcode": "01234",
        "country_code": "VN",
        "loyalty_card": "L1",
        "loyalty_tier": "gold",
        "visitor_id": "v1",
    }
    times = {"created_at": SECOND_PASS - timedelta(days=400), "updated_at": SECOND_PASS}
    bare = [
        {"source_customer_id": f"B{n}", name: value, **times} for n, (name, value) in enumerate(full.items())
    ]
    return [{"source_customer_id": "C1", **full, **times}, *bare]


def _products(currency: str) -> list[dict[str, Any]]:
    return [
        {
            "sku": f"S-{n}",
            "product_name": f"Kem, No. {n}",
            "category": None if n == 1 else "kem",
            "currency": currency,
            "price": None if n == 2 else _money(currency, n),
            "cost": None if n == 0 else _money(currency, 0),
            "updated_at": SECOND_PASS,
        }
        for n in range(4)
    ]


def _sales(currency: str) -> list[dict[str, Any]]:
    methods = ("cash", "card", "wallet", "bank_transfer", "other")
    return [
        {
            "sale_id": f"T{n}",
            "store_id": f"store-{n % 2}",
            "sale_type": "return" if n % 3 == 0 else "sale",
            "original_sale_id": f"T{n + 1}" if n % 6 == 0 else None,
            "status": ("completed", "open", "voided")[n // 3 % 3],
            "source_customer_id": f"C{n}" if n % 2 else None,
            "customer_name": NAMES[n % len(NAMES)],
            "email": f"a{n}@example.com" if n % 4 == 1 else None,
            "phone": "090 5" if n % 3 else None,
            "loyalty_card": f"L{n}" if n % 5 == 0 else None,
            "currency": currency,
            "gross_amount": _money(currency, n),
            "discount_amount": None if n == 4 else _money(currency, 0),
            "vat_amount": None if n % 2 else Decimal(0),
            "payment_method": methods[n % 5],
            "sold_at": SECOND_PASS + timedelta(minutes=n),
            "updated_at": SECOND_PASS + timedelta(hours=n),
        }
        for n in range(18)
    ]


def _sale_lines(sale: dict[str, Any], currency: str) -> list[dict[str, Any]]:
    price = _money(currency, 2)
    return [
        {
            "sale_id": sale["sale_id"],
            "line_id": f"{n}",
            "sku": f"S-{n}",
            "product_name": NAMES[n],
            "quantity": Decimal(n + 1),
            "unit_price": price,
            "line_amount": price * (n + 1) - (_money(currency, 0) if n else 0),
            "currency": currency,
            "sold_at": sale["sold_at"],
            "updated_at": sale["updated_at"],
        }
        for n in range(2)
    ]


def _payments(currency: str) -> list[dict[str, Any]]:
    number = count()
    return [
        {
            "payment_id": f"P{next(number)}",
            "order_id": None if status == "failed" else "O0001",
            "payment_type": kind,
            "status": status,
            "currency": currency,
            "amount": _money(currency, 12),
            "fee_amount": None if status == "pending" else _money(currency, 0),
            "payout_id": "PO-7" if status == "succeeded" else None,
            "payer_ref": "**** 4242",
            "occurred_at": SECOND_PASS,
            "updated_at": SECOND_PASS + timedelta(hours=30),
        }
        for kind in ("charge", "refund", "chargeback")
        for status in ("pending", "succeeded", "failed")
    ]


def _remittances(currency: str, kind: str, order_source: str) -> list[dict[str, Any]]:
    return [
        {
            "remittance_id": f"RM{n % 2}",
            "order_source": order_source,
            "order_id": f"O/{n:04d}",
            "remittance_type": kind,
            "currency": currency,
            "collected_amount": _money(currency, 1250 * n),
            "fee_amount": _money(currency, n),
            "net_amount": _money(currency, 1250 * n) - _money(currency, n),
            "collected_at": NOON + timedelta(minutes=n),
            "remitted_at": None if n == 3 else NOON + timedelta(days=1),
            "updated_at": NOON + timedelta(days=2),
        }
        for n in range(5)
    ]


def _bank_lines(currency: str, utc_hour: int) -> list[dict[str, Any]]:
    midnight = datetime(2026, 10, 31, tzinfo=UTC) + timedelta(hours=utc_hour)
    return [
        {
            "account_id": "ACC;1",
            "line_id": f"{n}",
            "currency": currency,
            "amount": _money(currency, 1250 * n) * (-1 if n % 2 else 1),
            "description": 'phí; "SMS"',
            "counterparty": None if n == 2 else "VNPAY",
            "reference": f"PO-{n}",
            "booked_on": date(2026, 10, 31),
            "booked_at": midnight,
        }
        for n in range(5)
    ]


def _rates(currency: str) -> list[dict[str, Any]]:
    return [
        {
            "from_currency": currency,
            "to_currency": "EUR",
            "rate_date": date(2026, 10, 28 + n),
            "rate": rate,
            "updated_at": SECOND_PASS,
        }
        for n, rate in enumerate((Decimal("0.000036070001"), Decimal(25430), Decimal("1.5")))
    ]


def _spend(system: str, step: Decimal) -> list[dict[str, Any]]:
    return [
        {
            "platform": system,
            "account_id": f"{system}-1",
            "account_time_zone": "America/Los_Angeles",
            "spend_date": date(2026, 10, 30) + timedelta(days=n % 2),
            "campaign_id": "c1",
            "campaign_name": "Mùa hè, 1",
            "ad_id": "-" if n == 0 and system == "google_ads" else f"ad{n}",
            "currency": "USD",
            "spend": step * (1234567 + n),
            "impressions": 1000 + n,
            "clicks": n,
            "conversions": None if n == 1 and system != "google_ads" else Decimal("0.5") * n,
        }
        for n in range(4)
    ]


def _kols() -> list[dict[str, Any]]:
    return [
        {
            "kol_id": f"K{n}",
            "name": NAMES[n],
            "handle": None if n == 2 else f"@kol.{n}",
            "platform": None if n == 3 else "tiktok",
            "tier": ("nano", "micro", "macro", "mega", None)[n],
            "attribution_window_hours": None if n == 0 else 72 * n,
            "updated_at": SECOND_PASS,
        }
        for n in range(5)
    ]


def _contracts() -> list[dict[str, Any]]:
    return [
        {
            "contract_id": f"CT{n}",
            "kol_id": f"K{n}",
            "campaign_id": None if n == 1 else "summer",
            "campaign_name": None if n == 1 else "Summer",
            "starts_on": date(2026, 10, 1),
            "ends_on": date(2026, 10, 31),
            "currency": currency,
            "fixed_fee": _money(currency, n),
            "platform_fee": Decimal(0),
            "goods_cost": _money(currency, 1),
            "commission_rate": rate,
            "coupon_code": None if n == 2 else "HÈ10",
            "updated_at": SECOND_PASS,
        }
        for n, (currency, rate) in enumerate(
            (
                ("VND", Decimal("0.125")),
                ("USD", Decimal(0)),
                ("VND", Decimal("0.0725")),
                ("USD", Decimal("0.1")),
            )
        )
    ]


def _tokens() -> list[dict[str, Any]]:
    return [
        {
            "token_id": f"t{n}",
            "token": f"st1.k.{n}.sig",
            "kol_id": "K1",
            "campaign_id": None if n == 1 else "summer",
            "link_url": "https://hanoi.example/shop?a=1&b=2",
            "key_id": "k",
            "issued_at": SECOND_PASS,
            "expires_at": SECOND_PASS + timedelta(hours=48),
            "revoked_at": SECOND_PASS + timedelta(hours=1) if n == 2 else None,
            "updated_at": SECOND_PASS,
        }
        for n in range(3)
    ]


def _clicks() -> list[dict[str, Any]]:
    return [
        {
            "click_id": f"k{n // 2}",
            "token": None if n % 2 else "st1.k.1.sig",
            "visitor_id": None if n == 4 else f"v{n}",
            "utm_source": None if n == 3 else "kol",
            "utm_medium": None if n == 3 else "influencer",
            "utm_campaign": None if n == 3 else "mùa hè, 2",
            "landing_url": None if n == 5 else "https://hanoi.example/shop",
            "referrer": None if n == 1 else "https://www.tiktok.com/",
            "user_agent": 'Mozilla/5.0 (X, like "Gecko")',
            "ip_hash": "ip1",
            "is_prefetch": n % 3 == 0,
            "clicked_at": SECOND_PASS + timedelta(seconds=n),
        }
        for n in range(8)
    ]
