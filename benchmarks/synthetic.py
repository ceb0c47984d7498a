"""Made-up persons and what sources wrote of them: as many records as wanted, the same by seed.

About 70 % of the persons have one record, the others two to six. Names follow a steep distribution, as real
ones do, so that agreement on a rare one says more. Households share street, phone and mostly the surname;
their members differ in first name and birth date, but for some twins and some children of a parent's name:
who merges by address or phone merges them. Records differ by source in what they hold, and have typos,
nicknames, initials, swapped days and months, former addresses and surnames, second e-mails and phones, one
phone of hundreds, and values that stand for none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import yaml

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Text: TypeAlias = pa.Array

_WORDS = yaml.safe_load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8"))
FIRST_NAMES, SURNAMES, HEADS, TAILS, STREETS = (
    _WORDS[name].split() for name in ("first_names", "surnames", "heads", "tails", "streets")
)
NICKNAMES: dict[str, str] = _WORDS["nicknames"]

KINDS = ("street", "road", "avenue", "lane", "drive", "court", "way", "place")
SHORT_KINDS = ("st", "rd", "ave", "ln", "dr", "ct", "way", "pl")
DOMAINS = (
    "gmail.com",
    "yahoo.com",
    "hotmail.com",
    "outlook.com",
    "icloud.com",
    "example.org",
    "mail.example",
)
REGIONS = {
    "US": (
        "AL",
        "AZ",
        "CA",
        "CO",
        "FL",
        "GA",
        "IL",
        "IN",
        "MA",
        "MI",
        "MN",
        "MO",
        "NJ",
        "NY",
        "OH",
        "PA",
        "TX",
    ),
    "GB": ("Kent", "Essex", "Devon", "Dorset", "Surrey", "Norfolk", "Suffolk", "Cumbria", "Durham"),
    "AU": ("NSW", "VIC", "QLD", "WA", "SA", "TAS", "ACT", "NT"),
}
COUNTRIES = tuple(REGIONS)
OF_COUNTRIES = (0.7, 0.15, 0.15)
AREA_CODES = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229,
    231, 234, 239, 240, 248, 251, 252, 253, 254,
)  # fmt: skip
"""All that a number begins with is valid in its country, so that whoever checks numbers keeps these."""

CITIES = 1500
RARE_SURNAMES = 6000
STREET_NAMES = 800

SOURCES = ("web", "store", "app")
HELD = {
    "birth_date": (0.65, 0.45, 0.80),
    "email": (0.97, 0.35, 0.92),
    "phone": (0.70, 0.75, 0.65),
    "address": (0.90, 0.45, 0.60),
    "loyalty_card": (0.10, 0.70, 0.45),
}
"""Share of the records of each source that hold the field."""

SIZES = (0.70, 0.15, 0.075, 0.04, 0.022, 0.013)
"""Share of the persons with 1 to 6 records."""

HOUSEHOLDS = (0.45, 0.30, 0.15, 0.10)
"""Share of the households with 1 to 4 members."""

BORN_FIRST = np.datetime64("1935-01-01")
HUB_SHARE = 0.002
HUB_RECORDS = 400
"""How many records leave the same phone, that of a hotel or a reseller."""


def synthetic(count: int, seed: int, tenants: int = 1) -> pa.Table:
    """Make records of persons.

    Args:
        count: number of records.
        seed: the same one gives the same records.
        tenants: number of tenants, each with persons of its own.

    Returns:
        A table in no order, all text: record_id, tenant_id, record_source, first_name, last_name, email,
        phone, birth_date, street, city, postcode, state, country, loyalty_card, and ``person``, the truth.

    Raises:
        ValueError: when there would be no record or no tenant.
    """
    if count < 1 or tenants < 1:
        raise ValueError(f"{count} records of {tenants} tenants cannot be made; ask for at least one of each")
    random = np.random.default_rng(seed)
    sizes = 1 + random.choice(len(SIZES), count, p=SIZES)
    person = random.permutation(np.repeat(np.arange(count), sizes)[:count])
    source = random.choice(len(SOURCES), count, p=(0.5, 0.3, 0.2))
    held = {name: random.random(count) < np.array(shares)[source] for name, shares in HELD.items()}
    people = _people(random, int(person.max()) + 1)
    held["loyalty_card"] &= (random.random(people.count) < 0.5)[person]
    # Whoever leaves neither a card nor a phone leaves an e-mail.
    held["email"] |= ~held["phone"] & ~held["loyalty_card"]

    places = _places(random, people)
    columns = {
        "record_id": _joined("r", _padded(np.arange(count), 8)),
        "tenant_id": _joined("tenant", _text(people.household[person] % tenants)),
        "record_source": _taken(SOURCES, source),
        **_names(random, people, person),
        "email": _emails(random, people, person),
        "phone": _phones(random, people, places.country[people.household], person),
        "birth_date": _birth_dates(random, people.born[person]),
        **_addresses(random, people, places, person),
        "country": _taken(COUNTRIES, places.country[people.household][person]),
        "loyalty_card": _joined("LC", _padded(person * 7_919 + 10_000_000, 10)),
        "person": _joined("p", _padded(person, 8)),
    }
    for address in ("street", "city", "postcode", "state"):
        held[address] = held["address"] & (random.random(count) < 0.97)
    held["first_name"] = random.random(count) < 0.97
    held["last_name"] = random.random(count) < 0.98
    return pa.table(
        {name: _only(text, held[name]) if name in held else text for name, text in columns.items()}
    )


@dataclass(frozen=True)
class _People:
    """One row per person; words by their number in a list, days since ``BORN_FIRST``."""

    household: Numbers
    head: Numbers
    """The first person of the household."""
    first: Numbers
    last: Numbers
    born: Numbers
    surnames: Text

    @property
    def count(self) -> int:
        return len(self.household)


@dataclass(frozen=True)
class _Places:
    """One row per address: those of the households, then former ones of persons."""

    number: Numbers
    street: Numbers
    kind: Numbers
    city: Numbers
    postcode: Numbers
    country: Numbers
    former: Numbers
    """One per person: the former address, or the present one of who has not moved."""


def _people(random: np.random.Generator, count: int) -> _People:
    sizes = 1 + random.choice(len(HOUSEHOLDS), count, p=HOUSEHOLDS)
    household = np.repeat(np.arange(count), sizes)[:count]
    starts = np.cumsum(sizes) - sizes
    head = starts[household]
    member = np.arange(count) - head
    surnames = _unique_words([*SURNAMES, *_composed(random, HEADS, TAILS, RARE_SURNAMES)])
    first = _steep(random, len(FIRST_NAMES), 5, 0.9, count)
    last = _steep(random, len(surnames), 10, 0.95, count)
    last = np.where(random.random(count) < 0.8, last[head], last)
    adult = random.integers(0, 22_000, count)
    partner = np.abs(adult[head] + random.integers(-3_000, 3_000, count))
    child = adult[head] + random.integers(7_500, 13_000, count)
    born = np.select([member == 0, member == 1], [adult, partner], child)
    twin = (member > 0) & (random.random(count) < 0.015)
    born = np.where(twin, born[np.maximum(np.arange(count) - 1, 0)], born)
    namesake = (member > 1) & (random.random(count) < 0.02)
    first = np.where(namesake, first[head], first)
    return _People(household, head, first, last, born, pa.array(surnames))


def _names(random: np.random.Generator, people: _People, person: Numbers) -> dict[str, Text]:
    count = len(person)
    changed = random.random(people.count) < 0.025
    other = _steep(random, len(people.surnames), 10, 0.95, people.count)
    wed = changed[person] & (random.random(count) < 0.5)
    last = people.surnames.take(np.where(wed, other[person], people.last[person]))
    first = _taken(FIRST_NAMES, people.first[person])
    nicknames = _taken([NICKNAMES.get(name, name) for name in FIRST_NAMES], people.first[person])
    first = pc.if_else(random.random(count) < 0.12, nicknames, first)
    first = pc.if_else(random.random(count) < 0.03, pc.utf8_slice_codeunits(first, 0, 1), first)
    middle = pc.utf8_slice_codeunits(_taken(FIRST_NAMES, people.last[person] % len(FIRST_NAMES)), 0, 1)
    first = pc.if_else(random.random(count) < 0.03, _joined(first, " ", middle), first)
    first, last = (_mistyped(random, text, 0.04) for text in (first, last))
    swapped = random.random(count) < 0.005
    first, last = pc.if_else(swapped, last, first), pc.if_else(swapped, first, last)
    return {"first_name": _cased(random, first), "last_name": _cased(random, last)}


def _emails(random: np.random.Generator, people: _People, person: Numbers) -> Text:
    count = people.count
    first, last = _taken(FIRST_NAMES, people.first), people.surnames.take(people.last)
    some = _text(random.integers(1, 1000, count))
    initial = pc.utf8_slice_codeunits(first, 0, 1)
    style = random.integers(0, 5, count)
    own = pc.choose(
        pa.array(style),
        _joined(first, ".", last),
        _joined(first, last, some),
        _joined(initial, last, some),
        _joined(last, ".", first, some),
        _joined(first, some),
    )
    second = _joined(initial, "_", last, some)
    numbers = np.arange(count)
    own, second = (
        _joined(_apart(name, numbers), "@", _taken(DOMAINS, _steep(random, len(DOMAINS), 1, 1.0, count)))
        for name in (own, second)
    )
    shared = random.random(count) < 0.02
    own = own.take(np.where(shared, people.head, numbers))
    has_second = random.random(count) < 0.2
    takes_second = has_second[person] & (random.random(len(person)) < 0.4)
    email = pc.if_else(takes_second, second.take(person), own.take(person))
    email = _mistyped(random, email, 0.025)
    email = pc.if_else(random.random(len(person)) < 0.05, pc.utf8_capitalize(email), email)
    return pc.if_else(random.random(len(person)) < 0.005, "noreply@shop.example", email)


def _phones(random: np.random.Generator, people: _People, country: Numbers, person: Numbers) -> Text:
    """Write numbers of persons, of households and of hubs, which no two have in common otherwise."""
    count = len(person)
    mobile, second = 2 * person, 2 * person + 1
    landline = 2 * people.count + people.household[person]
    has_second = random.random(people.count) < 0.15
    at_home = (random.random(people.count) < 0.4)[people.head]
    line = np.where(has_second[person] & (random.random(count) < 0.4), second, mobile)
    line = np.where(at_home[person] & (random.random(count) < 0.6), landline, line)
    hubs = 3 * people.count + random.integers(0, max(1, int(count * HUB_SHARE) // HUB_RECORDS), count)
    at_hub = random.random(count) < HUB_SHARE
    line = np.where(at_hub, hubs, line)

    lands = np.where(at_hub, 0, country[person])
    code = (line * 7_368_787 + 1_234_567) % (len(AREA_CODES) * 8_000_000)
    area = np.array(AREA_CODES)[code // 8_000_000]
    american = area * 10_000_000 + 2_000_000 + code % 8_000_000
    british = 7_100_000_000 + code
    australian = 400_000_000 + (line * 7_368_787) % 40_000_000
    digits = _text(np.select([lands == 0, lands == 1], [american, british], australian))
    parts = [pc.utf8_slice_codeunits(digits, *span) for span in ((0, 3), (3, 6), (6, 10))]
    prefix = _taken(("+1", "+44", "+61"), lands)
    trunk = _taken(("", "0", "0"), lands)
    style = np.where(at_hub, 0, random.choice(4, count, p=(0.4, 0.3, 0.2, 0.1)))
    digits = _mistyped(random, digits, 0.015)
    phone = pc.choose(
        pa.array(style),
        _joined(prefix, digits),
        _joined(trunk, digits),
        _joined(trunk, parts[0], " ", parts[1], " ", parts[2]),
        _joined(prefix, " ", parts[0], "-", parts[1], "-", parts[2]),
    )
    return pc.if_else(random.random(count) < 0.007, "0000000000", phone)


def _birth_dates(random: np.random.Generator, born: Numbers) -> Text:
    count = len(born)
    text = pc.cast(pa.array(BORN_FIRST + born), pa.string())
    year, month, day = (pc.utf8_slice_codeunits(text, *span) for span in ((0, 4), (5, 7), (8, 10)))
    swapped = pc.and_(pc.less_equal(day, "12"), pa.array(random.random(count) < 0.03))
    text = pc.if_else(swapped, _joined(year, "-", day, "-", month), text)
    # Typed digits are other digits: what is no date at all would have been refused.
    digit = _text(random.integers(0, 10, count))
    wrong = [
        _joined(pc.utf8_slice_codeunits(text, 0, 3), digit, pc.utf8_slice_codeunits(text, 4, 10)),
        _joined(pc.utf8_slice_codeunits(text, 0, 5), "0", _text(random.integers(1, 10, count)), "-", day),
        _joined(pc.utf8_slice_codeunits(text, 0, 8), "1", digit),
    ]
    kind = random.choice(4, count, p=(0.97, 0.01, 0.01, 0.01))
    text = pc.choose(pa.array(kind), text, *wrong)
    return pc.if_else(random.random(count) < 0.007, "1900-01-01", text)


def _places(random: np.random.Generator, people: _People) -> _Places:
    households = int(people.household[-1]) + 1
    moved = random.random(people.count) < 0.15
    count = households + int(moved.sum())
    former = people.household.copy()
    former[moved] = households + np.arange(count - households)
    city = _steep(random, CITIES, 8, 0.9, count)
    near = random.random(people.count) < 0.6
    city[former[moved]] = np.where(near, city[people.household], city[former])[moved]
    codes = np.maximum(1, 300 // (1 + np.arange(CITIES) // 4))
    postcode = (np.cumsum(codes) - codes)[city] + (random.random(count) * codes[city]).astype(np.int64)
    lands = random.choice(len(COUNTRIES), CITIES, p=OF_COUNTRIES)
    return _Places(
        number=random.integers(1, 300, count),
        street=_steep(random, STREET_NAMES, 15, 0.8, count),
        kind=_steep(random, len(KINDS), 1, 1.0, count),
        city=city,
        postcode=postcode,
        country=lands[city],
        former=former,
    )


def _addresses(
    random: np.random.Generator, people: _People, places: _Places, person: Numbers
) -> dict[str, Text]:
    count = len(person)
    earlier = random.random(count) < 0.45
    place = np.where(earlier, places.former[person], people.household[person])
    streets = _unique_words([*STREETS, *_composed(random, HEADS, TAILS, 2 * STREET_NAMES)])
    cities = _unique_words(_composed(random, HEADS, TAILS, 2 * CITIES))
    short = random.random(count) < 0.3
    kind = pc.if_else(short, _taken(SHORT_KINDS, places.kind[place]), _taken(KINDS, places.kind[place]))
    number = _text(places.number[place])
    flat = _joined(_text(random.integers(1, 30, len(places.number))[place]), "/", number)
    in_flat = (random.random(len(places.number)) < 0.2)[place]
    number = pc.if_else(in_flat, flat, number)
    street = _mistyped(random, _joined(number, " ", _taken(streets, places.street[place]), " ", kind), 0.04)
    city = _mistyped(random, _taken(cities, places.city[place]), 0.025)
    lands, code = places.country[place], places.postcode[place]
    british = _joined(
        _taken("ABCDEGHKLMNPRSTW", code % 16), _text(code // 16 % 90 + 1), " ", _text(code % 9 + 1),
        _taken("ABDEFGHJLN", code // 9 % 10), _taken("PQRSTUWXYZ", code // 3 % 10),
    )  # fmt: skip
    postcode = pc.choose(
        pa.array(lands), _padded(10_000 + code * 11, 5), british, _text(2_000 + code % 8_000)
    )
    names = [name for country in COUNTRIES for name in REGIONS[country]]
    begin = np.cumsum([0, *(len(REGIONS[country]) for country in COUNTRIES)])
    region = begin[lands] + places.city[place] % np.diff(begin)[lands]
    return {
        "street": _cased(random, street),
        "city": _cased(random, city),
        "postcode": _mistyped(random, postcode, 0.015),
        "state": _taken(names, region),
    }


def _mistyped(random: np.random.Generator, text: Text, share: float) -> Text:
    """Insert, delete, substitute or transpose one character of some of the texts, digits for digits."""
    chosen = random.random(len(text)) < share
    if not chosen.any():
        return text
    written = text.filter(pa.array(chosen)).to_numpy(zero_copy_only=False).astype(np.str_)
    count, width = len(written), written.dtype.itemsize // 4
    letters = np.zeros((count, width + 1), np.uint32)
    letters[:, :width] = written.view(np.uint32).reshape(count, width)
    length = (letters > 0).sum(axis=1)
    at = (random.random(count) * np.maximum(length - 1, 1)).astype(np.int64)[:, None]
    kind = random.integers(0, 4, count)[:, None]
    column = np.arange(width + 1)[None, :]
    insert, delete, substitute, transpose = (kind == number for number in range(4))
    transpose = transpose & (length[:, None] > 1)
    origin = np.where(
        insert & (column > at), column - 1, np.where(delete & (column >= at), column + 1, column)
    )
    origin = np.where(
        transpose & (column == at), at + 1, np.where(transpose & (column == at + 1), at, origin)
    )
    typed = np.take_along_axis(letters, np.minimum(origin, width), axis=1)
    old = np.take_along_axis(letters, at, axis=1)
    digit = (old >= ord("0")) & (old <= ord("9"))
    new = np.where(
        digit, ord("0") + random.integers(0, 10, (count, 1)), ord("a") + random.integers(0, 26, (count, 1))
    )
    typed = np.where((insert | substitute) & (column == at), new, typed).astype(np.uint32)
    result = np.ascontiguousarray(typed).view(f"<U{width + 1}").reshape(count)
    return pc.replace_with_mask(text, pa.array(chosen), pa.array(result.astype(object), pa.string()))


def _cased(random: np.random.Generator, text: Text) -> Text:
    style = random.choice(3, len(text), p=(0.85, 0.08, 0.07))
    return pc.choose(pa.array(style), pc.utf8_title(text), text, pc.utf8_upper(text))


def _apart(names: Text, numbers: Numbers) -> Text:
    """Give each but the first of equal names a number, as providers of e-mail do."""
    codes = pc.dictionary_encode(names).indices.to_numpy(zero_copy_only=False)
    again = np.ones(len(names), np.bool_)
    again[np.unique(codes, return_index=True)[1]] = False
    return pc.if_else(again, _joined(names, "_", _text(numbers)), names)


def _steep(random: np.random.Generator, words: int, offset: float, power: float, count: int) -> Numbers:
    """Draw numbers of words whose frequency falls with their rank (Zipf and Mandelbrot)."""
    weights = (np.arange(1, words + 1) + offset) ** -power
    bounds = np.cumsum(weights / weights.sum())
    return np.minimum(np.searchsorted(bounds, random.random(count), side="right"), words - 1)


def _composed(
    random: np.random.Generator, heads: Sequence[str], tails: Sequence[str], count: int
) -> list[str]:
    pairs = random.choice(len(heads) * len(tails), min(count, len(heads) * len(tails)), replace=False)
    return [heads[pair // len(tails)] + tails[pair % len(tails)] for pair in pairs]


def _unique_words(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _only(text: Text, held: Flags) -> Text:
    return pc.if_else(pa.array(held), text, pa.scalar(None, pa.string()))


def _joined(*parts: Text | str) -> Text:
    return pc.binary_join_element_wise(*parts, "")


def _taken(words: Sequence[str], numbers: Numbers) -> Text:
    return pa.array(list(words)).take(pa.array(numbers))


def _text(numbers: Numbers) -> Text:
    return pc.cast(pa.array(numbers), pa.string())


def _padded(numbers: Numbers, width: int) -> Text:
    return pc.utf8_lpad(_text(numbers), width, padding="0")
