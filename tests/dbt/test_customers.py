"""Customers in every order of arrival: incremental equals a full refresh equals the definitions."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from include.settings import Settings
from include.transform import build
from include.warehouse import Warehouse, connect, fingerprint
from tests.dbt import people, scenario
from tests.dbt.customer_oracle import Shops, customer_360
from tests.oracle import made
from tests.oracle.rows import Row

DAYS = [date(2026, 3, 1) + timedelta(days=4 * number) for number in range(4)]
TABLES = (
    "int_customers__records", "int_visitors__visits", "int_visitors__orders", "int_visitors__ties",
)  # fmt: skip
MARTS = ("customer_360", "customer_figures", "customer_contacts", "rfm_quintiles", "identity_quality")
OLDEST = ("shop:c1", "till:c3", "crm:c5")
KEYS = {
    "customers": ("source", "source_customer_id"),
    "customer_map": ("record_source", "record_type", "record_id"),
    "orders": ("source", "order_id"),
    "pos_sales": ("source", "sale_id"),
    "clicks": ("click_id",),
    "tracking_tokens": ("token_id",),
}
Batch = dict[str, list[Row]]


class Life:
    """Shops that live for some days: records come, change, move and go; each batch is what a day tells."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.number = 0
        self.standing: dict[str, dict[Any, Row]] = {feed: {} for feed in KEYS}

    def batches(self) -> list[Batch]:
        days = [self.day(start) for start in DAYS]
        days[0]["tenants"] = [made.tenant(), made.tenant(scenario.KOLKATA, time_zone="Asia/Kolkata")]
        days[0]["kols"] = [made.kol("ana")]
        return days

    def some(self, *values: Any, none: float = 0.4) -> Any:
        return None if self.rng.random() < none else self.rng.choice(values)

    def at(self, start: date) -> str:
        return f"{start + timedelta(days=self.rng.randrange(4))}T{self.rng.randrange(24):02}:30:00Z"

    def next(self) -> int:
        self.number += 1
        return self.number

    def person(self) -> Row:
        return {
            "email": self.some(*(f" P{n}@X.example" for n in range(6))),
            "phone": self.some("0901234567", "12**5", "55"),
        }

    def visitor(self) -> Any:
        return self.some(*(f"v{n}" for n in range(90)), none=0.3)

    def day(self, start: date) -> Batch:
        """Return what one interval of four days tells."""
        batch: Batch = {feed: [] for feed in KEYS}
        self.add_tokens(batch, start)
        self.add_sales(batch, start)
        for _ in range(8):
            source = self.rng.choice(["shop", "till", "crm"])
            self.put(batch, "customers", self.customer(start, source, f"c{self.rng.randrange(14)}"))
        for _ in range(40):
            self.put(batch, "clicks", self.click(start))
        self.change(batch, start)
        self.add_map(batch, start)
        run = people.run(
            f"run{start}", ran_at=f"{start}T22:00:00Z", open_reviews=start.day % 3, label_accuracy="0.92"
        )
        batch["identity_runs"] = [run]
        return {feed: rows for feed, rows in batch.items() if rows}

    def add_tokens(self, batch: Batch, start: date) -> None:
        first, last = f"{start}T00:00:00Z", f"{start + timedelta(days=6)}T00:00:00Z"
        token = made.token(f"t{start:%d}", "ana", issued_at=first, expires_at=last, updated_at=first)
        self.put(batch, "tracking_tokens", token)
        for old in self.pick("tracking_tokens", 1):
            revoked = dict.fromkeys(("revoked_at", "updated_at"), f"{start}T12:00:00Z")
            self.put(batch, "tracking_tokens", {**old, **revoked})

    def add_sales(self, batch: Batch, start: date) -> None:
        for number in range(12):
            order = made.order(
                f"o{self.next()}",
                self.at(start),
                f"{self.rng.randrange(1, 400)}.00",
                visitor_id=self.visitor(),
                source_customer_id=self.some(*(f"c{n}" for n in range(9))),
                customer_name=self.some("An", "B** C"),
                token=self.some(f"st1.k1.t{start:%d}"),
                is_test=self.rng.random() < 0.1,
                **self.person(),
            )
            self.put(batch, "orders", order)
            if number % 4 == 0:
                name, at = order["order_id"], f"{start + timedelta(days=3)}T22:00:00Z"
                batch.setdefault("refunds", []).append(made.refund(f"r{name}", name, at, "0.50"))
        for named in (None, None, self.some("c1", "c2")):
            sale = made.sale(f"s{self.next()}", self.at(start), source_customer_id=named, **self.person())
            self.put(batch, "pos_sales", sale)

    def change(self, batch: Batch, start: date) -> None:
        for old in self.pick("orders", 3):
            changed = {
                "visitor_id": self.visitor(),
                "source_customer_id": self.some("c1", "c2"),
                "updated_at": f"{start}T23:00:00Z",
                "_deleted": self.rng.random() < 0.3,
            }
            self.put(batch, "orders", {**old, **changed})
        for old in self.pick("customers", 1):
            gone = {"_deleted": True, "updated_at": f"{start + timedelta(days=3)}T23:00:00Z"}
            self.put(batch, "customers", {**old, **gone})

    def add_map(self, batch: Batch, start: date) -> None:
        last = start + timedelta(days=3)
        for kind, feed, key in (
            ("customer", "customers", "source_customer_id"),
            ("order", "orders", "order_id"),
            ("sale", "pos_sales", "sale_id"),
        ):
            free = [
                row for row in self.alive(feed) if kind == "customer" or row["source_customer_id"] is None
            ]
            for row in self.rng.sample(free, min(4, len(free))):
                own = (
                    f"{row['source']}:{row[key]}"
                    if kind == "customer"
                    else f"{row['source']}:{kind}:{row[key]}"
                )
                if own in OLDEST:
                    continue  # the record that names a customer is that customer's
                decided = people.mapped(
                    row[key],
                    self.rng.choice([*OLDEST, own]),
                    record_source=row["source"],
                    record_type=kind,
                    decided_at=f"{last}T20:00:00Z",
                )
                self.put(batch, "customer_map", decided)
        for old in self.pick("customer_map", 1):
            gone = {"_deleted": True, "decided_at": f"{last}T21:00:00Z"}
            self.put(batch, "customer_map", {**old, **gone})

    def customer(self, start: date, source: str, name: str) -> Row:
        said = {
            "full_name": self.some("Nguyễn An", "T*** B", "Bình"),
            "first_name": self.some("An"),
            "city": self.some("Huế", "Đà Nẵng"),
            "loyalty_tier": self.some("Silver", "gold"),
            "visitor_id": self.visitor(),
            "birth_date": self.some("1990-01-31", "1985-12-01"),
            "accepts_email_marketing": self.some(True, False),
            "email_consent_at": self.some(f"{start}T01:00:00Z", "2026-03-03T01:00:00Z"),
            "accepts_sms_marketing": self.some(True, False, none=0.7),
        }
        return people.customer(name, source=source, updated_at=self.at(start), **said, **self.person())

    def click(self, start: date) -> Row:
        mailed = self.rng.random() < 0.15
        link = people.sent_to(f"p{self.rng.randrange(6)}@x.example") if mailed else "https://shop.example/"
        return made.click(
            f"k{self.next()}",
            self.at(start),
            self.some(f"t{start:%d}", "unknown", none=0.5),
            visitor_id=self.visitor(),
            landing_url=link,
            utm_medium=self.some("email"),
            user_agent=self.some("Firefox", "Firefox", "bingbot"),
            is_prefetch=self.rng.random() < 0.05,
        )

    def alive(self, feed: str) -> list[Row]:
        return [row for row in self.standing[feed].values() if not row.get("_deleted")]

    def pick(self, feed: str, number: int) -> list[Row]:
        rows = self.alive(feed)
        return self.rng.sample(rows, min(number, len(rows)))

    def put(self, batch: Batch, feed: str, row: Row) -> None:
        """Tell a row once per key and day, and never an older version after a newer one."""
        key = (row["tenant_id"], *(row[name] for name in KEYS[feed]))
        version = "decided_at" if feed == "customer_map" else "updated_at"
        before = self.standing[feed].get(key)
        told = any(key == (r["tenant_id"], *(r[n] for n in KEYS[feed])) for r in batch[feed])
        if told or (before and before.get(version, "") >= row.get(version, "~")):
            return
        self.standing[feed][key] = row
        batch[feed].append(row)


def live(settings: Settings, batches: list[tuple[date, Batch]]) -> None:
    """Load the batches one by one and build customer_360 after each, everything at the end."""
    for start, batch in batches:
        scenario.load(settings, batch, start, start + timedelta(days=4))
        build(settings, with_tests=False, select=["+customer_360"])
    build(settings, with_tests=False)


def content(warehouse: Warehouse) -> dict[str, Any]:
    """Return the fingerprints of all that is told of customers."""
    between = fingerprint(warehouse, "intermediate", views=False)
    marts = fingerprint(warehouse, "marts")
    return {name: between[name] for name in TABLES} | {name: marts[name] for name in MARTS}


def current(warehouse: Warehouse, feed: str) -> list[Row]:
    kept = "" if feed == "clicks" else " where not _deleted"
    return list(warehouse.query(f"select * from raw.{feed}{kept}").to_pylist())


def expected(warehouse: Warehouse) -> dict[Any, Row]:
    """Compute customer_360 from the current rows of the feeds."""
    events = warehouse.query("select * from intermediate.int_orders__events").to_pylist()
    as_of = dict(warehouse.rows("select tenant_id, as_of_date from intermediate.int_tenants__settings"))
    feeds = [current(warehouse, feed) for feed in KEYS]
    customers, mapped, orders, sales, clicks, tokens = feeds
    return customer_360(Shops(customers, mapped, orders, sales, clicks, tokens, events, as_of))


def differences(warehouse: Warehouse) -> list[str]:
    """Name every cell of customer_360 that is not as the definitions say."""
    found = {
        (row["tenant_id"], row["customer_id"]): row
        for row in warehouse.query("select * from marts.customer_360").to_pylist()
    }
    wanted = expected(warehouse)
    wrong = [f"{key}: only on one side" for key in set(found) ^ set(wanted)]
    for key in set(found) & set(wanted):
        for column, value in wanted[key].items():
            told = found[key][column]
            if told != (value.strip() if isinstance(value, str) else value):
                wrong.append(f"{key} {column}: {told!r}, not {value!r}")
    return wrong


@pytest.fixture(scope="module")
def lived(warehouse_settings: Settings) -> Iterator[tuple[Settings, list[Batch]]]:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    settings = scenario.in_own_database(warehouse_settings, "dbt_customers")
    batches = Life(seed).batches()
    live(settings, list(zip(DAYS, batches, strict=True)))
    yield settings, batches


@pytest.mark.slow
def test_day_by_day_is_what_the_definitions_say(lived: tuple[Settings, list[Batch]]) -> None:
    with connect("admin", lived[0]) as warehouse:
        wanted = expected(warehouse)
        assert len(wanted) > 15
        for column in ("visitors", "order_records", "sale_records", "first_touch_kol_id", "is_tier_mismatch"):
            assert any(row[column] for row in wanted.values()), column
        assert differences(warehouse) == []


@pytest.mark.slow
def test_a_full_refresh_tells_the_same(lived: tuple[Settings, list[Batch]]) -> None:
    settings, _ = lived
    with connect("admin", settings) as warehouse:
        before = content(warehouse)
        build(settings, full_refresh=True)
        assert content(warehouse) == before


@pytest.mark.slow
def test_the_order_of_the_days_does_not_matter(
    lived: tuple[Settings, list[Batch]], warehouse_settings: Settings
) -> None:
    settings, batches = lived
    other = scenario.in_own_database(warehouse_settings, "dbt_customers_reversed")
    live(other, list(zip(DAYS, batches, strict=True))[::-1])
    with connect("admin", settings) as first, connect("admin", other) as second:
        assert content(second) == content(first)
        assert differences(second) == []


@pytest.mark.slow
def test_a_year_moves_with_the_as_of_day(warehouse_settings: Settings) -> None:
    settings = scenario.in_own_database(warehouse_settings, "dbt_year")
    scenario.load(settings, scenario.feeds())
    told = {}
    # shop:7 completed o1 on 2026-03-02 and o3 on 2026-03-10, and o1 was given back whole by 2026-03-06
    days = ("2026-03-02", "2026-03-05", "2026-04-10", "2027-03-01", "2027-03-02", "2027-03-10", "2026-03-02")
    for as_of in days:
        build(settings, with_tests=False, select=["+customer_360"], as_of=as_of)
        with connect("admin", settings) as warehouse:
            told[as_of] = warehouse.rows(
                "select year_spend, recency_days, loyalty_tier_by_rule from marts.customer_360 "
                "where tenant_id = 'acme' and customer_id = 'shop:7'"
            )[0]
            fresh = "select year_spend from intermediate.int_customers__spend where customer_id = 'shop:7'"
            assert told[as_of][0] == warehouse.value(fresh)
    assert told == {
        "2026-03-02": (110, 0, "silver"),
        "2026-03-05": (55, 0, "none"),
        "2026-04-10": (20, 31, "none"),
        "2027-03-01": (20, 356, "none"),
        "2027-03-02": (-90, 357, "none"),
        "2027-03-10": (0, 365, "none"),
    }
