"""Made rows of people: customer records, the map of whose they are, and runs of the matcher."""

import hashlib
from typing import Any

from tests.oracle.made import TENANT
from tests.oracle.rows import Row


def customer(customer_id: str, **values: Any) -> Row:
    """Return a customer record of the shop that says nothing but its id."""
    nothing: Row = dict.fromkeys(
        (
            "full_name", "first_name", "last_name", "email", "phone", "birth_date", "street", "city",
            "postcode", "country_code", "loyalty_card", "loyalty_tier", "national_id", "visitor_id",
            "accepts_email_marketing", "email_consent_at", "accepts_sms_marketing", "sms_consent_at",
        )
    )  # fmt: skip
    return {
        **nothing, "tenant_id": TENANT, "source": "shop", "source_customer_id": customer_id,
        "created_at": "2026-03-01T00:00:00Z", "updated_at": "2026-03-01T00:00:00Z", **values,
    }  # fmt: skip


def mapped(record_id: str, customer_id: str, **values: Any) -> Row:
    """Return the decision that a customer record of the shop belongs to a customer."""
    return {
        "tenant_id": TENANT, "record_source": "shop", "record_type": "customer", "record_id": record_id,
        "customer_id": customer_id, "run_id": "run1", "decided_at": "2026-03-02T00:00:00Z", **values,
    }  # fmt: skip


def run(run_id: str, **values: Any) -> Row:
    """Return a full run of the matcher with nothing open."""
    return {
        "tenant_id": TENANT, "run_id": run_id, "mode": "full", "model_version": "m1", "records": 10,
        "new_records": 10, "customers": 8, "moved_records": 0, "merges": 0, "splits": 0, "open_reviews": 0,
        "labels": 100, "label_precision": "0.99", "label_recall": "0.98", "label_accuracy": "0.97",
        "ran_at": "2026-03-02T00:00:00Z", **values,
    }  # fmt: skip


def hashed(text: str) -> str:
    """Return the SHA-256 of a text as hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def sent_to(email: str) -> str:
    """Return the landing address of a link that was sent to an e-mail."""
    return f"https://shop.example/?em={hashed(email)}"
