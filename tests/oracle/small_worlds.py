"""Small random worlds: one tenant each, its rows in odd positions, and the news that comes later.

Instants lie on a coarse grid and ids come from small sets, so that borders are hit exactly, evidence
disagrees and keys meet. The same seed gives the same world.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle import made
from tests.oracle.money import minor_digits
from tests.oracle.rows import Row

FIRST_DAY = date(2026, 3, 1)
DAYS = 40
NEWS_DAYS = 5
ZONES = (
    "Asia/Ho_Chi_Minh",
    "America/New_York",
    "Australia/Adelaide",
    "Europe/London",
    "UTC",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
)
CURRENCIES = ("USD", "VND", "AUD")
VERSION_ONE = "2026-03-01T00:00:00Z"
VERSION_TWO = "2026-06-01T00:00:00Z"
VERSION_THREE = "2026-06-02T00:00:00Z"


@dataclass
class SmallWorld:
    """One tenant's rows by feed."""

    seed: int
    tenant_id: str
    rng: random.Random
    feeds: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def tenant(self) -> Row:
        """The tenant's settings."""
        return self.feeds["tenants"][0]

    @property
    def zone(self) -> str:
        """The tenant's zone."""
        return str(self.tenant["time_zone"])

    def add(self, feed: str, row: Row) -> None:
        """Add a row of this tenant."""
        self.feeds.setdefault(feed, []).append({**row, "tenant_id": self.tenant_id})

    def some(self, *values: Any) -> Any:
        """Return one of the values."""
        return self.rng.choice(values)

    def happens(self, share: float) -> bool:
        """Tell whether something happens that does so in ``share`` of the cases."""
        return self.rng.random() < share

    def moment(self, days: tuple[float, float] = (0, DAYS)) -> str:
        """Return an instant on a grid of six hours, sometimes beside it or at the edge of a day."""
        start = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
        at = start + timedelta(hours=6 * self.rng.randrange(int(days[0] * 4), int(days[1] * 4)))
        return iso(at + timedelta(seconds=self.some(0, 0, 0, 0, 1, -1, 1800, 4 * 3600 + 59 * 60)))

    def day(self) -> str:
        """Return a day of the world."""
        return (FIRST_DAY + timedelta(days=self.rng.randrange(DAYS))).isoformat()

    def amount(self, currency: str, most: int = 300) -> str:
        """Return an amount in the currency's minor units."""
        if minor_digits(currency) == 0:
            return str(self.rng.randrange(1, most) * self.some(1, 7, 1000))
        return str(Decimal(self.rng.randrange(1, most * 100)).scaleb(-2))


def small_world(seed: int, prefix: str = "w") -> SmallWorld:
    """Return the world of a seed: tenant ``<prefix><seed>``."""
    world = SmallWorld(seed, f"{prefix}{seed:04d}", random.Random(seed))
    some = world.some
    world.add(
        "tenants",
        made.tenant(
            time_zone=some(*ZONES),
            reporting_currency=some(*CURRENCIES),
            vat_rate=some("0.10", "0.20", "0", "0.0825"),
            gross_margin=some("0.40", "0.3333", "1"),
            attribution_window_hours=some(6, 24, 72),
            churn_window_days=some(1, 7, 10, 30),
        ),
    )
    add_rates(world)
    add_kols(world)
    add_clicks(world, "k", world.rng.randrange(24))
    add_orders(world, "o", world.rng.randrange(1, 16))
    add_sales(world, "s", world.rng.randrange(4))
    for number in range(world.rng.randrange(6)):
        add_spend(world, number)
    decide(world, world, VERSION_ONE)
    return world


def iso(moment: datetime) -> str:
    """Return ISO text in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def shifted(moment: str, **by: float) -> str:
    """Return an instant moved by a timedelta's arguments."""
    return iso(datetime.fromisoformat(moment) + timedelta(**by))


def add_rates(world: SmallWorld) -> None:
    """Publish rates with gaps of up to seven days, and in a few worlds of eight."""
    most = 9 if world.happens(0.15) else 7
    for currency in CURRENCIES:
        if currency == world.tenant["reporting_currency"]:
            continue
        day = -world.rng.randrange(8, 11)
        while day < DAYS + NEWS_DAYS:
            value = world.some("0.00003951", "0.6543", "1.1", "25317.5", "0.333333333333")
            rate_day = (FIRST_DAY + timedelta(days=day)).isoformat()
            world.add("fx_rates", made.rate(rate_day, value, currency, world.tenant["reporting_currency"]))
            day += world.some(1, 3, most)


def add_kols(world: SmallWorld) -> None:
    """Hire one to three KOLs with contracts that overlap, coupons that collide, and tokens that expire."""
    some = world.some
    kols = ["ana", "bo", "cy"][: world.rng.randrange(1, 4)]
    for kol_id in kols:
        world.add("kols", made.kol(kol_id, attribution_window_hours=some(None, None, 6, 12, 48)))
    for number in range(world.rng.randrange(5)):
        world.add("kol_contracts", made.contract(f"c{number}", some(*kols, "gone"), **contract_terms(world)))
    for number in range(world.rng.randrange(1, 5)):
        issued = world.moment((0, 20))
        world.add(
            "tracking_tokens",
            made.token(
                f"t{number}",
                some(*kols, *kols, "gone"),
                campaign_id=some("spring", "summer", None),
                issued_at=issued,
                expires_at=shifted(issued, hours=some(48, 240, 900)),
                revoked_at=some(None, None, shifted(issued, hours=some(12, 60, 120))),
            ),
        )


def contract_terms(world: SmallWorld) -> Row:
    """Return odd terms of a contract."""
    some = world.some
    currency = some("USD", "USD", world.tenant["reporting_currency"], "VND")
    starts_on = FIRST_DAY + timedelta(days=world.rng.randrange(-5, 30))
    return {
        "campaign_id": some("spring", "summer", None),
        "starts_on": starts_on.isoformat(),
        "ends_on": (starts_on + timedelta(days=some(0, 2, 6, 30, 60))).isoformat(),
        "currency": currency,
        "fixed_fee": some("0", world.amount(currency)),
        "platform_fee": some("0", world.amount(currency, 9)),
        "goods_cost": some("0", world.amount(currency, 50)),
        "commission_rate": some("0", "0.1", "0.0775", "0.5"),
        "coupon_code": some(None, "ANA10", " Ana10", "BO5"),
    }


def add_clicks(world: SmallWorld, prefix: str, count: int) -> None:
    """Click on tokens known and unknown, valid and not, by visitors, bots and prefetchers."""
    some = world.some
    tokens = world.feeds["tracking_tokens"]
    for number in range(count):
        token = world.rng.choice(tokens)
        hours = some(0, 0.5, 6, 12, 24, 47, 48, 60, 240)
        is_on_token = world.happens(0.7)
        clicked_at = shifted(token["issued_at"], hours=hours) if is_on_token else world.moment()
        world.add(
            "clicks",
            made.click(
                f"{prefix}{number}",
                clicked_at,
                token=token["token"] if is_on_token else some(None, "st1.k1.altered"),
                visitor_id=some(None, "v1", "v2"),
                utm_source=some(None, "google", "tiktok", "newsletter"),
                utm_medium=some(None, "cpc", "email", "social"),
                utm_campaign=some(None, "spring", "c1"),
                user_agent=some(None, *["Mozilla/5.0 (X11) Firefox/140.0"] * 4, "Googlebot/2.1"),
                is_prefetch=world.happens(0.05),
            ),
        )


def add_orders(world: SmallWorld, prefix: str, count: int) -> None:
    """Place orders shortly after clicks, with evidence that may disagree, and refund some."""
    for number in range(count):
        order_id = f"{prefix}{number}"
        row = order_row(world, order_id)
        world.add("orders", row)
        if row["payment_method"] == "cod":
            for remittance in range(world.rng.randrange(3)):
                world.add(
                    "remittances",
                    made.remittance(
                        order_id,
                        shifted(row["ordered_at"], hours=world.some(0, 24, 50)),
                        remittance_id=f"r{remittance}",
                        remittance_type=world.some("cod", "cod", "marketplace"),
                    ),
                )
        for refund in range(world.some(0, 0, 0, 1, 2, 3)):
            add_refund(world, f"{order_id}-{refund}", row)
    for number in range(world.some(0, 0, 1)):
        add_refund(world, f"{prefix}u{number}", None)


def order_row(world: SmallWorld, order_id: str) -> Row:
    """Return an order in any state."""
    some, happens = world.some, world.happens
    clicks = world.feeds.get("clicks", [])
    click = world.rng.choice(clicks) if clicks and happens(0.85) else made.click("none", world.moment())
    steps = (0, 0, 1, 5, 6, 12, 24, 48, 72)
    ordered_at = shifted(click["clicked_at"], hours=some(*steps), seconds=some(0, 0, 1))
    currency = some("USD", "VND", "AUD", world.tenant["reporting_currency"])
    gross = "0" if happens(0.05) else world.amount(currency)
    paid_at = None if happens(0.1) else shifted(ordered_at, hours=some(0, 0, 1, 30))
    cancelled_at = shifted(ordered_at, hours=some(0, 1, 29, 30, 60, 200)) if happens(0.2) else None
    return made.order(
        order_id,
        ordered_at,
        gross,
        currency=currency,
        source=some("shop", "shop", "market"),
        source_customer_id=some(None, "1", "1", "2", "3"),
        token=some(None, None, "st1.k1.altered", *[click["token"]] * 4),
        click_id=some(None, None, click["click_id"], "k0", "k1", "k99"),
        visitor_id=some(None, None, click["visitor_id"], "v1"),
        coupon_code=some(None, None, "ana10 ", "BO5", "OLD"),
        source_kol_ref=some(*[None] * 8, "@ANA", "@nobody"),
        payment_method=some("card", "card", "cod", "marketplace"),
        vat_amount=some(None, None, "0", gross),
        is_test=happens(0.05),
        paid_at=paid_at,
        cancelled_at=cancelled_at,
        status="cancelled" if cancelled_at else ("paid" if paid_at else "pending"),
        updated_at=VERSION_ONE,
    )


def add_refund(world: SmallWorld, refund_id: str, order: Row | None) -> None:
    """Refund part of an order, all of it, or more; or something that nobody ordered."""
    some = world.some
    if order is None:
        currency, amount, at = some(*CURRENCIES), "1", world.moment()
        order_id, source = some(None, "unheard of"), "shop"
    else:
        currency, at = order["currency"], shifted(order["ordered_at"], hours=some(0, 2, 31, 100, 300))
        share = Decimal(some("1", "0.3333", "0.5", "1.2"))
        digits = minor_digits(currency)
        exact = (Decimal(order["gross_amount"]) * share).quantize(Decimal(1).scaleb(-digits))
        amount = str(max(exact, Decimal(1).scaleb(-digits)))
        order_id, source = order["order_id"], order["source"]
        if world.happens(0.05):
            currency, amount = some(*CURRENCIES), "2"
    world.add(
        "refunds",
        made.refund(
            refund_id,
            order_id,
            at,
            amount,
            source=source,
            currency=currency,
            status=some("succeeded", "succeeded", "succeeded", "pending", "failed"),
            updated_at=VERSION_ONE,
        ),
    )


def add_sales(world: SmallWorld, prefix: str, count: int) -> None:
    """Sell in a store and take some of it back."""
    some = world.some
    for number in range(count):
        currency, at = some("USD", world.tenant["reporting_currency"]), world.moment()
        row = made.sale(
            f"{prefix}{number}",
            at,
            some("0", world.amount(currency), world.amount(currency)),
            currency=currency,
            source=some("till", "shop"),
            source_customer_id=some(None, "1", "4"),
            status=some("completed", "completed", "voided", "open"),
            updated_at=VERSION_ONE,
        )
        world.add("pos_sales", row)
        if world.happens(0.5):
            returned = made.sale(
                f"{prefix}{number}-r",
                shifted(at, hours=some(0, 30, 400)),
                row["gross_amount"],
                currency=currency,
                source=row["source"],
                sale_type="return",
                original_sale_id=some(None, row["sale_id"], row["sale_id"], "unheard of"),
                status=some("completed", "completed", "voided"),
                updated_at=VERSION_ONE,
            )
            world.add("pos_sales", returned)


def add_spend(world: SmallWorld, number: int) -> None:
    """Spend on an ad platform."""
    some = world.some
    world.add(
        "ad_spend",
        made.spend(
            world.day(),
            some("0", "1.234567", "0.005", "99.995"),
            platform=some("google_ads", "meta_ads", "other"),
            ad_id=f"ad{number}",
            campaign_id=some("c1", "spring"),
            currency=some("USD", world.tenant["reporting_currency"]),
            account_time_zone=some(world.zone, "UTC"),
            impressions=some(0, 3, 1000),
            clicks=some(0, 0, 7),
        ),
    )


def news(world: SmallWorld) -> SmallWorld:
    """Return what comes later: new rows, changed and deleted ones, restated ad days; late ones among them."""
    later = SmallWorld(world.seed, world.tenant_id, world.rng, {"tenants": [world.tenant]})
    later.feeds["tracking_tokens"] = world.feeds["tracking_tokens"]
    later.feeds["clicks"] = list(world.feeds.get("clicks", []))
    old_clicks = len(later.feeds["clicks"])
    add_clicks(later, "n", world.rng.randrange(4))
    add_orders(later, "p", world.rng.randrange(4))
    add_sales(later, "q", world.rng.randrange(2))
    later.feeds["clicks"] = later.feeds["clicks"][old_clicks:]
    later.feeds["tracking_tokens"] = []
    for feed, change in CHANGES.items():
        for row in world.feeds.get(feed, []):
            if world.happens(0.2):
                later.add(feed, {**row, "updated_at": VERSION_TWO, **change(world, row)})
    for row in world.feeds.get("ad_spend", []):
        if world.happens(0.3):
            later.add("ad_spend", {**row, "spend": world.some("2.5", row["spend"]), "clicks": 1})
    decide(world, later, VERSION_TWO)
    later.feeds = {feed: rows for feed, rows in later.feeds.items() if rows}
    return later


def new_map(world: SmallWorld, later: SmallWorld) -> SmallWorld:
    """Return other decisions about who is who, and nothing else, after the world and its news."""
    other = SmallWorld(world.seed, world.tenant_id, world.rng, {"tenants": [world.tenant]})
    known = SmallWorld(world.seed, world.tenant_id, world.rng)
    known.feeds = {feed: world.feeds.get(feed, []) + later.feeds.get(feed, []) for feed in RECORD_FEEDS}
    decide(known, other, VERSION_THREE)
    return other


RECORD_FEEDS = ("orders", "pos_sales", "customer_map")


def decide(known: SmallWorld, later: SmallWorld, version: str) -> None:
    """Put records of two worlds together as customers, and what was together apart again.

    A customer is named by one of its records, and that record is always one of its own.
    """
    rng = random.Random(f"{known.seed} {version}")
    rows = {
        feed: known.feeds.get(feed, []) + (later.feeds.get(feed, []) if later is not known else [])
        for feed in RECORD_FEEDS
    }
    records = {
        (row["source"], "customer", row["source_customer_id"])
        for feed in ("orders", "pos_sales")
        for row in rows[feed]
        if row["source_customer_id"]
    }
    records |= {(row["source"], "order", row["order_id"]) for row in rows["orders"]}
    records |= {(row["source"], "sale", row["sale_id"]) for row in rows["pos_sales"]}
    before = {
        (row["record_source"], row["record_type"], row["record_id"])
        for row in rows["customer_map"]
        if not row.get("_deleted")
    }
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for record in sorted(records):
        groups.setdefault(rng.choice(("", "", "a", "b", "c")), []).append(record)
    for label, members in groups.items():
        name = record_name(*rng.choice(members))
        for record in members:
            own = record_name(*record)
            if label:
                decision: Row = {"customer_id": name}
            elif record in before:
                decision = rng.choice(({"customer_id": own}, {"customer_id": own, "_deleted": True}))
            else:
                continue
            source, kind, record_id = record
            row = made.mapped(record_id, "", version, record_source=source, record_type=kind)
            later.add("customer_map", {**row, **decision})


def record_name(source: str, record_type: str, record_id: str) -> str:
    """Return the name under which a record is a customer by itself."""
    return f"{source}:{record_id}" if record_type == "customer" else f"{source}:{record_type}:{record_id}"


def changed_order(world: SmallWorld, row: Row) -> Row:
    """Change an order: deleted, paid, cancelled, given to another customer, day, token or amount."""
    change: Row = world.some(
        {"_deleted": True},
        {"paid_at": shifted(row["ordered_at"], hours=30)},
        {"cancelled_at": shifted(row["ordered_at"], hours=60), "status": "cancelled"},
        {"source_customer_id": world.some(None, "1", "2")},
        {"ordered_at": (at := shifted(row["ordered_at"], days=-1)), "paid_at": at},
        {"token": None, "click_id": None},
        {"gross_amount": "77", "vat_amount": None},
        {"currency": world.tenant["reporting_currency"], "gross_amount": "78", "vat_amount": None},
    )
    return change


def changed_contract(world: SmallWorld, row: Row) -> Row:
    """Change a contract: gone, backdated, other terms."""
    change: Row = world.some({"_deleted": True}, contract_terms(world), {"commission_rate": "0.25"})
    return change


CHANGES: dict[str, Any] = {
    "orders": changed_order,
    "kol_contracts": changed_contract,
    "refunds": lambda world, row: world.some(
        {"_deleted": True},
        {"status": "succeeded"},
        {"refunded_at": shifted(row["refunded_at"], days=2)},
        {"order_id": None},
    ),
    "remittances": lambda world, row: {"collected_at": shifted(row["collected_at"], days=-1)},
    "pos_sales": lambda world, row: world.some(
        {"_deleted": True}, {"status": "voided"}, {"sold_at": shifted(row["sold_at"], days=1)}
    ),
    "tracking_tokens": lambda world, row: world.some(
        {"revoked_at": row["issued_at"]}, {"kol_id": "bo"}, {"campaign_id": "autumn"}, {"_deleted": True}
    ),
    "kols": lambda world, row: world.some({"attribution_window_hours": 96}, {"handle": "@nobody"}),
    "fx_rates": lambda world, row: {"rate": "0.5"},
}
"""Feed -> how a row of it changes later; the newer version wins."""
