"""Who brought an order: the simulator decides, and then forges the evidence that a shop would see."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.demo.world.clicks import (
    BOT,
    EMAIL,
    GOOGLE,
    KOL,
    META,
    ORGANIC,
    PREFETCH,
    REFUSED,
    TIKTOK,
    VALID,
    ClickLog,
    Links,
    click_ids,
    deals_of_days,
)
from include.demo.world.clock import DAY
from include.demo.world.kols import POST_LIFETIME, Cast
from include.demo.world.people import note_visitors, visitor_ids, visitors
from include.demo.world.scene import Scene
from include.demo.world.tables import Bools, Ints, Texts, nulled, picked

ONCE = 1 << 41
"""Browsers from this number on are seen for one order only."""

STORIES: dict[str, tuple[float, str | None, str | None]] = {
    # story: (share of orders on own shops, evidence that credits, reason where none does)
    "organic": (0.270, None, "no_evidence"),
    "organic_click": (0.100, None, "click_without_token"),
    "ad_click": (0.170, None, "click_without_token"),
    "token": (0.170, "token", None),
    "token_any_browser": (0.040, "token", None),
    "click": (0.080, "click", None),
    "coupon": (0.070, "coupon", None),
    "token_against_click": (0.012, "token", None),
    "click_against_coupon": (0.010, "click", None),
    "altered_token_then_coupon": (0.008, "coupon", None),
    "stale_token_then_click": (0.008, "click", None),
    "altered_token": (0.006, None, "token_unknown"),
    "foreign_token": (0.004, None, "token_unknown"),
    "token_without_click": (0.006, None, "no_click_in_window"),
    "token_of_other_browser": (0.004, None, "no_click_in_window"),
    "token_expired": (0.006, None, "token_not_valid_at_click"),
    "token_revoked": (0.004, None, "token_not_valid_at_click"),
    "token_by_bot": (0.003, None, None),
    "token_by_prefetch": (0.003, None, None),
    "token_before_window": (0.006, None, "no_click_in_window"),
    "token_after_order": (0.004, None, "no_click_in_window"),
    "click_unknown": (0.004, None, "click_unknown"),
    "click_by_bot": (0.003, None, "click_not_valid"),
    "click_before_window": (0.004, None, "click_outside_window"),
    "coupon_unknown": (0.003, None, "coupon_unknown"),
    "coupon_too_late": (0.002, None, "coupon_not_in_force"),
    "source": (0.0, "source", None),
    "source_and_coupon": (0.0, "source", None),
    "source_unknown": (0.0, None, "source_kol_unknown"),
}
NAMES = tuple(STORIES)
INDEX = {name: number for number, name in enumerate(NAMES)}
MARKETPLACE = {
    "source": 0.38,
    "source_and_coupon": 0.03,
    "source_unknown": 0.03,
    "coupon": 0.04,
    "organic": 0.52,
}
EVIDENCE = ("token", "click", "coupon", "source")


@dataclass(frozen=True)
class Evidence:
    """What orders carry, and the truth behind it: one element per order."""

    story: Ints
    kol: Ints
    """KOL who brought the order, -1 for none."""
    by: Ints
    """Index into ``EVIDENCE``, -1 for none."""
    contract: Ints
    campaign: Ints
    """Link whose campaign the order belongs to, -1 for none."""
    rate_bp: Ints
    disputed: Bools
    token: pa.Array
    click_id: pa.Array
    visitor_id: pa.Array
    coupon: pa.Array
    source_kol_ref: pa.Array


def bring(
    rng: np.random.Generator,
    scene: Scene,
    cast: Cast,
    *,
    person: Ints,
    marketplace: Bools,
    ordered_at: Ints,
    log: ClickLog,
) -> Evidence:
    """Decide who brought each order and forge its evidence.

    Args:
        rng: source of chance.
        scene: whose orders they are.
        cast: its KOLs.
        person: person of each order.
        marketplace: whether it was placed at a marketplace that names the KOL itself.
        ordered_at: instants, ascending.
        log: where the clicks go.
    """
    forger = _Forger(rng, scene, cast, person=person, marketplace=marketplace, ordered_at=ordered_at, log=log)
    evidence = forger.evidence()
    once = np.flatnonzero(forger.visitor >= ONCE)
    note_visitors(scene, forger.visitor[once], person[once])
    return evidence


class _Forger:
    """The state of one tenant's forging."""

    def __init__(
        self,
        rng: np.random.Generator,
        scene: Scene,
        cast: Cast,
        *,
        person: Ints,
        marketplace: Bools,
        ordered_at: Ints,
        log: ClickLog,
    ) -> None:
        self.rng, self.cast, self.log = rng, cast, log
        self.tenant, self.calendar = scene.tenant, scene.calendar
        self.person, self.at, self.rows = person, ordered_at, len(person)
        self.day = self.calendar.day_of(ordered_at)
        self.links = Links(cast)
        self.deal_link = np.array([deal.link for deal in cast.deals])
        self.deal_kol = np.array([deal.kol for deal in cast.deals])
        self.deal_contract = np.array([deal.contract for deal in cast.deals])
        self.deal_coupon = np.array([deal.coupon is not None for deal in cast.deals])
        self.deal = deals_of_days(rng, cast, self.day)
        self.rival = deals_of_days(rng, cast, self.day)
        self.story = self._stories(marketplace)
        self.token = np.full(self.rows, -1)
        self.click = np.full(self.rows, -1)
        self.visitor = np.where(
            rng.random(self.rows) < 0.9, visitors(person, rng.integers(0, 2, self.rows)), -1
        )
        self.coupon: Texts = np.full(self.rows, None, dtype=object)
        self.ref: Texts = np.full(self.rows, None, dtype=object)

    def _stories(self, marketplace: Bools) -> Ints:
        """A story per order; those that today's deals or tokens do not allow become simpler ones."""
        shares = np.array([STORIES[name][0] for name in NAMES])
        story = self.rng.choice(len(NAMES), self.rows, p=shares / shares.sum())
        names = [INDEX[name] for name in MARKETPLACE]
        story[marketplace] = self.rng.choice(names, int(marketplace.sum()), p=list(MARKETPLACE.values()))
        no_coupon = ~self.deal_coupon[self.deal]
        swap = {"coupon": "token", "altered_token_then_coupon": "altered_token"}
        for name, other in swap.items():
            story[(story == INDEX[name]) & no_coupon] = INDEX[other]
        story[marketplace & (story == INDEX["token"])] = INDEX["organic"]
        no_rival = ~self.deal_coupon[self.rival]
        story[(story == INDEX["click_against_coupon"]) & no_rival] = INDEX["click"]
        story[(story == INDEX["source_and_coupon"]) & no_rival] = INDEX["source"]

        link = self.deal_link[self.deal]
        window = self.cast.windows[self.deal_kol[self.deal]]
        early = self.at - window - 1 < self.links.base[link]
        for name in ("token_before_window", "click_before_window"):
            story[(story == INDEX[name]) & early] = INDEX["altered_token"]
        story[(story == INDEX["token_after_order"]) & (self.at + 1 >= self.calendar.ends)] = INDEX[
            "altered_token"
        ]
        for name, whose in (("token_expired", self.deal), ("stale_token_then_click", self.rival)):
            first_end = self.links.base[self.deal_link[whose]] + POST_LIFETIME
            story[(story == INDEX[name]) & (self.at <= first_end)] = INDEX["altered_token"]
        self.pulled = np.flatnonzero(self.links.revoked != np.iinfo(np.int64).max)
        gone = self.links.revoked[self.pulled]
        earliest = gone.min() if len(gone) else np.iinfo(np.int64).max
        story[(story == INDEX["token_revoked"]) & (self.at <= earliest)] = INDEX["altered_token"]
        ended = min((c.last for c in self.cast.contracts), default=self.calendar.last)
        story[(story == INDEX["coupon_too_late"]) & (self.day <= ended)] = INDEX["coupon_unknown"]
        return story

    def _of(self, *names: str) -> Ints:
        """Orders of some stories."""
        return np.flatnonzero(np.isin(self.story, [INDEX[name] for name in names]))

    def _lead(self, orders: Ints, deal: Ints) -> tuple[Ints, Ints]:
        """Instant and token of an eligible click for each order, some on the window's very borders."""
        link, window = self.deal_link[deal], self.cast.windows[self.deal_kol[deal]]
        lag = np.minimum(self.rng.exponential(1.0, len(orders)) * window / 5, window).astype(np.int64)
        border = self.rng.random(len(orders))
        lag = np.where(border < 0.01, window, np.where(border > 0.99, 0, lag))
        at = np.maximum(self.at[orders] - lag, self.links.base[link])
        return at, self.links.valid(self.rng, link, at)

    def _own(self, orders: Ints) -> Ints:
        """Browsers of the persons who ordered; the order's where it carries one."""
        fallback = visitors(self.person[orders], np.zeros(len(orders), dtype=np.int64))
        return np.where(self.visitor[orders] >= 0, self.visitor[orders], fallback)

    def _once(self, orders: Ints) -> Ints:
        """A browser seen only here, so that no other click can vouch for the order."""
        self.visitor[orders] = ONCE + orders
        return self.visitor[orders]

    def _credits(self) -> None:
        """Evidence that credits."""
        orders = self._of("token", "token_any_browser", "token_against_click")
        at, token = self._lead(orders, self.deal[orders])
        self.token[orders] = token
        self.log.add(at, token, self._own(orders), VALID, KOL)
        self.visitor[self._of("token_any_browser")] = -1

        orders = self._of("click", "click_against_coupon", "stale_token_then_click")
        at, token = self._lead(orders, self.deal[orders])
        self.click[orders] = self.log.add(at, token, self._own(orders), VALID, KOL)

        orders = self._of("token_against_click")
        at, token = self._lead(orders, self.rival[orders])
        self.click[orders] = self.log.add(at, token, self._own(orders), VALID, KOL)

        for name, deals in (
            ("coupon", self.deal),
            ("altered_token_then_coupon", self.deal),
            ("click_against_coupon", self.rival),
            ("source_and_coupon", self.rival),
        ):
            orders = self._of(name)
            self.coupon[orders] = self._typed([self.cast.deals[d].coupon or "" for d in deals[orders]])
        orders = self._of("source", "source_and_coupon")
        handles = [self.cast.handles[k] for k in self.deal_kol[self.deal[orders]]]
        self.ref[orders] = [h.upper() if n % 3 == 0 else h for n, h in enumerate(handles)]

    def _typed(self, codes: list[str]) -> list[str]:
        """Coupon codes as people type them."""
        styles = self.rng.random(len(codes))
        return [
            c.lower() if s < 0.2 else f" {c} " if s < 0.3 else c for c, s in zip(codes, styles, strict=True)
        ]

    def _fails(self) -> None:
        """Evidence that does not credit."""
        rng = self.rng
        orders = self._of("altered_token", "altered_token_then_coupon")
        self.token[orders] = rng.choice(self.cast.altered, len(orders))
        orders = self._of("foreign_token")
        self.token[orders] = rng.choice(self.cast.foreign, len(orders))
        orders = self._of("token_without_click")
        self.token[orders] = rng.choice(self.cast.silent, len(orders))
        self._once(orders[::2])

        orders = self._of("token_of_other_browser")
        at, token = self._lead(orders, self.deal[orders])
        self.token[orders] = token
        self._once(orders)
        self.log.add(at, token, ONCE * 2 + orders, VALID, KOL)

        for name, worth in (("token_by_bot", BOT), ("token_by_prefetch", PREFETCH)):
            orders = self._of(name)
            at, token = self._lead(orders, self.deal[orders])
            self.token[orders] = token
            self.log.add(at, token, self._once(orders), worth, KOL)
        orders = self._of("click_by_bot")
        at, token = self._lead(orders, self.deal[orders])
        self.click[orders] = self.log.add(at, token, self._once(orders), BOT, KOL)

        for name, deals in (("token_expired", self.deal), ("stale_token_then_click", self.rival)):
            orders = self._of(name)
            link = self.deal_link[deals[orders]]
            base = self.links.base[link]
            ended = np.minimum((self.at[orders] - base) // POST_LIFETIME, self.links.posts[link])
            post = (rng.random(len(orders)) * ended).astype(np.int64)
            expiry = base + (post + 1) * POST_LIFETIME
            at = expiry + (rng.random(len(orders)) ** 3 * (self.at[orders] - expiry)).astype(np.int64)
            at = np.where(rng.random(len(orders)) < 0.2, expiry, at)
            at = np.maximum(at, self.at[orders] - self.cast.windows[self.deal_kol[deals[orders]]])
            self.token[orders] = self.links.posts_from[link] + post
            self.log.add(at, self.token[orders], self._once(orders), REFUSED, KOL)

        orders = self._of("token_revoked")
        gone = np.sort(self.links.revoked[self.pulled])
        place = (rng.random(len(orders)) * np.searchsorted(gone, self.at[orders])).astype(np.int64)
        token = self.pulled[np.argsort(self.links.revoked[self.pulled], kind="stable")][place]
        at = np.minimum(self.links.revoked[token] + rng.integers(0, DAY // 2, len(orders)), self.at[orders])
        at = np.maximum(at, self.at[orders] - self.cast.windows[np.array(self.cast.token_kol)[token]])
        self.token[orders] = token
        self.log.add(at, token, self._once(orders), REFUSED, KOL)

        for name in ("token_before_window", "click_before_window"):
            orders = self._of(name)
            link = self.deal_link[self.deal[orders]]
            at = self.at[orders] - self.cast.windows[self.deal_kol[self.deal[orders]]] - 1
            token = self.links.profile[link]
            numbers = self.log.add(at, token, self._once(orders), VALID, KOL)
            if name == "token_before_window":
                self.token[orders] = token
            else:
                self.click[orders] = numbers
        orders = self._of("token_after_order")
        self.token[orders] = self.links.profile[self.deal_link[self.deal[orders]]]
        self.log.add(self.at[orders] + 1, self.token[orders], self._once(orders), VALID, KOL)

        orders = self._of("coupon_unknown")
        self.coupon[orders] = rng.choice(
            np.array(["SALE10", "WELCOME", "FREESHIP"], dtype=object), len(orders)
        )
        ended = sorted(self.cast.contracts, key=lambda contract: contract.last)
        lasts = np.array([contract.last for contract in ended])
        orders = self._of("coupon_too_late")
        place = (rng.random(len(orders)) * np.searchsorted(lasts, self.day[orders])).astype(np.int64)
        self.coupon[orders] = self._typed([ended[p].coupon for p in place])
        orders = self._of("source_unknown")
        self.ref[orders] = [f"@stranger{number % 37}" for number in orders]

    def _tokenless(self) -> None:
        """Orders that follow an advertisement, a newsletter or a plain visit."""
        orders = self._of("ad_click")
        medium = self.rng.choice([GOOGLE, META, TIKTOK, EMAIL], len(orders), p=[0.4, 0.3, 0.2, 0.1])
        at = np.maximum(self.at[orders] - self.rng.integers(0, 2 * DAY, len(orders)), self.calendar.opens)
        self.click[orders] = self.log.add(at, np.full(len(orders), -1), self._own(orders), VALID, medium)
        orders = self._of("organic_click")
        at = np.maximum(self.at[orders] - self.rng.integers(0, DAY, len(orders)), self.calendar.opens)
        self.click[orders] = self.log.add(at, np.full(len(orders), -1), self._own(orders), VALID, ORGANIC)

    def evidence(self) -> Evidence:
        """Forge everything and tell the truth of it."""
        self._credits()
        self._fails()
        self._tokenless()
        by = np.array([-1 if STORIES[n][1] is None else EVIDENCE.index(str(STORIES[n][1])) for n in NAMES])[
            self.story
        ]
        brought = by >= 0
        paid = brought & (by != EVIDENCE.index("source"))
        contract = np.where(paid, self.deal_contract[self.deal], -1)
        rates = np.array([c.rate_bp for c in self.cast.contracts] or [0])
        kol = np.where(brought, self.deal_kol[self.deal], -1)
        rival = self._of("token_against_click", "click_against_coupon")
        disputed = np.zeros(self.rows, dtype=bool)
        disputed[rival] = self.deal_kol[self.rival[rival]] != kol[rival]
        clicks = click_ids(self.click)
        unknown = self._of("click_unknown")
        lost = np.full(self.rows, -1)
        lost[unknown] = (1 << 45) + unknown
        return Evidence(
            story=self.story,
            kol=kol,
            by=by,
            contract=contract,
            campaign=np.where(paid, self.deal_link[self.deal], -1),
            rate_bp=np.where(contract >= 0, rates[contract], 0),
            disputed=disputed,
            token=picked(self.cast.tokens, self.token),
            click_id=pc.coalesce(clicks, click_ids(lost)),
            visitor_id=nulled(visitor_ids(self.visitor, self.tenant), self.visitor < 0),
            coupon=pa.array(self.coupon, pa.string()),
            source_kol_ref=pa.array(self.ref, pa.string()),
        )
