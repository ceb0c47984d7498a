"""Persons: how they truly are, when they buy, and the noisy records that systems keep of them."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.demo.world import names
from include.demo.world.cast import Tenant
from include.demo.world.clock import DAY, Calendar
from include.demo.world.scene import Scene
from include.demo.world.tables import (
    Bools,
    Floats,
    Ints,
    joined,
    nulled,
    numbered,
    picked,
    scattered,
)

PERSONS = 25_000
"""Persons in all tenants together at scale 1."""

PLACEHOLDER = 900_000_000
"""Phone that clerks type for a customer who gives none."""

STORE, CRM, GUEST, RECEIPT = 4, 5, 6, 7
"""Kinds of a person's records beside the web accounts 0 to 3 (shop times two plus account).

``GUEST`` and ``RECEIPT`` are what one order without an account, or one sale without a customer, was given.
"""

RECORD_TYPES = ("customer", "order", "sale")
"""What a record of a person is: an account or contact, an order without one, a sale without a customer."""

GIVEN = {
    # what a record tells: share of web accounts, till, CRM, guest orders and receipts that do
    "email": (0.97, 0.45, 0.86, 0.95, 0.60),
    "phone": (0.94, 0.97, 0.94, 0.92, 0.95),
    "card": (0.30, 0.90, 1.00, 0.00, 0.80),
    "birth": (0.95, 0.95, 0.98, 0.00, 0.00),
    "address": (0.96, 0.65, 0.92, 0.97, 0.00),
    "visitor": (0.85, 0.00, 0.60, 0.00, 0.00),
}


@dataclass(frozen=True)
class People:
    """The persons of one tenant: latent parameters and true identity, one element per person."""

    rate: Floats
    """Purchases per day while active."""
    enters: Ints
    """Day of the first purchase; may lie before the simulated days."""
    drops: Ints
    """Day from which the person never buys again."""
    spend: Floats
    season: Floats
    peak: Ints
    """Day of the year at which the season's swing is highest."""
    store_share: Floats
    shop: Ints
    prone_to_guest: Bools
    family: Ints
    middle: Ints
    given: Ints
    phone: Ints
    second_phone: Ints
    household_phone: Ints
    """Phone of the household, where one is shared; -1 otherwise."""
    mail: Ints
    """Number in the e-mail address, which nobody else has."""
    second_mail: Ints
    birth: Ints
    street: Ints
    house: Ints
    city: Ints
    has_card: Bools

    def __len__(self) -> int:
        """Count the persons."""
        return len(self.rate)


@dataclass(frozen=True)
class Records:
    """What systems know of persons: one element per record, in the order of ``codes``."""

    codes: Ints
    """Person times 8 plus kind, ascending."""
    ids: pa.Array
    """Keys at the sources; of a guest or a receipt nobody keeps one."""
    name: pa.Array
    email: pa.Array
    phone: pa.Array
    address: pa.Array
    card: pa.Array


def populate(rng: np.random.Generator, scene: Scene, scale: float) -> People:
    """Make a tenant's persons and note how they truly are."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    count = max(50, round(PERSONS * scale * tenant.share))
    span = calendar.last - calendar.first + 1
    enters = calendar.first - 150 + (rng.random(count) * (span + 150)).astype(np.int64)
    lives = rng.exponential(1.0, count) * rng.gamma(2.0, 110.0, count)
    seats = rng.permutation(count)
    families, member = seats // 3, seats % 3
    homes = families.max() + 1
    given_names = len(names.VI_GIVEN if tenant.vietnamese else names.EN_GIVEN)
    # Members of a household have different given names.
    apart = rng.integers(1, given_names // 3, homes)
    given = (rng.integers(0, given_names, homes)[families] + member * apart[families]) % given_names
    phones, mail = _phones(rng, 2 * count + homes), rng.permutation(2 * count) + 1
    shares_phone = rng.random(homes) < 0.22
    shares = np.array([shop.share for shop in tenant.shops])
    store = (
        np.where(rng.random(count) < 0.45, rng.beta(1.5, 2.5, count), 0.0)
        if tenant.store
        else np.zeros(count)
    )
    store[rng.random(count) < 0.05 * bool(tenant.store)] = 1.0
    people = People(
        rate=rng.gamma(1.1, 1 / 29.0, count) + 0.001,
        enters=enters,
        drops=enters + 1 + lives.astype(np.int64),
        spend=rng.lognormal(0.0, 0.5, count),
        season=rng.beta(1.5, 4.0, count),
        peak=rng.integers(0, 365, count),
        store_share=store,
        shop=rng.choice(len(tenant.shops), count, p=shares / shares.sum()).astype(np.int64),
        prone_to_guest=rng.random(count) < 0.14,
        family=rng.integers(0, len(names.VI_FAMILY if tenant.vietnamese else names.EN_FAMILY), homes)[
            families
        ],
        middle=rng.integers(0, len(names.VI_MIDDLE), count),
        given=given,
        phone=phones[:count],
        second_phone=phones[count : 2 * count],
        household_phone=np.where(shares_phone[families], phones[2 * count :][families], -1),
        mail=mail[:count],
        second_mail=mail[count:],
        birth=rng.integers(-9_000, 13_500, count),
        street=rng.integers(0, len(_streets(tenant)), homes)[families],
        house=rng.integers(1, 400, homes)[families],
        city=rng.integers(0, len(_cities(tenant)), homes)[families],
        has_card=rng.random(count) < 0.5,
    )
    numbers = np.arange(count)
    note_visitors(scene, np.concatenate([visitors(numbers, 0), visitors(numbers, 1)]), np.tile(numbers, 2))
    book.note(
        "persons",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, count),
                "person_id": person_ids(numbers),
                "purchase_rate_per_day": people.rate,
                "entered_on": pa.array(people.enters.astype(np.int32)).cast(pa.date32()),
                "dropped_out_on": pa.array(people.drops.astype(np.int32)).cast(pa.date32()),
                "spend_level": people.spend,
                "season_amplitude": people.season,
                "season_peak_day": people.peak,
                "store_share": people.store_share,
            }
        ),
    )
    return people


def person_ids(persons: Ints) -> pa.Array:
    """True ids of persons, unique within a tenant."""
    return numbered("P", persons, 8)


def shopping(rng: np.random.Generator, people: People, calendar: Calendar) -> tuple[Ints, Ints]:
    """Purchases of the simulated days, ordered by day: person and day of each.

    Each person buys on the day of entry and then as a Poisson process with a yearly swing, until dropping
    out.
    """
    first, last = calendar.first, calendar.last
    begins = np.maximum(people.enters + 1, first)
    active = np.maximum(0, np.minimum(people.drops, last + 1) - begins)
    expected = people.rate * (1 + people.season) * active
    person = np.repeat(np.arange(len(people)), rng.poisson(expected))
    day = begins[person] + (rng.random(len(person)) * active[person]).astype(np.int64)
    swing = np.cos(2 * np.pi * ((day % 365) - people.peak[person]) / 365)
    kept = rng.random(len(person)) * (1 + people.season[person]) < 1 + people.season[person] * swing
    entering = np.flatnonzero((people.enters >= first) & (people.enters <= last))
    person = np.concatenate([person[kept], entering])
    day = np.concatenate([day[kept], people.enters[entering]])
    order = np.argsort(day, kind="stable")
    return person[order], day[order]


def keep_records(
    rng: np.random.Generator,
    scene: Scene,
    people: People,
    *,
    persons: Ints,
    kinds: Ints,
    first_seen: Ints,
) -> tuple[Records, Ints]:
    """Make the records under which persons were seen, write those that systems hold, note whose they are.

    An account, a customer of the till and a contact of the CRM are one record however often they are seen; a
    guest or a receipt is told anew each time.

    Args:
        rng: source of chance.
        scene: whose records they are.
        people: its persons.
        persons: person of each sighting.
        kinds: kind of record of each sighting (web account, ``STORE``, ``GUEST`` or ``RECEIPT``).
        first_seen: instant of each sighting.

    Returns:
        The records, and the place of each sighting's record among them.
    """
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    members = np.flatnonzero((rng.random(len(people)) < 0.32) & (people.enters <= calendar.last))
    joins = calendar.within(np.maximum(people.enters[members], calendar.first), rng.random(len(members)))
    codes = np.concatenate([persons * 8 + kinds, members * 8 + CRM])
    seen = np.concatenate([first_seen, joins])
    order = np.lexsort((seen, codes))
    codes, seen = codes[order], seen[order]
    fresh = codes % 8 >= GUEST
    fresh[:1] = True
    fresh[1:] |= codes[1:] != codes[:-1]
    places = np.empty(len(codes), dtype=np.int64)
    places[order] = np.cumsum(fresh) - 1
    codes, seen = codes[fresh], seen[fresh]
    person, kind = codes // 8, codes % 8
    known_before = (people.enters[person] < calendar.first) & (kind < GUEST)
    created = np.where(known_before, calendar.opens - rng.integers(1, 200 * DAY, len(codes)), seen - 30)
    records, written = _describe(rng, tenant, people, codes)

    held = np.flatnonzero(kind < GUEST)
    sources = [shop.source for shop in tenant.shops for _ in (0, 1)] + ["-"] * (4 - 2 * len(tenant.shops))
    sources += [tenant.store or "-", "crm", "-", "-"]
    source = picked(sources, kind)
    revised = held[rng.random(len(held)) < 0.08]
    moved = np.maximum(created[revised], calendar.opens) + 1
    moved = moved + (rng.random(len(revised)) * (calendar.ends - 1 - moved)).astype(np.int64)
    former, _ = _describe(rng, tenant, people, codes)
    phone_before, mail_before = former.phone.take(pa.array(revised)), former.email.take(pa.array(revised))
    updated = created.copy()
    updated[revised] = moved
    for which, at, changes in (
        (revised, created[revised], {"phone": phone_before, "email": mail_before}),
        (held, updated[held], {}),
    ):
        taken = {name: values.take(pa.array(which)) for name, values in written.items()}
        book.write(
            "customers",
            {
                **taken,
                **changes,
                "tenant_id": tenant.tenant_id,
                "source": source.take(pa.array(which)),
                "country_code": tenant.country,
                "created_at": created[which],
                "updated_at": at,
            },
            np.clip(at, calendar.opens, calendar.ends - 1),
            source.take(pa.array(which)),
        )
    note_record_persons(
        scene, "customer", source.take(pa.array(held)), records.ids.take(pa.array(held)), person[held]
    )
    return records, places[: len(persons)]


def note_record_persons(scene: Scene, kind: str, source: pa.Array, ids: pa.Array, person: Ints) -> None:
    """Note whose the records of one type (``customer``, ``order`` or ``sale``) are."""
    rows = len(person)
    scene.book.note(
        "record_persons",
        pa.table(
            {
                "tenant_id": pa.repeat(scene.tenant.tenant_id, rows),
                "record_source": source,
                "record_type": pa.repeat(kind, rows),
                "record_id": ids,
                "person_id": person_ids(person),
            }
        ),
    )


def note_visitors(scene: Scene, browsers: Ints, person: Ints) -> None:
    """Note whose browsers are."""
    scene.book.note(
        "visitor_persons",
        pa.table(
            {
                "tenant_id": pa.repeat(scene.tenant.tenant_id, len(person)),
                "visitor_id": visitor_ids(browsers, scene.tenant),
                "person_id": person_ids(person),
            }
        ),
    )


def visitors(persons: Ints, devices: Ints | int) -> Ints:
    """Numbers of persons' browsers (device 0 or 1)."""
    return persons * 2 + devices


def visitor_ids(numbers: Ints, tenant: Tenant) -> pa.Array:
    """Cookies of browsers by number; -1 becomes null."""
    return scattered(f"v{tenant.tenant_id[0]}", numbers)


def _phones(rng: np.random.Generator, count: int) -> Ints:
    """National numbers without their leading zero, no two of them the same."""
    return rng.choice(699_999_999, count, replace=False) + 300_000_000


def _streets(tenant: Tenant) -> list[str]:
    return names.VI_STREETS if tenant.vietnamese else names.EN_STREETS


def _cities(tenant: Tenant) -> list[str]:
    return {"VN": names.VI_CITIES, "AU": names.AU_CITIES}.get(tenant.country, names.US_CITIES)


def _describe(
    rng: np.random.Generator, tenant: Tenant, people: People, codes: Ints
) -> tuple[Records, dict[str, pa.Array]]:
    """Write down persons as clerks, forms and typing fingers do: incomplete, changed, misspelt."""
    person, kind, rows = codes // 8, codes % 8, len(codes)
    till, place = kind == STORE, np.maximum(kind - STORE + 1, 0)

    def untold(what: str) -> Bools:
        return rng.random(rows) >= np.array(GIVEN[what])[place]

    bare = rng.random(rows) < 0.5
    first, last, name = _named(rng, tenant, people, person, bare)
    email = nulled(_mailed(rng, tenant, people, person, kind), untold("email"))

    household = (people.household_phone[person] >= 0) & (rng.random(rows) < 0.35)
    usual = rng.random(rows) < np.where(kind == RECEIPT, 0.95, 0.85)
    number = np.where(usual, people.phone[person], people.second_phone[person])
    number = np.where(household, people.household_phone[person], number)
    number = number + (rng.random(rows) < 0.04) * 10 ** rng.integers(0, 7, rows)
    number = np.where(till & (rng.random(rows) < 0.004), PLACEHOLDER, number)
    phone = nulled(_dialled(rng, tenant, number), untold("phone"))

    card = numbered("LC", (person * 48_271 + 11) % 99_999_989, 8)
    card = nulled(card, ~people.has_card[person] | untold("card"))

    moved = rng.random(rows) < 0.12
    house = np.where(moved, (people.house[person] * 3 + 1) % 400 + 1, people.house[person])
    road = (people.street[person] + 5 * moved) % len(_streets(tenant))
    street = joined(pa.array(house).cast(pa.string()), " ", _spelt(_streets(tenant), road, bare))
    city = _spelt(_cities(tenant), people.city[person], bare)
    postcode = numbered("", 1_000 + people.city[person] * 113 + road, 5)
    homeless = untold("address")
    street, city, postcode = (nulled(values, homeless) for values in (street, city, postcode))

    ids = scattered("C", codes)
    written = {
        "source_customer_id": ids,
        "full_name": name,
        "first_name": nulled(first, till),
        "last_name": nulled(last, till),
        "email": email,
        "phone": phone,
        "birth_date": nulled(_misdated(rng, people.birth[person]), untold("birth")),
        "street": street,
        "city": city,
        "postcode": postcode,
        "loyalty_card": card,
        "loyalty_tier": nulled(
            picked(["silver", "gold", "platinum"], person % 3), pc.is_null(card).to_numpy(False)
        ),
        "visitor_id": visitor_ids(np.where(untold("visitor"), -1, visitors(person, kind % 2)), tenant),
    }
    address = pc.binary_join_element_wise(street, city, ", ")
    return Records(codes, ids, name, email, phone, address, card), written


def _named(
    rng: np.random.Generator, tenant: Tenant, people: People, person: Ints, bare: Bools
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """First name, last name and whole name: one word of some misspelt, initials, in either order."""
    style, slip = rng.random(len(person)), rng.random(len(person))
    first = _spelt(names.VI_GIVEN if tenant.vietnamese else names.EN_GIVEN, people.given[person], bare)
    last = _spelt(names.VI_FAMILY if tenant.vietnamese else names.EN_FAMILY, people.family[person], bare)
    first = pc.if_else(pa.array(slip < 0.035), pc.utf8_replace_slice(first, 2, 3, ""), first)
    last = pc.if_else(pa.array(slip > 0.965), pc.utf8_replace_slice(last, 2, 3, ""), last)
    if tenant.vietnamese:
        middle = _spelt(names.VI_MIDDLE, people.middle[person], bare)
        whole = pc.binary_join_element_wise(last, middle, first, " ")
        return first, last, pc.if_else(pa.array(style < 0.72), whole, joined(first, " ", last))
    whole = joined(first, " ", last)
    initial = joined(pc.utf8_slice_codeunits(first, 0, 1), " ", last)
    turned = joined(last, ", ", first)
    name = pc.if_else(pa.array(style < 0.12), initial, pc.if_else(pa.array(style > 0.94), turned, whole))
    return first, last, name


def _mailed(rng: np.random.Generator, tenant: Tenant, people: People, person: Ints, kind: Ints) -> pa.Array:
    """E-mail addresses, first or second, some with a letter missing or wrong, or in capitals."""
    rows = len(person)
    every = np.ones(rows, dtype=bool)
    given = _spelt(names.VI_GIVEN if tenant.vietnamese else names.EN_GIVEN, people.given[person], every)
    family = _spelt(names.VI_FAMILY if tenant.vietnamese else names.EN_FAMILY, people.family[person], every)
    second = (rng.random(rows) < 0.2) | (kind % 2 == 1) & (kind < STORE)
    number = np.where(second, people.second_mail[person], people.mail[person])
    host = picked(names.HOSTS, number % len(names.HOSTS))
    host = pc.if_else(pa.array(rng.random(rows) < 0.05), pc.replace_substring(host, ".com", ".con"), host)
    stem = joined(pc.utf8_lower(given), ".", pc.utf8_lower(family))
    email = joined(stem, pa.array(number).cast(pa.string()), "@", host)
    email = pc.if_else(pa.array(rng.random(rows) < 0.05), pc.utf8_replace_slice(email, 1, 2, ""), email)
    return pc.if_else(pa.array(rng.random(rows) < 0.1), pc.utf8_upper(email), email)


def _misdated(rng: np.random.Generator, days: Ints) -> pa.Array:
    """Dates of which some are one year off, ten days off, or have day and month exchanged."""
    slip = rng.random(len(days))
    date = days.astype("datetime64[D]")
    month_start = date.astype("datetime64[M]")
    day, month = (date - month_start).astype(np.int64), month_start.astype(np.int64)
    exchanged = (month // 12 * 12 + day).astype("datetime64[M]").astype("datetime64[D]") + month % 12
    exchanged = np.where(day < 12, exchanged, date)
    another_year = (month + 12).astype("datetime64[M]").astype("datetime64[D]") + np.minimum(day, 27)
    written = np.select(
        [slip < 0.015, slip < 0.025, slip < 0.035], [exchanged, another_year, date + 10], date
    )
    return pa.array(written)


def _spelt(words: list[str], indices: Ints, bare: Bools) -> pa.Array:
    """Words by index, without diacritics where ``bare``."""
    both = list(words) + [names.plain(word) for word in words]
    return picked(both, indices + bare * len(words))


def _dialled(rng: np.random.Generator, tenant: Tenant, number: Ints) -> pa.Array:
    """Phone numbers as people type them."""
    digits = pa.array(number).cast(pa.string())
    code = {"VN": "84", "AU": "61"}.get(tenant.country, "1")
    national = joined("0" if code != "1" else "", digits)
    spaced = pc.binary_join_element_wise(
        f"+{code}",
        pc.utf8_slice_codeunits(digits, 0, 3),
        pc.utf8_slice_codeunits(digits, 3, 6),
        pc.utf8_slice_codeunits(digits, 6, 9),
        " ",
    )
    style = rng.random(len(number))
    bare_code = joined(code, digits)
    return pc.if_else(pa.array(style < 0.6), national, pc.if_else(pa.array(style < 0.9), spaced, bare_code))
