"""What sources wrote of persons becomes comparable, and nothing is made up on the way."""

import random
import re
from collections.abc import Callable, Iterator

import duckdb
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberFormat

from include.identity.normalise import (
    COLUMNS,
    NO_VALUES,
    define_macros,
    normalise,
    normalised_one,
    regions_of,
    to_e164,
)

REGIONS = {"VN": "84", "AU": "61", "US": "1", "GB": "44"}
OUTPUT = (
    "given",
    "family",
    "middle",
    "email",
    "email_local",
    "phone",
    "birth",
    "street",
    "house",
    "postcode",
)

Row = dict[str, str | None]
Reader = Callable[..., list[Row]]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connected:
        connected.execute("set threads = 1")
        define_macros(connected)
        yield connected


@pytest.fixture(scope="module")
def read(connection: duckdb.DuckDBPyConnection) -> Reader:
    def told(rows: list[Row], **options: str) -> list[Row]:
        names = sorted({name for row in rows for name in row})
        table = pa.table(
            {
                "record_id": [f"{number:06}" for number in range(len(rows))],
                **{name: pa.array([row.get(name) for row in rows], pa.string()) for name in names},
            }
        )
        connection.register("given_rows", table)
        columns = [name for name in names if name in COLUMNS]
        others = [name for name in names if name not in COLUMNS]
        normalise(connection, "given_rows", "told", columns, others, country=options.get("country"))
        return list(connection.sql("select * from told order by uid").to_arrow_table().to_pylist())

    return told


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        (" An.Nguyen+Sale@GMail.com ", "annguyen@gmail.com"),
        ("an.nguyen@googlemail.com", "annguyen@gmail.com"),
        ("an.nguyen+sale@outlook.com", "an.nguyen@outlook.com"),
        ("an.nguyen-sale@yahoo.com.vn", "an.nguyen@yahoo.com.vn"),
        ("an.nguyen+sale@company.vn", "an.nguyen+sale@company.vn"),
        ("an-nguyen@company.vn", "an-nguyen@company.vn"),
        ("noreply@shop.vn", None),
        ("an@example.com", None),
        ("+sale@gmail.com", None),
        ("an@nguyen@gmail.com", None),
        ("an nguyen@gmail.com", None),
        ("an@localhost", None),
        ("n/a", None),
        ("", None),
    ],
)
def test_mailboxes_follow_their_providers_rules(read: Reader, written: str, read_as: str | None) -> None:
    (row,) = read([{"email": written}])
    assert row["email"] == read_as
    assert row["email_local"] == (read_as.split("@")[0] if read_as else None)


def valid_numbers(region: str, wanted: int) -> list[phonenumbers.PhoneNumber]:
    """Random numbers of eight digits and more that the region's plan has."""
    chance = random.Random(region)
    plan = PhoneMetadata.metadata_for_region(region)
    assert plan is not None
    assert plan.general_desc is not None
    lengths = [length for length in plan.general_desc.possible_length if length >= 8]
    found: list[phonenumbers.PhoneNumber] = []
    while len(found) < wanted:
        national = str(chance.randint(1, 9)) + "".join(
            str(chance.randint(0, 9)) for _ in range(chance.choice(lengths) - 1)
        )
        number = phonenumbers.PhoneNumber(country_code=int(REGIONS[region]), national_number=int(national))
        if phonenumbers.is_valid_number_for_region(number, region) and len(set(national)) > 3:
            found.append(number)
    return found


def notations(number: phonenumbers.PhoneNumber) -> list[str]:
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    digits = re.sub(r"\D", "", national)
    code, significant = number.country_code, phonenumbers.national_significant_number(number)
    return [
        phonenumbers.format_number(number, PhoneNumberFormat.E164),
        phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL),
        phonenumbers.format_number(number, PhoneNumberFormat.RFC3966),
        national,
        digits,
        national.replace(" ", "."),
        f"  {national} ",
        f"00{code} {significant}",
        f"+{code} (0){significant}" if code != 1 else f"+{code}-{significant}",
        f"{national} ext. 12",
    ]


@pytest.mark.parametrize("region", REGIONS)
def test_valid_numbers_read_as_the_library_reads_them(read: Reader, region: str) -> None:
    told = [(number, text) for number in valid_numbers(region, 120) for text in notations(number)]
    rows = read([{"phone": text, "country": region.lower()} for _, text in told])
    wrong = {
        text: row["phone"]
        for (number, text), row in zip(told, rows, strict=True)
        if row["phone"]
        != phonenumbers.format_number(
            phonenumbers.parse(text.split(" ext")[0], region) if "ext" in text else number,
            PhoneNumberFormat.E164,
        )
    }
    assert not wrong


def test_numbers_of_other_countries_are_read_by_their_own_plans(read: Reader) -> None:
    told = [
        (home, phonenumbers.format_number(number, form), number)
        for region in REGIONS
        for number in valid_numbers(region, 20)
        for home in (*REGIONS, None)
        for form in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL)
    ]
    rows = read([{"phone": text, "country": home} for home, text, _ in told])
    expected = [phonenumbers.format_number(number, PhoneNumberFormat.E164) for *_, number in told]
    assert [row["phone"] for row in rows] == expected


@pytest.mark.parametrize(
    ("written", "region", "read_as"),
    [
        ("011 84 90 123 4567", "US", "+84901234567"),
        ("0011 84 90 123 4567", "AU", "+84901234567"),
        ("0113 496 0821", "GB", "+441134960821"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("84901234567", "VN", "+84901234567"),
    ],
)
def test_further_forms_of_numbers(read: Reader, written: str, region: str, read_as: str) -> None:
    (row,) = read([{"phone": written, "country": region}])
    assert row["phone"] == read_as


@pytest.mark.parametrize(
    ("written", "region", "read_as"),
    [
        ("0901 234 56", "VN", "~8490123456"),
        ("+84 901 234 56", "VN", "~8490123456"),
        ("+999 123 4567", "VN", "~9991234567"),
        ("0901234567", None, "~901234567"),
        ("0901234567", "XX", "~901234567"),
        ("0000000000", "VN", None),
        ("0999999999", "VN", None),
        ("0123456789", "VN", None),
        ("12345", "VN", None),
        ("1" + "23" * 12, "VN", None),
        ("call me", "VN", None),
        ("-", "VN", None),
    ],
)
def test_numbers_of_no_plan_keep_their_digits(
    read: Reader, written: str, region: str | None, read_as: str | None
) -> None:
    (row,) = read([{"phone": written, "country": region}])
    assert row["phone"] == read_as


def test_records_without_a_country_have_the_shops(read: Reader) -> None:
    rows = read([{"phone": "0901234567"}, {"phone": "0412 345 678", "country": "AU"}], country="VN")
    assert [row["phone"] for row in rows] == ["+84901234567", "+61412345678"]


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"(\+|00|0)?[1-9][0-9]{5,11}", fullmatch=True), st.sampled_from(list(REGIONS))
        ),
        min_size=30,
        max_size=60,
    )
)
def test_patterns_claim_no_number_that_the_library_refuses(read: Reader, told: list[tuple[str, str]]) -> None:
    rows = read([{"phone": digits, "country": region} for digits, region in told])
    for (digits, region), row in zip(told, rows, strict=True):
        if row["phone"] is not None and row["phone"].startswith("+"):
            dialled = re.sub("^(0011|00)", "+", digits)
            assert row["phone"] == to_e164(dialled, region)


def test_only_forms_that_no_pattern_reads_cost_the_library(
    read: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def spy(number: str, region: str | None) -> phonenumbers.PhoneNumber:
        asked.append(number)
        return parse(number, region)

    parse = phonenumbers.parse
    monkeypatch.setattr(phonenumbers, "parse", spy)
    usual = [f"09{number:08}" for number in range(12_345_678, 12_345_878)]
    read([{"phone": number, "country": "VN"} for number in [*usual, "123 45 67 89", "+61412345678"] * 2])
    assert asked == ["+61412345678"]


@pytest.mark.parametrize(
    ("full_name", "given", "family", "middle"),
    [
        ("Nguyễn Thị Hồng Ánh", "anh", "nguyen", "thi hong"),
        ("NGUYEN VAN DUC", "duc", "nguyen", "van"),
        ("Đặng Đức", "duc", "dang", None),
        ("Ánh Nguyễn", "anh", "nguyen", None),
        ("Smith, John", "john", "smith", None),
        ("Dr. John Smith", "john", "smith", None),
        ("John Paul Smith Jr", "john", "smith", "paul"),
        ("J. Smith", "j", "smith", None),
        ("Madonna", "madonna", None, None),
        ("Khách lẻ", None, None, None),
        ("Guest", None, None, None),
        ("0901234567", None, None, None),
        ("...", None, None, None),
    ],
)
def test_full_names(
    read: Reader, full_name: str, given: str | None, family: str | None, middle: str | None
) -> None:
    (row,) = read([{"full_name": full_name}])
    assert (row["given"], row["family"], row["middle"]) == (given, family, middle)


def test_names_in_columns_go_before_the_full_name(read: Reader) -> None:
    first, second = read(
        [
            {"first_name": "Mr. José", "last_name": "O'Brien", "full_name": "Someone Else"},
            {"first_name": "unknown", "last_name": None, "full_name": "José Brien"},
        ]
    )
    assert (first["given"], first["family"]) == ("jose", "o brien")
    assert (second["given"], second["family"]) == ("jose", "brien")


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("1985-08-06", "1985-08-06"),
        ("19850806", "1985-08-06"),
        ("06/08/1985", "1985-08-06"),
        ("08/26/1985", "1985-08-26"),
        ("6.8.1985", "1985-08-06"),
        ("06-08-1985", "1985-08-06"),
        ("1985/08/06", "1985-08-06"),
        ("1985-08-06 00:00:00", "1985-08-06"),
        ("1985-02-30", None),
        ("1985", None),
        ("1900-01-01", None),
        ("01/01/1970", None),
        ("0001-01-01", None),
        ("unknown", None),
    ],
)
def test_birth_dates(read: Reader, written: str, read_as: str | None) -> None:
    (row,) = read([{"birth_date": written}])
    assert row["birth"] == read_as


def test_addresses(read: Reader) -> None:
    rows = read(
        [
            {"street": "12A Lê Lợi,  P. Bến Nghé", "city": "TP. Hồ Chí Minh", "postcode": "7OO 000"},
            {"street": "Rose Cottage", "city": "-", "postcode": "sw1a 1aa", "state": "N.S.W."},
            {"street": "22/180 Dobter Place"},
        ]
    )
    assert [row["street"] for row in rows] == ["le loi p ben nghe", "rose cottage", "180 dobter place"]
    assert [row["house"] for row in rows] == ["12a", None, "22"]
    assert [row["city"] for row in rows] == ["tp ho chi minh", None, None]
    assert [row["postcode"] for row in rows] == ["700000", "SW1A1AA", None]
    assert rows[1]["state"] == "n s w"


def test_codes_and_further_columns(read: Reader) -> None:
    (row,) = read([{"loyalty_card": " lc-12 34 ", "national_id": "N/A", "occupation": "Café  Owner"}])
    assert (row["card"], row["national_id"], row["occupation"]) == ("LC1234", None, "cafe owner")


@pytest.mark.parametrize("word", NO_VALUES)
def test_words_for_nothing_say_nothing(read: Reader, word: str) -> None:
    columns = [name for name in COLUMNS if not name.endswith("name") and name != "tenant_id"]
    (row,) = read([dict.fromkeys(columns, f" {word.upper()} ")])
    assert {name: row[name] for name in OUTPUT if row[name] is not None} == {}


SOURCES = {
    "given": ("first_name", "full_name"),
    "family": ("last_name", "full_name"),
    "middle": ("middle_name", "full_name"),
    "street": ("street",),
    "house": ("street",),
    "city": ("city",),
    "state": ("state",),
    "card": ("loyalty_card",),
    "national_id": ("national_id",),
    "email_local": ("email",),
}
TEXT = st.none() | st.text(st.characters(max_codepoint=0x1EFF, exclude_characters="\x00"), max_size=25)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({name: TEXT for name in COLUMNS if name not in {"tenant_id", "birth_date"}}),
        min_size=1,
        max_size=6,
    )
)
def test_nothing_is_invented(connection: duckdb.DuckDBPyConnection, read: Reader, written: list[Row]) -> None:
    rows = read(written)
    words = [
        (word, [line[source] or "" for source in sources])
        for line, row in zip(written, rows, strict=True)
        for column, sources in SOURCES.items()
        for word in (row[column] or "").split()
    ]
    texts = sorted({text for word, said in words for text in (word, *said)})
    clean = "upper(regexp_replace(replace(lower(strip_accents(x)), 'đ', 'd'), '[^\\p{L}\\p{N}]', '', 'g'))"
    connection.register("texts", pa.table({"x": pa.array(texts, pa.string())}))
    letters = dict(connection.sql(f"select x, {clean} from texts").fetchall())
    assert [
        (word, said) for word, said in words if not any(letters[word] in letters[each] for each in said)
    ] == []
    assert all(line["phone"] for line, row in zip(written, rows, strict=True) if row["phone"] is not None)


PHONES = st.none() | st.sampled_from(
    ["0901 234 567", "+84901234567", "00 1 202 555 0123", "12", "~", "0123456789", "+61412345678 ext 4", "x"]
)
DATES = st.none() | st.sampled_from(["1990-02-31", "1990-02-03", "03/02/1990", "19900203", "1970-01-01", "a"])


@settings(max_examples=15, deadline=None)
@given(
    st.fixed_dictionaries(
        {name: TEXT for name in COLUMNS if name not in {"tenant_id", "birth_date", "phone", "country"}}
        | {"birth_date": DATES, "phone": PHONES, "country": st.sampled_from(["VN", "us", "XX", None])}
    )
)
def test_one_record_is_read_as_many_are(
    connection: duckdb.DuckDBPyConnection, read: Reader, written: Row
) -> None:
    (row,) = read([written])
    told = {name: value for name, value in written.items() if value is not None}
    connection.register("alone", pa.table({"country": pa.array([written["country"]], pa.string())}))
    regions = regions_of(connection, "alone", ["country"], None)
    found = connection.execute(normalised_one(list(told), regions), list(told.values()))
    names = [column[0] for column in found.description or ()]
    (one,) = found.fetchall()
    assert dict(zip(names, one, strict=True)) == {name: row[name] for name in names}


def test_uids_follow_the_names_of_the_records(connection: duckdb.DuckDBPyConnection) -> None:
    connection.register(
        "named", pa.table({"record_id": ["b", "c", "a"], "email": ["b@x.vn", "c@x.vn", None]})
    )
    normalise(connection, "named", "told", ["email"])
    assert connection.sql("select uid, record_id from told order by uid").fetchall() == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
    ]
