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

STORE, CRM, GUEST = 4, 5, 6
"""Kinds of a person's records beside the web accounts 0 to 3 (shop times two plus account)."""


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
    """What systems know of persons: one element per person and kind of record, in the order of ``codes``."""

    codes: Ints
    """Person times 8 plus kind, ascending."""
    ids: pa.Array
    name: pa.Array
    email: pa.Array
    phone: pa.Array
    address: pa.Array
    card: pa.Array

    def find(self, persons: Ints, kinds: Ints) -> Ints:
        """Places of the records of persons and kinds."""
        return np.searchsorted(self.codes, persons * 8 + kinds).astype(np.int64)


def populate(rng: np.random.Generator, scene: Scene, scale: float) -> People:
    """Make a tenant's persons and note how they truly are."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    count = max(50, round(PERSONS * scale * tenant.share))
    span = calendar.last - calendar.first + 1
    enters = calendar.first - 150 + (rng.random(count) * (span + 150)).astype(np.int64)
    lives = rng.exponential(1.0, count) * rng.gamma(2.0, 110.0, count)
    families = rng.permutation(count) // 3
    homes = families.max() + 1
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
        given=rng.integers(0, len(names.VI_GIVEN if tenant.vietnamese else names.EN_GIVEN), count),
        phone=_phones(rng, count),
        second_phone=_phones(rng, count),
        household_phone=np.where(shares_phone[families], _phones(rng, homes)[families], -1),
        mail=rng.integers(1, 10_000, count),
        birth=rng.integers(-9_000, 13_500, count),
        street=rng.integers(0, 7, homes)[families],
        house=rng.integers(1, 400, homes)[families],
        city=rng.integers(0, 7, homes)[families],
        has_card=rng.random(count) < 0.4,
    )
    book.note(
        "persons",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, count),
                "person_id": person_ids(np.arange(count)),
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
) -> Records:
    """Make the records under which persons were seen, write those that systems hold, note whose they are.

    Args:
        rng: source of chance.
        scene: whose records they are.
        people: its persons.
        persons: person of each sighting.
        kinds: kind of record of each sighting (web account, ``STORE`` or ``GUEST``).
        first_seen: instant of each sighting.
    """
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    members = np.flatnonzero((rng.random(len(people)) < 0.32) & (people.enters <= calendar.last))
    joins = calendar.within(np.maximum(people.enters[members], calendar.first), rng.random(len(members)))
    codes = np.concatenate([persons * 8 + kinds, members * 8 + CRM])
    seen = np.concatenate([first_seen, joins])
    order = np.lexsort((seen, codes))
    codes, seen = codes[order], seen[order]
    fresh = np.concatenate([[True], codes[1:] != codes[:-1]]) if len(codes) else np.zeros(0, dtype=bool)
    codes, seen = codes[fresh], seen[fresh]
    person, kind = codes // 8, codes % 8
    known_before = (people.enters[person] < calendar.first) & (kind != GUEST)
    created = np.where(known_before, calendar.opens - rng.integers(1, 200 * DAY, len(codes)), seen - 30)
    records, written = _describe(rng, tenant, people, codes)

    held = np.flatnonzero(kind != GUEST)
    sources = [shop.source for shop in tenant.shops for _ in (0, 1)] + ["-"] * (4 - 2 * len(tenant.shops))
    sources += [tenant.store or "-", "crm", "-"]
    source = picked(sources, kind)
    revised = held[rng.random(len(held)) < 0.08]
    moved = np.maximum(created[revised], calendar.opens) + 1
    moved = moved + (rng.random(len(revised)) * (calendar.ends - 1 - moved)).astype(np.int64)
    former, _ = _describe(rng, tenant, people, codes)
    phone_before, mail_before = former.phone.take(pa.array(revised)), former.email.take(pa.array(revised))
    updated = created.copy()
    updated[revised] = moved
    for places, at, changes in (
        (revised, created[revised], {"phone": phone_before, "email": mail_before}),
        (held, updated[held], {}),
    ):
        taken = {name: values.take(pa.array(places)) for name, values in written.items()}
        book.write(
            "customers",
            {
                **taken,
                **changes,
                "tenant_id": tenant.tenant_id,
                "source": source.take(pa.array(places)),
                "country_code": tenant.country,
                "created_at": created[places],
                "updated_at": at,
            },
            np.clip(at, calendar.opens, calendar.ends - 1),
            source.take(pa.array(places)),
        )
    book.note(
        "record_persons",
        pa.table(
            {
                "tenant_id": pa.repeat(tenant.tenant_id, len(held)),
                "source": source.take(pa.array(held)),
                "source_customer_id": records.ids.take(pa.array(held)),
                "person_id": person_ids(person[held]),
            }
        ),
    )
    return records


def visitors(persons: Ints, devices: Ints) -> Ints:
    """Numbers of persons' browsers (device 0 or 1)."""
    return persons * 2 + devices


def visitor_ids(numbers: Ints, tenant: Tenant) -> pa.Array:
    """Cookies of browsers by number; -1 becomes null."""
    return scattered(f"v{tenant.tenant_id[0]}", numbers)


def _phones(rng: np.random.Generator, count: int) -> Ints:
    """National numbers without their leading zero."""
    return rng.integers(300_000_000, 999_999_999, count)


def _describe(
    rng: np.random.Generator, tenant: Tenant, people: People, codes: Ints
) -> tuple[Records, dict[str, pa.Array]]:
    """Write down persons as clerks, forms and typing fingers do: incomplete, changed, misspelt."""
    person, kind, rows = codes // 8, codes % 8, len(codes)
    till, crm = kind == STORE, kind == CRM
    family_words = names.VI_FAMILY if tenant.vietnamese else names.EN_FAMILY
    given_words = names.VI_GIVEN if tenant.vietnamese else names.EN_GIVEN
    family, given = people.family[person], people.given[person]

    style = rng.random(rows)
    bare = rng.random(rows) < 0.5
    first, last = _spelt(given_words, given, bare), _spelt(family_words, family, bare)
    if tenant.vietnamese:
        middle = _spelt(names.VI_MIDDLE, people.middle[person], bare)
        last_first = pc.binary_join_element_wise(last, middle, first, " ")
        name = pc.if_else(pa.array(style < 0.72), last_first, pc.binary_join_element_wise(first, last, " "))
    else:
        name = pc.binary_join_element_wise(first, last, " ")
        initial = pc.binary_join_element_wise(pc.utf8_slice_codeunits(first, 0, 1), last, " ")
        turned = pc.binary_join_element_wise(last, first, ", ")
        name = pc.if_else(pa.array(style < 0.12), initial, pc.if_else(pa.array(style > 0.94), turned, name))
    misspelt = rng.random(rows) < 0.07
    name = pc.if_else(pa.array(misspelt), pc.utf8_replace_slice(name, 2, 3, ""), name)

    stems = joined(
        pc.utf8_lower(_spelt(given_words, given, np.ones(rows, dtype=bool))),
        ".",
        pc.utf8_lower(_spelt(family_words, family, np.ones(rows, dtype=bool))),
    )
    second = (rng.random(rows) < 0.24) | (kind % 2 == 1) & (kind < STORE)
    tail = np.where(second, (people.mail[person] * 7 + 3) % 9_999, people.mail[person])
    host = np.where(
        second, (people.mail[person] + 2) % len(names.HOSTS), people.mail[person] % len(names.HOSTS)
    )
    email = joined(stems, pa.array(tail).cast(pa.string()), "@", picked(names.HOSTS, host))
    email = pc.if_else(pa.array(rng.random(rows) < 0.04), pc.utf8_replace_slice(email, 1, 2, ""), email)
    email = pc.if_else(pa.array(rng.random(rows) < 0.1), pc.utf8_upper(email), email)
    no_mail = rng.random(rows) > np.where(till, 0.22, np.where(crm, 0.72, 0.96))
    email = nulled(email, no_mail)

    which = rng.random(rows)
    household = (people.household_phone[person] >= 0) & (rng.random(rows) < 0.42)
    number = np.where(which < 0.78, people.phone[person], people.second_phone[person])
    number = np.where(household, people.household_phone[person], number)
    clerk = till & (rng.random(rows) < 0.004)
    number = np.where(clerk, 900_000_000, number)
    phone = _dialled(rng, tenant, number)
    phone = nulled(phone, rng.random(rows) > np.where(till, 0.78, 0.88))

    card = numbered("LC", (person * 48_271 + 11) % 99_999_989, 8)
    card = nulled(card, ~people.has_card[person] | ~crm & (rng.random(rows) > np.where(till, 0.42, 0.05)))

    streets = names.VI_STREETS if tenant.vietnamese else names.EN_STREETS
    cities = {"VN": names.VI_CITIES, "AU": names.AU_CITIES}.get(tenant.country, names.US_CITIES)
    moved = rng.random(rows) < 0.12
    house = np.where(moved, (people.house[person] * 3 + 1) % 400 + 1, people.house[person])
    street = joined(pa.array(house).cast(pa.string()), " ", _spelt(streets, people.street[person], bare))
    city = _spelt(cities, people.city[person], bare)
    homeless = rng.random(rows) > np.where(till, 0.08, np.where(crm, 0.6, 0.9))
    street, city = nulled(street, homeless), nulled(city, homeless)

    born = people.birth[person] + (rng.random(rows) < 0.03) * 30
    birth = pa.array(born.astype(np.int32)).cast(pa.date32())
    birth = nulled(birth, rng.random(rows) > np.where(till, 0.08, np.where(crm, 0.66, 0.25)))

    ids = scattered("C", codes)
    cookie = visitor_ids(np.where(~till & (rng.random(rows) < 0.6), visitors(person, kind % 2), -1), tenant)
    written = {
        "source_customer_id": ids,
        "full_name": name,
        "first_name": nulled(first, till),
        "last_name": nulled(last, till),
        "email": email,
        "phone": phone,
        "birth_date": birth,
        "street": street,
        "city": city,
        "postcode": nulled(
            numbered("", 1_000 + people.city[person] * 113 + people.street[person], 5), homeless
        ),
        "loyalty_card": card,
        "loyalty_tier": nulled(
            picked(["silver", "gold", "platinum"], person % 3), pc.is_null(card).to_numpy(False)
        ),
        "visitor_id": cookie,
    }
    address = pc.binary_join_element_wise(street, city, ", ")
    return Records(codes, ids, name, email, phone, address, card), written


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
