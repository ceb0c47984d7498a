"""Customer 360 written a second time, from the definitions alone: plain loops over current rows."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import Any

from tests.oracle.rows import Row

THRESHOLDS = (("platinum", 2000), ("gold", 500), ("silver", 100), ("none", Decimal("-Infinity")))
Key = tuple[str, str]


@dataclass
class Record:
    """A record: its name, whom it belongs to, and what it says."""

    name: tuple[str, str, str]
    tenant_id: str
    customer_id: str
    at: datetime
    row: Row


@dataclass
class Shops:
    """Current rows of the feeds, and the order events as the warehouse tells them."""

    customers: Sequence[Row]
    mapped: Sequence[Row]
    orders: Sequence[Row]
    sales: Sequence[Row]
    clicks: Sequence[Row]
    tokens: Sequence[Row]
    events: Sequence[Row]
    as_of: Mapping[str, date]
    found: dict[str, Any] = field(default_factory=dict)


def records_of(shops: Shops) -> list[Record]:
    """Return every record with its customer."""
    owner = {
        (m["tenant_id"], m["record_source"], m["record_type"], m["record_id"]): m["customer_id"]
        for m in shops.mapped
    }
    found = []
    for row in shops.customers:
        name = (row["source"], "customer", row["source_customer_id"])
        alone = f"{row['source']}:{row['source_customer_id']}"
        customer = owner.get((row["tenant_id"], *name), alone)
        found.append(Record(name, row["tenant_id"], customer, row["updated_at"], row))
    for kind, rows, key, at in (
        ("order", shops.orders, "order_id", "ordered_at"),
        ("sale", shops.sales, "sale_id", "sold_at"),
    ):
        for row in rows:
            name = (row["source"], kind, row[key])
            if (row["tenant_id"], *name) in owner and row["source_customer_id"] is None:
                said = {
                    "full_name": row["customer_name"], "email": row["email"], "phone": row["phone"],
                    "visitor_id": row.get("visitor_id"),
                }  # fmt: skip
                customer = owner[row["tenant_id"], *name]
                found.append(Record(name, row["tenant_id"], customer, row[at], said))
    return found


def hashed(email: str | None) -> str | None:
    """Return the hash by which links name an e-mail."""
    plain = (email or "").strip().lower()
    return hashlib.sha256(plain.encode()).hexdigest() if plain else None


def visitors_of(shops: Shops, records: Iterable[Record]) -> dict[Key, set[str]]:
    """Return the customers whom keys tie to each visitor."""
    ties: dict[Key, set[str]] = defaultdict(set)
    by_hash: dict[Key, set[str]] = defaultdict(set)
    owner = {(r.tenant_id, *r.name): r.customer_id for r in records}
    mapped = {
        (m["tenant_id"], m["record_source"], m["record_type"], m["record_id"]): m["customer_id"]
        for m in shops.mapped
    }
    for record in records:
        if record.row.get("visitor_id"):
            ties[record.tenant_id, record.row["visitor_id"]].add(record.customer_id)
        if digest := hashed(record.row.get("email")):
            by_hash[record.tenant_id, digest].add(record.customer_id)
    for order in shops.orders:
        tenant, source, named = order["tenant_id"], order["source"], order["source_customer_id"]
        customer = owner.get((tenant, source, "order", order["order_id"]))
        if customer is None and named is not None:
            customer = mapped.get((tenant, source, "customer", named), f"{source}:{named}")
        if order["visitor_id"] and customer and not order["is_test"]:
            ties[tenant, order["visitor_id"]].add(customer)
    for click in shops.clicks:
        if click["visitor_id"] and "em=" in (click["landing_url"] or "") and is_human(click):
            digest = click["landing_url"].split("em=")[1]
            ties[click["tenant_id"], click["visitor_id"]] |= by_hash[click["tenant_id"], digest]
    return {visitor: customers for visitor, customers in ties.items() if customers}


def is_human(click: Row) -> bool:
    """Tell whether a person made the click."""
    return not click["is_prefetch"] and "bot" not in (click["user_agent"] or "")


def touches_of(shops: Shops, ties: Mapping[Key, set[str]]) -> tuple[dict[Key, list[Any]], dict[Key, int]]:
    """Return each customer's touches in their order, and the number of clicks."""
    tokens = {(t["tenant_id"], t["token"]): t for t in shops.tokens}
    touches: dict[Key, list[Any]] = defaultdict(list)
    clicks: dict[Key, int] = defaultdict(int)
    for click in shops.clicks:
        owners = ties.get((click["tenant_id"], click["visitor_id"]), set())
        if not is_human(click) or len(owners) != 1:
            continue
        customer = (click["tenant_id"], next(iter(owners)))
        clicks[customer] += 1
        token, at = tokens.get((click["tenant_id"], click["token"])), click["clicked_at"]
        if click["token"] is None:
            channel = "email" if click["utm_medium"] == "email" else "organic"
            touches[customer].append((at, "click", channel, None))
        elif token and token["issued_at"] <= at < min(
            token["expires_at"], token["revoked_at"] or token["expires_at"]
        ):
            touches[customer].append((at, "click", "kol", token["kol_id"]))
    for event in shops.events:
        if event["event_type"] == "completion" and event["customer_id"]:
            kol = event["kol_id"] if event["credit_status"] == "credited" else None
            touch = (event["event_at"], "order", event["channel"], kol)
            touches[event["tenant_id"], event["customer_id"]].append(touch)
    return touches, clicks


def newest(records: Sequence[Record], column: str) -> Any:
    """Return the value of the newest record that has a readable one."""
    said = [r for r in records if r.row.get(column) not in (None, "") and "*" not in str(r.row[column])]
    if not said:
        return None
    latest = max(r.at for r in said)
    return min((r for r in said if r.at == latest), key=lambda r: r.name).row[column]


def consent(records: Sequence[Record], channel: str) -> tuple[bool | None, datetime | None]:
    """Return what the newest statement says, and when it was made; of one instant a no wins."""
    said = [
        (r.row.get(f"{channel}_consent_at") or r.row["updated_at"], r.row[f"accepts_{channel}_marketing"])
        for r in records
        if r.row.get(f"accepts_{channel}_marketing") is not None
    ]
    if not said:
        return None, None
    at = max(said)[0]
    return all(yes for when, yes in said if when == at), at


def border(values: Sequence[Any], share: int) -> Any:
    """Return the smallest value up to which at least ``share`` % of all lie."""
    return sorted(values)[ceil(len(values) * share / 100) - 1]


def score(value: Any, values: Sequence[Any]) -> int:
    """Return the quintile score of a value among all."""
    return 1 + sum(int(value > border(values, share)) for share in (20, 40, 60, 80))


def customer_360(shops: Shops) -> dict[Key, Row]:
    """Return the expected rows by tenant and customer, personal data in clear."""
    records = records_of(shops)
    ties = visitors_of(shops, records)
    touches, clicks = touches_of(shops, ties)
    by_customer: dict[Key, list[Record]] = defaultdict(list)
    for record in records:
        by_customer[record.tenant_id, record.customer_id].append(record)
    events: dict[Key, list[Row]] = defaultdict(list)
    for event in shops.events:
        if event["customer_id"]:
            events[event["tenant_id"], event["customer_id"]].append(event)
    shops.found = {"records": records, "ties": ties}
    rows = {
        key: row_of(shops.as_of[key[0]], by_customer[key], events[key], touches[key])
        | {
            "clicks": clicks[key],
            "visitors": sum(t == key[0] and c == {key[1]} for (t, _), c in ties.items()),
        }
        for key in {*by_customer, *events}
    }
    for (tenant, _), row in rows.items():
        buyers = [other for (t, _), other in rows.items() if t == tenant and other["orders"]]
        for name, column in (
            ("recency", "last_order_date"),
            ("frequency", "orders"),
            ("monetary", "total_spend"),
        ):
            values = [buyer[column] for buyer in buyers]
            row[f"{name}_score"] = score(row[column], values) if row["orders"] else None
    return rows


def row_of(as_of: date, records: Sequence[Record], events: Sequence[Row], touches: Sequence[Any]) -> Row:
    """Return all of a customer's row that does not depend on other customers."""
    done = [event for event in events if event["event_type"] == "completion"]
    days = [event["event_date"] for event in done]

    def spent(rows: Iterable[Row]) -> Decimal:
        return sum((row["reporting_gross_amount"] for row in rows), Decimal(0))

    first = min(touches, key=lambda t: (t[0], t[1], t[2], t[3] or "~"), default=(None,) * 4)
    latest = max((t[:2] for t in touches), default=None)
    last = min(
        (t for t in touches if t[:2] == latest), key=lambda t: (t[2], t[3] or "~"), default=(None,) * 4
    )
    total, orders = spent(events), len(done)
    net = sum((event["reporting_net_amount"] for event in events), Decimal(0))
    year = spent(e for e in events if as_of - timedelta(days=365) < e["event_date"] <= as_of)
    earned = next(tier for tier, threshold in THRESHOLDS if year >= threshold)
    tier = newest(records, "loyalty_tier")
    born = newest(records, "birth_date")
    email, sms = consent(records, "email"), consent(records, "sms")
    names = [Record(r.name, r.tenant_id, r.customer_id, r.at, {"full_name": name_of(r.row)}) for r in records]
    return {
        "full_name": newest(names, "full_name"), "email": newest(records, "email"),
        "phone": newest(records, "phone"), "birth_date": born, "birth_year": born.year if born else None,
        "city": newest(records, "city"), "records": len(records),
        "order_records": sum(r.name[1] == "order" for r in records),
        "sale_records": sum(r.name[1] == "sale" for r in records),
        "sources": ", ".join(sorted({r.name[0] for r in records})) or None,
        "first_touch_at": first[0], "first_touch_type": first[1], "first_touch_channel": first[2],
        "first_touch_kol_id": first[3], "last_touch_at": last[0], "last_touch_type": last[1],
        "last_touch_channel": last[2], "last_touch_kol_id": last[3],
        "first_order_at": min((e["event_at"] for e in done), default=None),
        "last_order_at": max((e["event_at"] for e in done), default=None),
        "last_order_date": max(days, default=None), "orders": orders,
        "online_orders": sum(e["order_type"] == "web" for e in done),
        "online_spend": spent(e for e in events if e["order_type"] == "web"),
        "store_spend": spent(e for e in events if e["order_type"] == "store"),
        "total_spend": total, "net_revenue": net,
        "returned_amount": -spent(e for e in events if e["event_type"] != "completion"),
        "returns": sum(e["event_type"] != "completion" and e["gross_amount"] != 0 for e in events),
        "average_order_value_amount": rounded(net / orders) if orders else None,
        "recency_days": max((as_of - max(days)).days, 0) if days else None,
        "year_spend": year, "loyalty_tier": tier, "loyalty_tier_by_rule": earned,
        "is_tier_mismatch": tier.lower() != earned if tier else None,
        "accepts_email_marketing": email[0], "email_consent_at": email[1],
        "accepts_sms_marketing": sms[0], "sms_consent_at": sms[1],
    }  # fmt: skip


def rounded(amount: Decimal) -> Decimal:
    """Return an amount to four decimals, halves away from zero."""
    return amount.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def name_of(row: Row) -> str | None:
    """Return the whole name, or the parts as one."""
    parts = f"{row.get('first_name') or ''} {row.get('last_name') or ''}".strip()
    whole = row.get("full_name")
    return whole if whole and "*" not in whole else parts or None
