"""Hand-made feed rows: a valid row of each feed, of which a test states only what matters to it."""

from decimal import Decimal
from typing import Any

from tests.oracle.rows import Row

TENANT = "acme"


def tenant(tenant_id: str = TENANT, **values: Any) -> Row:
    """Return a tenant in Saigon time that reports in USD with 10 % VAT and a margin of 40 %."""
    return {
        "tenant_id": tenant_id, "name": tenant_id.title(), "country_code": "VN",
        "time_zone": "Asia/Ho_Chi_Minh",
        "reporting_currency": "USD", "vat_rate": "0.10", "gross_margin": "0.40",
        "attribution_window_hours": 72,
        "churn_window_days": 90, **values,
    }  # fmt: skip


def kol(kol_id: str, **values: Any) -> Row:
    """Return a KOL who takes the tenant's attribution window."""
    return {
        "tenant_id": TENANT, "kol_id": kol_id, "name": kol_id.title(), "handle": f"@{kol_id}",
        "platform": "tiktok",
        "tier": "micro", "attribution_window_hours": None, "updated_at": "2026-01-01T00:00:00Z", **values,
    }  # fmt: skip


def contract(contract_id: str, kol_id: str, **values: Any) -> Row:
    """Return a contract of March 2026 without fees that pays 10 % commission."""
    return {
        "tenant_id": TENANT, "contract_id": contract_id, "kol_id": kol_id, "campaign_id": "spring",
        "campaign_name": "Spring", "starts_on": "2026-03-01", "ends_on": "2026-03-31", "currency": "USD",
        "fixed_fee": "0", "platform_fee": "0", "goods_cost": "0", "commission_rate": "0.10",
        "coupon_code": None,
        "updated_at": "2026-01-01T00:00:00Z", **values,
    }  # fmt: skip


def token(token_id: str, kol_id: str, **values: Any) -> Row:
    """Return a token that is valid through March 2026."""
    return {
        "tenant_id": TENANT, "token_id": token_id, "token": f"st1.k1.{token_id}", "kol_id": kol_id,
        "campaign_id": "spring", "link_url": "https://shop.example/", "key_id": "k1",
        "issued_at": "2026-03-01T00:00:00Z", "expires_at": "2026-04-01T00:00:00Z", "revoked_at": None,
        "updated_at": "2026-03-01T00:00:00Z", **values,
    }  # fmt: skip


def click(click_id: str, clicked_at: str, token_id: str | None = None, **values: Any) -> Row:
    """Return a click of a person, on a token's link when ``token_id`` names one."""
    return {
        "tenant_id": TENANT, "click_id": click_id, "token": f"st1.k1.{token_id}" if token_id else None,
        "visitor_id": None, "utm_source": None, "utm_medium": None, "utm_campaign": None,
        "landing_url": "https://shop.example/", "referrer": None,
        "user_agent": "Mozilla/5.0 (X11) Firefox/140.0",
        "ip_hash": None, "is_prefetch": False, "clicked_at": clicked_at, **values,
    }  # fmt: skip


def order(order_id: str, ordered_at: str, gross: str = "110.00", **values: Any) -> Row:
    """Return an order that is paid as it is placed; its VAT comes from the tenant's rate."""
    return {
        "tenant_id": TENANT, "source": "shop", "order_id": order_id, "source_customer_id": None,
        "customer_name": None, "email": None, "phone": None, "shipping_address": None, "token": None,
        "click_id": None, "visitor_id": None, "coupon_code": None, "source_kol_ref": None, "status": "paid",
        "payment_method": "card", "currency": "USD", "gross_amount": gross, "discount_amount": None,
        "shipping_amount": None, "vat_amount": None, "is_test": False, "ordered_at": ordered_at,
        "paid_at": ordered_at, "cancelled_at": None, "updated_at": ordered_at, **values,
    }  # fmt: skip


def refund(refund_id: str, order_id: str | None, refunded_at: str, amount: str, **values: Any) -> Row:
    """Return a succeeded refund."""
    return {
        "tenant_id": TENANT, "source": "shop", "refund_id": refund_id, "order_id": order_id,
        "status": "succeeded",
        "currency": "USD", "amount": amount, "reason": None, "refunded_at": refunded_at,
        "updated_at": refunded_at,
        **values,
    }  # fmt: skip


def remittance(order_id: str, collected_at: str, **values: Any) -> Row:
    """Return a courier's report that the order's cash was collected."""
    return {
        "tenant_id": TENANT, "source": "courier", "remittance_id": "r1", "order_source": "shop",
        "order_id": order_id, "remittance_type": "cod", "currency": "USD", "collected_amount": "110.00",
        "fee_amount": None, "net_amount": "110.00", "collected_at": collected_at, "remitted_at": None,
        "updated_at": collected_at, **values,
    }  # fmt: skip


def sale(sale_id: str, sold_at: str, gross: str = "110.00", **values: Any) -> Row:
    """Return a completed sale at a till."""
    return {
        "tenant_id": TENANT, "source": "till", "sale_id": sale_id, "store_id": "s1", "sale_type": "sale",
        "original_sale_id": None, "status": "completed", "source_customer_id": None, "customer_name": None,
        "email": None, "phone": None, "loyalty_card": None, "currency": "USD", "gross_amount": gross,
        "discount_amount": None, "vat_amount": None, "payment_method": "cash", "sold_at": sold_at,
        "updated_at": sold_at, **values,
    }  # fmt: skip


def spend(spend_date: str, amount: str, **values: Any) -> Row:
    """Return a day of one Google Ads campaign."""
    return {
        "tenant_id": TENANT, "platform": "google_ads", "account_id": "a1",
        "account_time_zone": "Asia/Ho_Chi_Minh",
        "spend_date": spend_date, "campaign_id": "c1", "campaign_name": None, "ad_id": "-", "currency": "USD",
        "spend": amount, "impressions": 1000, "clicks": 10, "conversions": None, **values,
    }  # fmt: skip


def mapped(record_id: str, customer_id: str, decided_at: str, **values: Any) -> Row:
    """Return the decision that a customer record of the shop belongs to a customer."""
    return {
        "tenant_id": TENANT, "record_source": "shop", "record_type": "customer", "record_id": record_id,
        "customer_id": customer_id, "run_id": None, "decided_at": decided_at, **values,
    }  # fmt: skip


def rate(
    rate_date: str, value: str, from_currency: str = "VND", to_currency: str = "USD", **values: Any
) -> Row:
    """Return a day's exchange rate."""
    return {
        "tenant_id": TENANT, "from_currency": from_currency, "to_currency": to_currency,
        "rate_date": rate_date,
        "rate": value, "updated_at": f"{rate_date}T01:00:00Z", **values,
    }  # fmt: skip


def item(order_id: str, sku: str, **values: Any) -> Row:
    """Return the line of an order that sells one of a product."""
    return {
        "tenant_id": TENANT, "source": "shop", "order_id": order_id, "line_id": sku, "sku": sku,
        "product_name": sku.title(), "item_type": "product", "quantity": 1, "unit_price": "10.00",
        "line_amount": "10.00", "currency": "USD", "ordered_at": "2026-03-01T00:00:00Z",
        "updated_at": "2026-03-01T00:00:00Z", **values,
    }  # fmt: skip


def product(sku: str, price: str, **values: Any) -> Row:
    """Return a product of the shop."""
    return {
        "tenant_id": TENANT, "source": "shop", "sku": sku, "product_name": sku.title(), "category": "all",
        "currency": "USD", "price": price, "cost": None, "updated_at": "2026-03-01T00:00:00Z", **values,
    }  # fmt: skip


def transaction(
    number: str, entry_type: str, debit: str, credit: str, amount: str, **values: Any
) -> list[Row]:
    """Return the two lines of a transaction of the commission ledger: of KOL ana, in USD, on 2 March 2026."""
    row = {
        "tenant_id": TENANT, "transaction_id": number, "entry_type": entry_type, "kol_id": "ana",
        "currency": "USD", "order_source": None, "order_id": None, "event_type": None, "event_id": None,
        "contract_id": None, "commission_rate": None, "rule_version": None, "event_date": "2026-03-02",
        "posting_date": "2026-03-02", "entered_at": "2026-03-03T20:00:00Z", "entered_by": "nightly",
        "reason": entry_type, **values,
    }  # fmt: skip
    return [
        {**row, "entry_id": f"{number}-1", "line_no": 1, "account": debit, "amount": amount},
        {**row, "entry_id": f"{number}-2", "line_no": 2, "account": credit, "amount": f"-{amount}"},
    ]


def invoice(number: str, entries: int, net: str, vat: str, **values: Any) -> Row:
    """Return an invoice of KOL ana: of March 2026, in USD, with 10 % VAT."""
    return {
        "tenant_id": TENANT, "invoice_number": number, "invoice_type": "invoice", "kol_id": "ana",
        "currency": "USD", "period_from": "2026-03-01", "period_to": "2026-03-31", "issued_on": "2026-04-05",
        "entries": entries, "net_amount": net, "vat_rate": "0.1", "vat_amount": vat,
        "gross_amount": str(Decimal(net) + Decimal(vat)),
        "seller_name": "Ana", "seller_tax_id": None, "seller_address": None, "buyer_name": "Acme",
        "buyer_tax_id": None, "buyer_address": None, "invoiced_at": "2026-04-06T02:00:00Z",
        "entered_by": "finance", "reason": "commission of 2026-03", **values,
    }  # fmt: skip


def journal_entry(entry_id: str, event_date: str, amount: str, **values: Any) -> Row:
    """Return an entry of the journal, as its day is open: of an order that was completed, in USD."""
    return {
        "tenant_id": TENANT, "entry_id": entry_id, "entry_type": "entry", "record_type": "order",
        "source": "shop", "record_id": "o1", "event_type": "completion", "event_id": None, "currency": "USD",
        "amount": amount, "vat_amount": "0", "discount_amount": "0", "fee_amount": "0",
        "event_date": event_date, "posting_date": event_date, "entered_at": "2026-04-02T20:00:00Z",
        "entered_by": "nightly", "reason": "came", **values,
    }  # fmt: skip


def close(month: str, closed_at: str, **values: Any) -> Row:
    """Return the close of a month."""
    return {
        "tenant_id": TENANT, "month": month, "as_of_date": closed_at[:10], "fingerprint": "0" * 64,
        "reconciliation": "[]", "open_items": 0, "closed_at": closed_at, "entered_by": "finance",
        "reason": "all is explained", **values,
    }  # fmt: skip
