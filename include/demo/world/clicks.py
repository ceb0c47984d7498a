"""Clicks: those that brought an order, and the many that brought none, each with its intended worth."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from include.demo.world.clock import DAY, HOUR, Calendar
from include.demo.world.kols import POST_LIFETIME, Cast
from include.demo.world.people import visitor_ids
from include.demo.world.scene import Scene
from include.demo.world.tables import NEVER, Bools, Ints, nulled, picked, scattered

CLICKS_PER_ORDER = 20
VALID, BOT, PREFETCH, REFUSED = range(4)
WORTH = ("valid", "bot", "prefetch", "refused")
KOL, GOOGLE, META, TIKTOK, OTHER_PAID, EMAIL, ORGANIC = range(7)
UTM_SOURCE = (None, "google", "facebook", "tiktok", "bing", "newsletter", None)
UTM_MEDIUM = ("influencer", "cpc", "paid", "cpc", "ppc", "email", None)
CHANNELS = ("kol", "google_ads", "meta_ads", "tiktok_ads", "paid_other", "email", "organic")
BROWSERS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Mobile Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; SM-A556E) AppleWebKit/537.36 Chrome/135.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (Linux; Android 14; CPH2591) AppleWebKit/537.36 musical_ly_38 TikTok Mobile",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6) AppleWebKit/605.1.15 Mobile Instagram 330.0.3.29",
)
BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Twitterbot/1.0",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "python-requests/2.32.3",
    "curl/8.9.1",
)
REFERRERS = (
    "https://www.tiktok.com/",
    "https://www.facebook.com/",
    "https://www.instagram.com/",
    "https://www.google.com/",
)
STRANGERS = 1 << 40
"""Browsers from this number on belong to nobody who ever orders."""


class ClickLog:
    """The clicks of one tenant, in the order in which the simulator decided on them."""

    def __init__(self) -> None:
        """Start an empty log."""
        self._columns: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []
        self._count = 0

    def add(self, at: Ints, token: Ints, visitor: Ints, worth: Ints | int, medium: Ints | int) -> Ints:
        """Add clicks and return their numbers.

        Args:
            at: seconds since the epoch.
            token: index of the token's text in the cast, -1 for none.
            visitor: number of the browser, -1 for none.
            worth: what the simulator means the click to be (``VALID`` to ``REFUSED``).
            medium: where it came from (``KOL`` to ``ORGANIC``).
        """
        rows = len(at)
        numbers = np.arange(self._count, self._count + rows)
        self._columns.append((at, token, visitor, np.full(rows, worth), np.full(rows, medium)))
        self._count += rows
        return numbers

    def columns(self) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """All clicks: at, token, visitor, worth, medium."""
        empty = np.zeros(0, dtype=np.int64)
        if not self._columns:
            return empty, empty, empty, empty, empty
        at, token, visitor, worth, medium = (
            np.concatenate(part) for part in zip(*self._columns, strict=True)
        )
        return at, token, visitor, worth, medium


def click_ids(numbers: Ints) -> pa.Array:
    """Ids of clicks by number; -1 becomes null."""
    return scattered("k", numbers)


class Links:
    """A tenant's links and tokens as arrays, to find a token that is valid at an instant."""

    def __init__(self, cast: Cast) -> None:
        self.base = np.array([link.base for link in cast.links])
        self.profile = np.array([link.profile for link in cast.links])
        self.posts_from = np.array([link.posts_from for link in cast.links])
        self.posts = np.array([link.posts for link in cast.links])
        revoked = np.array(cast.revoked)
        self.revoked = np.where(revoked == NEVER, np.iinfo(np.int64).max, revoked)

    def post(self, link: Ints, at: Ints) -> tuple[Ints, Bools]:
        """Token of the post that is fresh at each instant, and whether it still counts then."""
        number = (at - self.base[link]) // POST_LIFETIME
        there = (number >= 0) & (number < self.posts[link])
        token = np.where(there, self.posts_from[link] + number, self.profile[link])
        return token, there & (at < self.revoked[token])

    def valid(self, rng: np.random.Generator, link: Ints, at: Ints) -> Ints:
        """A token of each link that is valid at the instant (not before the link's base)."""
        token, fresh = self.post(link, at)
        return np.where(fresh & (rng.random(len(at)) < 0.62), token, self.profile[link])


def deals_of_days(rng: np.random.Generator, cast: Cast, days: Ints) -> Ints:
    """A deal for each day, by pull among those that run on it. ``days`` ascend."""
    first = np.array([deal.first for deal in cast.deals])
    last = np.array([deal.last for deal in cast.deals])
    pull = np.array([deal.pull for deal in cast.deals])
    chosen = np.empty(len(days), dtype=np.int64)
    if not len(days):
        return chosen
    starts = np.flatnonzero(np.concatenate([[True], days[1:] != days[:-1]]))
    for start, stop in zip(starts, [*starts[1:], len(days)], strict=True):
        running = np.flatnonzero((first <= days[start]) & (days[start] <= last))
        edges = np.cumsum(pull[running])
        chosen[start:stop] = running[
            np.searchsorted(edges, rng.random(stop - start) * edges[-1], side="right")
        ]
    return chosen


def wander(
    rng: np.random.Generator,
    calendar: Calendar,
    cast: Cast,
    log: ClickLog,
    *,
    count: int,
    buyers: Ints,
) -> None:
    """Add ``count`` clicks that bring no order; some by ``buyers``' browsers, most by strangers'."""
    if count <= 0:
        return
    span = calendar.last - calendar.first + 1
    days = np.sort(calendar.first + (rng.random(count) * span).astype(np.int64))
    at = calendar.within(days, rng.beta(2.2, 1.6, count))
    visitor = STRANGERS + rng.integers(0, max(1, count // 2), count)
    if len(buyers):
        own = rng.random(count) < 0.12
        visitor[own] = rng.choice(buyers, int(own.sum()))

    towards = rng.random(count)
    plain = np.flatnonzero(towards >= 0.62)
    medium = rng.choice(
        [GOOGLE, META, TIKTOK, OTHER_PAID, EMAIL, ORGANIC], len(plain), p=[0.2, 0.2, 0.15, 0.03, 0.1, 0.32]
    )
    worth = rng.choice([VALID, BOT, PREFETCH], len(plain), p=[0.93, 0.04, 0.03])
    log.add(at[plain], np.full(len(plain), -1), visitor[plain], worth, medium)

    led = np.flatnonzero(towards < 0.62)
    links = Links(cast)
    link = np.array([deal.link for deal in cast.deals])[deals_of_days(rng, cast, days[led])]
    when = np.maximum(at[led], links.base[link])
    number = (when - links.base[link]) // POST_LIFETIME
    sharp = rng.random(len(led)) < 0.002
    when = np.where(sharp, links.base[link] + number * POST_LIFETIME, when)
    token = links.valid(rng, link, when)
    worth = rng.choice([VALID, BOT, PREFETCH], len(led), p=[0.92, 0.05, 0.03])
    fate = rng.random(len(led))
    older = number - rng.integers(1, 6, len(led))
    # A post's token ends as the next one begins: a click at that very instant is too late for it.
    older = np.where(sharp, number - 1, older)
    stale = (fate < 0.03) & (older >= 0) & (older < links.posts[link])
    token = np.where(stale, links.posts_from[link] + older, token)
    fresh, counts = links.post(link, when)
    there = (number >= 0) & (number < links.posts[link])
    pulled = ~stale & there & ~counts & (fate < 0.4)
    token = np.where(pulled, fresh, token)
    altered = (fate > 0.985) & bool(cast.altered)
    strange = (fate > 0.98) & ~altered & bool(cast.foreign)
    token[altered] = rng.choice(cast.altered or [0], int(altered.sum()))
    token[strange] = rng.choice(cast.foreign or [0], int(strange.sum()))
    refused = (stale | pulled | altered | strange) & (worth == VALID)
    log.add(when, token, visitor[led], np.where(refused, REFUSED, worth), KOL)


def write_clicks(rng: np.random.Generator, scene: Scene, cast: Cast, log: ClickLog) -> None:
    """Write a tenant's clicks, some late and some twice, and note what each was meant to be worth."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    at, token, visitor, worth, medium = log.columns()
    rows = len(at)
    delay = np.where(rng.random(rows) < 0.02, rng.integers(HOUR, 3 * DAY, rows), rng.integers(0, 60, rows))
    available = np.minimum(at + delay, calendar.ends - 1)
    owner = np.full(len(cast.tokens), -1)
    owner[: cast.registered] = cast.token_kol
    link = np.full(len(cast.tokens), -1)
    link[: cast.registered] = cast.token_link
    kol = np.where(token >= 0, owner[token], -1)

    again = np.flatnonzero(rng.random(rows) < 0.004)
    conflicting = again[rng.random(len(again)) < 0.2]
    which = np.concatenate([np.arange(rows), again, conflicting])
    shift = np.concatenate(
        [np.zeros(rows + len(again), dtype=np.int64), np.ones(len(conflicting), dtype=np.int64)]
    )
    when = np.concatenate(
        [available, np.minimum(available[again] + rng.integers(0, 2 * DAY, len(again)), calendar.ends - 1)]
    )
    when = np.concatenate([when, np.minimum(available[conflicting] + 2 * HOUR, calendar.ends - 1)])
    agent = np.where(
        worth == BOT, rng.integers(0, len(BOTS), rows), len(BOTS) + rng.integers(0, len(BROWSERS), rows)
    )
    referrer = np.where(rng.random(rows) < 0.3, -1, rng.integers(0, len(REFERRERS), rows))
    address = rng.integers(0, max(1, rows // 3), rows)

    handles = list(UTM_SOURCE) + [handle.lstrip("@") for handle in cast.handles]
    campaigns = ["always-on", "retargeting", "brand", "newsletter", *[item.campaign for item in cast.links]]
    led = medium == KOL
    source = np.where(led & (kol >= 0), len(UTM_SOURCE) + kol, np.where(UTM_NONE[medium], -1, medium))
    campaign = np.where(
        led, np.where(link[token] >= 0, 4 + link[token], -1), np.where(medium == ORGANIC, -1, agent % 3)
    )
    campaign = np.where(medium == EMAIL, 3, campaign)

    book.write(
        "clicks",
        {
            "tenant_id": tenant.tenant_id,
            "click_id": click_ids(which),
            "token": picked(cast.tokens, token[which]),
            "visitor_id": visitor_ids(visitor[which], tenant),
            "utm_source": picked(handles, source[which]),
            "utm_medium": picked(UTM_MEDIUM, medium[which]),
            "utm_campaign": picked(campaigns, campaign[which]),
            "landing_url": f"https://{tenant.tenant_id}.example/shop",
            "referrer": picked(REFERRERS, referrer[which]),
            "user_agent": picked([*BOTS, *BROWSERS], agent[which]),
            "ip_hash": scattered("ip", address[which]),
            "is_prefetch": (worth == PREFETCH)[which],
            "clicked_at": at[which] + shift,
        },
        when,
        "tracking",
    )
    _note_worth(scene, cast.kol_ids, kol, calendar.day_of(at), worth)


UTM_NONE = np.array([word is None for word in UTM_SOURCE])


def _note_worth(scene: Scene, kol_ids: Sequence[str], kol: Ints, day: Ints, worth: Ints) -> None:
    """Note how many clicks of each worth led from each KOL (null: from nobody's token) on each day."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    span = calendar.last - calendar.first + 1
    codes, counts = np.unique(((kol + 1) * span + day - calendar.first) * 4 + worth, return_counts=True)
    who = codes // (4 * span) - 1
    book.note(
        "clicks",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, len(codes)),
                "kol_id": nulled(picked(kol_ids, np.maximum(who, 0)), who < 0),
                "date": pa.array((codes // 4 % span + calendar.first).astype(np.int32)).cast(pa.date32()),
                "worth": picked(WORTH, codes % 4),
                "clicks": counts.astype(np.int64),
            }
        ),
    )
