"""KOLs of a tenant: their contracts, what these cost day by day, and the tokens in their links."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from include.demo.world import names
from include.demo.world.cast import DIGITS, Tenant
from include.demo.world.clock import DAY, HOUR
from include.demo.world.scene import Scene
from include.demo.world.tables import NEVER, Ints, Minor, picked
from include.tracking import tokens as tracking

POST_LIFETIME = 2 * DAY
TOKEN_ID_BYTES = 12
TIERS = ("nano", "micro", "macro", "mega")
PLANS = ("none", "steady", "gaps", "overlap", "renewal", "twin")
KEYS = tracking.KeyRing({"demo1": b"simulated shops sign with this!!"})


@dataclass
class Contract:
    """A contract as it finally stands; money in minor units, days as numbers."""

    number: int
    kol: int
    campaign: str
    first: int
    last: int
    currency: str
    fixed_fee: int
    platform_fee: int
    goods: int
    rate_bp: int
    coupon: str
    signed: int

    @property
    def contract_id(self) -> str:
        """Id of the contract, of one width within a tenant."""
        return f"CT{self.number:05d}"


class Terms(NamedTuple):
    """What one version of a contract's record says of its terms."""

    fixed_fee: int
    platform_fee: int
    goods: int
    rate_bp: int
    last: int
    updated: int


@dataclass
class Link:
    """The links of one KOL for one campaign: a token for the profile page and one per post."""

    kol: int
    campaign: str
    first: int
    last: int
    base: int = 0
    profile: int = -1
    posts_from: int = -1
    posts: int = 0


@dataclass
class Deal:
    """Under which contract (-1: none) an order over a link is paid, on which days, and how often."""

    kol: int
    link: int
    contract: int
    first: int
    last: int
    pull: float
    coupon: str | None


@dataclass
class Cast:
    """All that a tenant's KOLs are: read by whoever makes clicks and orders."""

    handles: list[str] = field(default_factory=list)
    kol_ids: list[str] = field(default_factory=list)
    windows: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    pulls: list[float] = field(default_factory=list)
    contracts: list[Contract] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    token_ids: list[str] = field(default_factory=list)
    token_kol: list[int] = field(default_factory=list)
    token_link: list[int] = field(default_factory=list)
    issued: list[int] = field(default_factory=list)
    expires: list[int] = field(default_factory=list)
    revoked: list[int] = field(default_factory=list)
    silent: list[int] = field(default_factory=list)
    """Tokens that nobody ever clicks."""
    registered: int = 0
    """Tokens up to here are the tenant's own; altered and foreign texts follow."""
    altered: list[int] = field(default_factory=list)
    foreign: list[int] = field(default_factory=list)


def hire(rng: np.random.Generator, scene: Scene) -> Cast:
    """Hire a tenant's KOLs: write kols, contracts and tokens, and note what the contracts cost."""
    tenant = scene.tenant
    cast = Cast()
    _introduce(rng, scene, cast)
    for kol in range(tenant.kols):
        plan = PLANS[kol % len(PLANS)] if kol < 2 * len(PLANS) else PLANS[int(rng.integers(1, len(PLANS)))]
        _plan(rng, scene, cast, kol, plan)
    _sign(rng, scene, cast)
    _note_costs(scene, cast)
    _issue_tokens(rng, scene, cast)
    return cast


def exchange_foreign_tokens(rng: np.random.Generator, casts: list[Cast]) -> None:
    """Give each tenant some texts that are no token of its own: altered ones and other tenants'."""
    for index, cast in enumerate(casts):
        own = cast.tokens[: cast.registered]
        for number in rng.integers(0, len(own), 150):
            text = own[int(number)]
            place = int(rng.integers(5, len(text)))
            other = "A" if text[place] != "A" else "B"
            cast.altered.append(len(cast.tokens))
            cast.tokens.append(text[:place] + other + text[place + 1 :])
        neighbour = casts[(index + 1) % len(casts)]
        for number in rng.integers(0, neighbour.registered, 40):
            cast.foreign.append(len(cast.tokens))
            cast.tokens.append(neighbour.tokens[int(number)])


def _introduce(rng: np.random.Generator, scene: Scene, cast: Cast) -> None:
    """Write the KOLs, some of them in two versions."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    count = tenant.kols
    people = names.stage_names(rng, tenant.vietnamese, count)
    tiers = rng.choice(4, count, p=[0.35, 0.4, 0.18, 0.07])
    cast.kol_ids = [f"K{number:03d}" for number in range(1, count + 1)]
    cast.handles = [f"@{names.plain(name).lower().replace(' ', '.')}{n:02d}" for n, name in enumerate(people)]
    cast.pulls = [float(p) for p in (1.0 + 1.5 * tiers) * rng.lognormal(0, 0.6, count)]
    own_hours = rng.choice([0, 24, 72, 168, 336, 720], count, p=[0.5, 0.1, 0.15, 0.1, 0.1, 0.05])
    cast.windows = np.where(own_hours > 0, own_hours, tenant.window_hours).astype(np.int64) * HOUR
    updated = np.full(count, calendar.opens - 30 * DAY) + rng.integers(0, 20 * DAY, count)
    revised = np.flatnonzero(rng.random(count) < 0.15)
    later = calendar.opens + (rng.random(len(revised)) * (calendar.ends - calendar.opens)).astype(np.int64)
    before = own_hours.copy()
    before[revised] = rng.choice([0, 48, 240], len(revised))
    for who, hours, at in (
        (np.arange(count), before, updated),
        (revised, own_hours[revised], later),
    ):
        book.write(
            "kols",
            {
                "tenant_id": tenant.tenant_id,
                "kol_id": picked(cast.kol_ids, who),
                "name": picked(people, who),
                "handle": picked(cast.handles, who),
                "platform": picked(["tiktok", "facebook", "instagram", "youtube"], who % 4),
                "tier": picked(TIERS, tiers[who]),
                "attribution_window_hours": pa.array(hours, mask=hours == 0),
                "updated_at": at,
            },
            np.clip(at, calendar.opens, calendar.ends - 1),
            "crm",
        )


def _plan(rng: np.random.Generator, scene: Scene, cast: Cast, kol: int, plan: str) -> None:
    """Lay out one KOL's contracts, links and deals over the simulated days."""
    calendar = scene.calendar
    first, last = calendar.first, calendar.last
    pull = cast.pulls[kol]
    if plan == "none":
        cast.links.append(Link(kol, f"kol{kol:03d}-gift", first, last))
        cast.deals.append(Deal(kol, len(cast.links) - 1, -1, first, last, pull, None))
        return
    lanes = 2 if plan == "overlap" else 1
    for lane in range(lanes):
        start = first - int(rng.integers(0, 20))
        campaign = f"{('spring', 'launch', 'sale', 'live')[kol % 4]}-{kol:03d}-{lane}0"
        link = -1
        before: Contract | None = None
        while start <= last + 3:
            length = int(rng.integers(18, 60))
            renews = plan == "renewal" and before is not None
            if not renews:
                campaign = f"{campaign.rsplit('-', 1)[0]}-{lane}{len(cast.contracts):02d}"
                cast.links.append(Link(kol, campaign, start, start + length - 1))
            older_link, link = link, len(cast.links) - 1
            contract = _draft(
                rng, scene, cast, kol=kol, campaign=campaign, first=start, last=start + length - 1
            )
            if plan == "twin":
                contract = _draft(
                    rng, scene, cast, kol=kol, campaign=campaign, first=start, last=contract.last
                )
            end = contract.last
            if plan == "renewal":
                end -= 5
                cast.links[link].last = contract.last
            number = len(cast.contracts) - 1
            cast.deals.append(Deal(kol, link, number, start, end, pull / lanes, contract.coupon))
            gap = int(rng.integers(8, 25)) if plan == "gaps" else 0
            if gap:
                cast.links[link].last = end + gap
                cast.deals.append(Deal(kol, link, -1, end + 1, end + gap, pull / 8, None))
            if plan == "steady" and older_link >= 0 and older_link != link:
                # Whoever clicked before a contract's end and orders after it is paid by the next one.
                spill = min(start + 6, contract.last)
                cast.links[older_link].last = spill
                cast.deals.append(Deal(kol, older_link, number, start, spill, pull / 6, None))
            before = contract
            start = end + 1 + gap


def _draft(
    rng: np.random.Generator,
    scene: Scene,
    cast: Cast,
    *,
    kol: int,
    campaign: str,
    first: int,
    last: int,
) -> Contract:
    """Draw up a contract with amounts that do not divide evenly by its days."""
    tenant, calendar = scene.tenant, scene.calendar
    currency = tenant.contract_currencies[int(rng.integers(0, len(tenant.contract_currencies)))]
    unit = {"VND": 25_000, "USD": 100, "AUD": 150}[currency]
    fee = int(cast.pulls[kol] * unit * rng.lognormal(5.2, 0.8)) * int(rng.random() < 0.85)
    contract = Contract(
        number=len(cast.contracts) + 1,
        kol=kol,
        campaign=campaign,
        first=first,
        last=last,
        currency=currency,
        fixed_fee=fee,
        platform_fee=int(fee * rng.choice([0.0, 0.05, 0.1, 0.173])),
        goods=int(unit * rng.uniform(0, 60)),
        rate_bp=int(rng.choice([0, 300, 500, 750, 1000, 1225, 1500])),
        coupon=f"{tenant.tenant_id[:2].upper()}{kol:03d}X{len(cast.contracts) + 1:03d}",
        signed=min(
            int(calendar.start_of(np.array([first]))[0])
            + (6 * DAY if rng.random() < 0.08 else -7 * DAY)
            + int(rng.integers(8 * HOUR, 17 * HOUR)),
            calendar.ends - HOUR,
        ),
    )
    cast.contracts.append(contract)
    return contract


def _sign(rng: np.random.Generator, scene: Scene, cast: Cast) -> None:
    """Write the contracts; some were first entered with other terms and corrected later."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    rows: list[tuple[Contract, Terms]] = []
    for contract in cast.contracts:
        final = (
            contract.fixed_fee,
            contract.platform_fee,
            contract.goods,
            contract.rate_bp,
            contract.last,
            contract.signed,
        )
        versions = [final]
        signed = max(contract.signed, calendar.opens)
        if rng.random() < 0.15:
            corrected = int(rng.integers(signed + 1, calendar.ends))
            draft_last = max(contract.first, contract.last - int(rng.integers(0, 6)))
            draft = (
                contract.fixed_fee * 11 // 10 + 1,
                contract.platform_fee,
                contract.goods // 2,
                (contract.rate_bp + 250) % 2000,
                draft_last,
                min(contract.signed, corrected - 1),
            )
            versions = [draft, (*final[:5], corrected)]
        rows += [(contract, Terms(*version)) for version in versions]
    if not rows:
        return
    contracts, terms = [contract for contract, _ in rows], [version for _, version in rows]
    digits = np.array([DIGITS[contract.currency] for contract in contracts])
    updated = np.array([version.updated for version in terms])
    book.write(
        "kol_contracts",
        {
            "tenant_id": tenant.tenant_id,
            "contract_id": pa.array([contract.contract_id for contract in contracts]),
            "kol_id": pa.array([cast.kol_ids[contract.kol] for contract in contracts]),
            "campaign_id": pa.array([contract.campaign for contract in contracts]),
            "campaign_name": pa.array(
                [contract.campaign.replace("-", " ").title() for contract in contracts]
            ),
            "starts_on": np.array([contract.first for contract in contracts]),
            "ends_on": np.array([version.last for version in terms]),
            "currency": pa.array([contract.currency for contract in contracts]),
            "fixed_fee": Minor(np.array([version.fixed_fee for version in terms]), digits),
            "platform_fee": Minor(np.array([version.platform_fee for version in terms]), digits),
            "goods_cost": Minor(np.array([version.goods for version in terms]), digits),
            "commission_rate": Minor(np.array([version.rate_bp for version in terms]), 4),
            "coupon_code": pa.array([contract.coupon for contract in contracts]),
            "updated_at": updated,
        },
        np.clip(updated, calendar.opens, calendar.ends - 1),
        "crm",
    )


def _note_costs(scene: Scene, cast: Cast) -> None:
    """Note each day's fees and goods as the contracts run, in the reporting currency."""
    noted: list[tuple[Contract, str, Ints, Ints]] = []
    for contract in cast.contracts:
        days = np.arange(contract.first, min(contract.last, scene.calendar.last) + 1)
        if not len(days):
            continue
        rate = scene.rates[contract.currency]
        length = contract.last - contract.first + 1
        for measure, fee in (("fixed_fees", contract.fixed_fee), ("platform_fees", contract.platform_fee)):
            daily = np.full(len(days), fee // length, dtype=np.int64)
            daily[days == contract.last] = fee - (fee // length) * (length - 1)
            noted.append((contract, measure, days, rate.convert(daily, days)))
        first = days[:1]
        goods = np.array([contract.goods], dtype=np.int64)
        noted.append((contract, "goods", first, rate.convert(goods, first)))

    lengths = np.array([len(days) for _, _, days, _ in noted])
    which = np.repeat(np.arange(len(noted)), lengths)
    day = np.concatenate([days for _, _, days, _ in noted])
    scene.book.note(
        "costs",
        pa.table(
            {
                "tenant_id": pa.repeat(scene.tenant.tenant_id, len(day)),
                "kol_id": picked([cast.kol_ids[contract.kol] for contract, *_ in noted], which),
                "contract_id": picked([contract.contract_id for contract, *_ in noted], which),
                "date": pa.array(day.astype(np.int32)).cast(pa.date32()),
                "measure": picked([measure for _, measure, _, _ in noted], which),
                "minor": np.concatenate([amounts for *_, amounts in noted]),
                "digits": pa.repeat(pa.scalar(DIGITS[scene.tenant.reporting], pa.int64()), len(day)),
            }
        ),
    )


def _issue_tokens(rng: np.random.Generator, scene: Scene, cast: Cast) -> None:
    """Issue a long token per link and one of 48 hours per post, revoke some, and write them."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    for number, link in enumerate(cast.links):
        opens, until = calendar.start_of(np.array([link.first, link.last + 1]))
        link.base = max(int(opens) - DAY, calendar.opens)
        if link.base >= calendar.ends:
            continue
        link.posts_from = len(cast.tokens) + 1
        link.posts = max(0, -(-(min(int(until), calendar.ends) - link.base) // POST_LIFETIME))
        starts = link.base + POST_LIFETIME * np.arange(link.posts)
        revocable = (starts + 2 * POST_LIFETIME < calendar.ends) & (rng.random(link.posts) < 0.03)
        noise = rng.bytes(TOKEN_ID_BYTES * (link.posts + 1))
        identities = [noise[at : at + TOKEN_ID_BYTES] for at in range(0, len(noise), TOKEN_ID_BYTES)]
        lifetime = int(until) + 7 * DAY - link.base
        link.profile = _issue(
            tenant, cast, number, issued=link.base, lifetime=lifetime, identity=identities[0]
        )
        for start, revoked_early, identity in zip(starts, revocable, identities[1:], strict=True):
            token = _issue(tenant, cast, number, issued=int(start), lifetime=POST_LIFETIME, identity=identity)
            if revoked_early:
                cast.revoked[token] = int(start) + DAY
    for number in rng.integers(0, len(cast.links), 12):
        base, identity = cast.links[int(number)].base, rng.bytes(TOKEN_ID_BYTES)
        if base < calendar.ends:
            silent = _issue(tenant, cast, int(number), issued=base, lifetime=400 * DAY, identity=identity)
            cast.silent.append(silent)
    cast.registered = len(cast.tokens)

    issued, revoked = np.array(cast.issued), np.array(cast.revoked)
    kols = np.array(cast.token_kol)
    campaigns = [link.campaign for link in cast.links]
    every = np.arange(cast.registered)
    late = np.where(rng.random(cast.registered) < 0.03, rng.integers(1, 30 * HOUR, cast.registered), 0)
    pulled = np.flatnonzero(revoked != NEVER)
    for which, updated, revocation in (
        (every, issued, np.full(cast.registered, NEVER)),
        (pulled, revoked[pulled], revoked[pulled]),
    ):
        book.write(
            "tracking_tokens",
            {
                "tenant_id": tenant.tenant_id,
                "token_id": picked(cast.token_ids, which),
                "token": picked(cast.tokens, which),
                "kol_id": picked(cast.kol_ids, kols[which]),
                "campaign_id": picked(campaigns, np.array(cast.token_link)[which]),
                "link_url": f"https://{tenant.tenant_id}.example/shop",
                "key_id": KEYS.signing_key_id,
                "issued_at": issued[which],
                "expires_at": np.array(cast.expires)[which],
                "revoked_at": revocation,
                "updated_at": updated,
            },
            np.clip(updated + late[which], calendar.opens, calendar.ends - 1),
            "tracking",
        )


def _issue(tenant: Tenant, cast: Cast, link: int, *, issued: int, lifetime: int, identity: bytes) -> int:
    """Sign one token and return its index."""
    kol = cast.links[link].kol
    record = tracking.issue(
        KEYS,
        tenant_id=tenant.tenant_id,
        kol_id=cast.kol_ids[kol],
        at=datetime.fromtimestamp(issued, UTC),
        campaign_id=cast.links[link].campaign,
        lifetime=timedelta(seconds=lifetime),
        token_id=identity,
    )
    cast.tokens.append(record.token)
    cast.token_ids.append(record.token_id)
    cast.token_kol.append(kol)
    cast.token_link.append(link)
    cast.issued.append(issued)
    cast.expires.append(issued + lifetime)
    cast.revoked.append(int(NEVER))
    return len(cast.tokens) - 1
