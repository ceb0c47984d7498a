"""Bring what sources wrote of persons into comparable form, in DuckDB, column by column.

Nothing is guessed: what cannot be read becomes null in the normalised row and stays in the source's own.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import duckdb
import phonenumbers
from duckdb.func import SPECIAL
from phonenumbers import PhoneMetadata

COLUMNS = (
    "tenant_id",
    "record_source",
    "record_type",
    "first_name",
    "middle_name",
    "last_name",
    "full_name",
    "email",
    "phone",
    "birth_date",
    "street",
    "city",
    "postcode",
    "state",
    "country",
    "loyalty_card",
    "national_id",
    "visitor_id",
)
"""Standard columns of a record, each may be absent; all are text."""

NO_NAMES = (
    "unknown",
    "guest",
    "customer",
    "anonymous",
    "test",
    "no name",
    "walk in",
    "khach le",
    "khach hang",
)
"""Names that tills and forms put where there is none; compared after cleaning, in full."""

NO_MAILBOXES = (
    "noreply",
    "no-reply",
    "none",
    "null",
    "test",
    "na",
    "unknown",
    "nomail",
    "noemail",
    "example",
)
NO_DOMAINS = ("example.com", "example.org", "test.com", "none.com", "noemail.com", "nomail.com")
NO_BIRTH_DATES = ("1900-01-01", "1899-12-30", "1899-12-31", "1970-01-01", "1800-01-01", "1111-11-11")
NO_VALUES = ("", "null", "none", "nan", "n/a", "na", "nil", "-", "--", "?", "unknown", "undefined")
"""Words that stand for nothing in any column but names."""

TITLES = "mr|mrs|ms|miss|mister|dr|prof"
SUFFIXES = "jr|sr|ii|iii|iv"

FAMILY_FIRST = (
    "nguyen", "tran", "le", "pham", "hoang", "huynh", "phan", "vu", "vo", "dang", "bui", "do", "ho", "ngo",
    "duong", "ly", "dinh", "trinh", "truong", "mai", "cao", "luong", "ta", "ha", "lam", "dao", "doan", "chu",
)  # fmt: skip
"""Vietnamese family names, which are written first; together they are those of nine in ten Vietnamese."""

_DOTLESS = ("gmail.com", "googlemail.com")
_TAGGED = (
    *("outlook.com", "hotmail.com", "live.com", "icloud.com", "me.com", "fastmail.com"),
    *("proton.me", "protonmail.com"),
)
_PUNCTUATION = (
    r"\x00-\x1f!-/:-@\[-`{-\x{a9}\x{ab}-\x{b1}\x{b4}\x{b6}-\x{b8}\x{bb}\x{bf}\x{d7}\x{f7}\x{2010}-\x{206f}\x{20a0}-\x{20cf}\x{2190}-\x{2bff}"
    r"\x{3000}-\x{3004}\x{3008}-\x{3020}\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff20}\x{ff3b}-\x{ff40}\x{ff5b}-\x{ff65}"
)
"""What separates words. A list, for two reasons: vowel signs of Indian and Thai names are no letters to a
pattern, and a class of all letters takes milliseconds to make ready, each time it stands in a query."""


def _any_of(values: Sequence[str]) -> str:
    """Return the pattern of these values: it is bound once, where a list is bound value by value."""
    return "(?:" + "|".join(map(re.escape, values)) + ")"


def define_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the SQL functions that clean values; each gives null for what says nothing.

    A macro writes its argument wherever it names it, so that what is costly is computed in a subquery first.
    """
    for macro in (
        "said(x) as"
        f" case when regexp_full_match(x, '(?i)\\s*{_any_of(NO_VALUES)}\\s*') then null else trim(x) end",
        "plain(x) as nullif(trim(regexp_replace("
        f"replace(lower(strip_accents(x)), 'đ', 'd'), '[ {_PUNCTUATION}]+', ' ', 'g')), '')",
        f"untitled(name) as nullif(trim(regexp_replace(name, '^({TITLES}) | ({SUFFIXES})$', '', 'g')), '')",
        f"is_name(name) as not regexp_full_match(name, '[0-9 ]+|{_any_of(NO_NAMES)}')",
        f"is_family(name) as regexp_full_match(name, '{_any_of(FAMILY_FIRST)}')",
        "starts_with_family(words) as"
        " len(words) > 1 and is_family(words[1]) and (len(words) > 2 or not is_family(words[2]))",
        "own_mailbox(local, domain) as case"
        f" when regexp_full_match(domain, '{_any_of(_DOTLESS)}')"
        " then replace(split_part(local, '+', 1), '.', '')"
        f" when regexp_full_match(domain, '{_any_of(_TAGGED)}') then split_part(local, '+', 1)"
        " when domain like 'yahoo.%' then regexp_replace(local, '-[^-]*$', '')"
        " else local end",
        "is_mailbox(local, domain) as not regexp_full_match(local, "
        f"'{_any_of(NO_MAILBOXES)}') and not regexp_full_match(domain, '{_any_of(NO_DOMAINS)}')",
        f"code(x) as nullif(upper(regexp_replace(strip_accents(x), '[ {_PUNCTUATION}]+', '', 'g')), '')",
        "birth_date_of(x) as coalesce(try_cast(x as date),"
        " try_strptime(x, ['%Y%m%d', '%d/%m/%Y', '%m/%d/%Y', '%d.%m.%Y', '%d-%m-%Y', '%Y/%m/%d'])::date)",
    ):
        connection.execute(f"create or replace macro {macro}")
    if not connection.execute(
        "select 1 from duckdb_functions() where function_name = 'read_by_library'"
    ).fetchall():
        connection.create_function(
            "read_by_library",
            to_e164,
            ["varchar", "varchar"],
            "varchar",
            null_handling=SPECIAL,
        )


_NAMES = "(select x, untitled(plain(x)) as name from {values})"
_READINGS = {
    "first_name": f"select x, case when is_name(name) then name end as given from {_NAMES}",
    "last_name": f"select x, case when is_name(name) then name end as family from {_NAMES}",
    "middle_name": f"select x, name as middle from {_NAMES}",
    "full_name": f"""
        select x,
            coalesce(after_comma, case when family_first then words[-1] else words[1] end) as given,
            coalesce(before_comma, case
                when family_first then words[1]
                when len(words) > 1 then words[-1]
            end) as family,
            case when len(words) > 2 then array_to_string(words[2:-2], ' ') end as middle
        from (
            select *, starts_with_family(words) as family_first
            from (
                select x, string_split(case when is_name(name) then name end, ' ') as words,
                    case when has_comma then untitled(plain(split_part(x, ',', 1))) end as before_comma,
                    case when has_comma then untitled(plain(split_part(x, ',', 2))) end as after_comma
                from (select *, contains(x, ',') as has_comma from {_NAMES})
            )
        )""",
    "email": """
        select x, local as email_local,
            local || '@' || case when domain = 'googlemail.com' then 'gmail.com' else domain end as email
        from (
            select x, domain,
                case when is_mailbox(local, domain) then nullif(own_mailbox(local, domain), '') end as local
            from (
                select x, split_part(mail, '@', 1) as local, split_part(mail, '@', 2) as domain
                from (select x, lower(trim(x)) as mail from {values})
                where regexp_full_match(mail, '[^@\\s]+@[^@\\s]+\\.[^@\\s.]+')
            )
        )""",
    "birth_date": """
        select x, strftime(day, '%Y-%m-%d') as birth
        from (select x, birth_date_of(told) as day from (select x, said(x) as told from {values}))
        where year(day) between 1000 and 2100 and day not in ({no_birth_dates})""",
    "street": """
        select x,
            nullif(trim(regexp_replace(address, '(^| )[0-9]+[a-z]?( |$)', ' ')), '') as street,
            nullif(regexp_extract(address, '(?:^| )([0-9]+[a-z]?)(?: |$)', 1), '') as house
        from (select x, plain(said(x)) as address from {values})""",
    "city": "select x, plain(said(x)) as city from {values}",
    "postcode": "select x, replace(code(said(x)), 'O', '0') as postcode from {values}",
    "state": "select x, plain(said(x)) as state from {values}",
}
"""How each column is read, once per different value ``x`` of it."""


def normalise(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    target: str,
    columns: Sequence[str],
    further: Sequence[str] = (),
    *,
    kept: Sequence[str] = (),
    country: str | None = None,
) -> None:
    """Create the table ``target`` of normalised records from the relation ``source``.

    Args:
        connection: where both are; :func:`define_macros` has run.
        source: relation with ``record_id`` and the columns named.
        target: table to create: ``uid`` (bigint, in the order of ``record_id``), ``record_id``, what is
            kept, and the normalised columns of :data:`include.identity.evidence.STANDARD`.
        columns: which of the standard columns ``source`` has.
        further: its columns that are compared as text beside them.
        kept: its columns that are carried over as they are.
        country: region (ISO 3166, two letters) of records that name none.
    """
    regions = regions_of(connection, source, columns, country)
    query = normalised(source, columns, regions, further, kept=kept, country=country)
    connection.execute(f"create or replace table {target} as {query}")


def regions_of(
    connection: duckdb.DuckDBPyConnection, source: str, columns: Sequence[str], country: str | None
) -> list[str]:
    """Return the regions whose telephone plans the records of a relation need."""
    named = {country} if country else set()
    if "country" in columns:
        found = connection.execute(
            f"select distinct upper(trim(country)) from (select distinct country from {source})"
        ).fetchall()
        named |= {region for (region,) in found if region}
    return sorted(named)


def normalised(
    source: str,
    columns: Sequence[str],
    regions: Sequence[str],
    further: Sequence[str] = (),
    *,
    kept: Sequence[str] = (),
    country: str | None = None,
) -> str:
    """Return the query of a relation's normalised records, as :func:`normalise` writes them.

    ``regions`` are those whose telephone plans the query knows; numbers of others stay as they are.
    """
    has = set(columns)
    joins = "".join(
        f"\nleft join ({reading}) as {column} on given.{column} = {column}.x"
        for column, reading in _readings(has, f"(select distinct {{column}} as x from {source})")
    )
    carried = "".join(f", given.{_quoted(column)}" for column in kept)
    return f"""
        select numbered.uid, given.record_id{carried}, {_outputs(has, further)}
        from {source} as given
        inner join (
            select record_id, row_number() over (order by record_id) as uid from {source}
        ) as numbered on given.record_id = numbered.record_id{joins}
        left join ({_phones(source, has, regions, country)}) as phones
            on {"given.phone" if "phone" in has else "null::varchar"} = phones.x
            and {"given.country" if "country" in has else "null::varchar"} is not distinct from phones.country
    """


def normalised_one(columns: Sequence[str], regions: Sequence[str]) -> str:
    """Return the query of one normalised record, of which the columns' values are the parameters, in order.

    It reads as :func:`normalised` does.
    """
    has = set(columns)
    told = ", ".join(f"?::varchar as {column}" for column in columns)
    joins = "".join(
        f"\nleft join ({reading}) as {column} on true"
        for column, reading in _readings(has, "(select {column} as x from given)")
    )
    if "phone" in has:
        joins += f"\nleft join ({_phones('given', has, regions, None)}) as phones on true"
    else:
        joins += "\ncross join (select null::varchar as phone) as phones"
    return f"with given as materialized (select {told}) select {_outputs(has, ())} from given{joins}"


def _readings(has: Set[str], values: str) -> Iterator[tuple[str, str]]:
    """Give each column that there is with the query that reads its values."""
    days = ", ".join(f"date '{day}'" for day in NO_BIRTH_DATES)
    for column, reading in _READINGS.items():
        if column in has:
            yield column, reading.format(values=values.format(column=column), no_birth_dates=days)


def _outputs(has: Set[str], further: Sequence[str]) -> str:
    """Return the select list of a normalised record: of ``given``, of its readings, and of ``phones``."""

    def read(name: str, *readings: str) -> str:
        told = [f"{reading}.{name}" for reading in readings if reading in has]
        return f"coalesce({', '.join([*told, 'null::varchar'])}) as {name}"

    def said(column: str) -> str:
        return f"said(given.{_quoted(column)})" if column in has else "null::varchar"

    extra = "".join(f", plain(said(given.{_quoted(column)})) as {_quoted(column)}" for column in further)
    return f"""
        {"given.tenant_id" if "tenant_id" in has else "''"} as tenant,
        {said("record_source")} as source,
        {said("record_type")} as type,
        {read("given", "first_name", "full_name")},
        {read("family", "last_name", "full_name")},
        {read("middle", "middle_name", "full_name")},
        {read("email", "email")}, {read("email_local", "email")},
        phones.phone,
        {read("birth", "birth_date")},
        {read("street", "street")}, {read("house", "street")},
        {read("postcode", "postcode")}, {read("city", "city")}, {read("state", "state")},
        code({said("loyalty_card")}) as card,
        code({said("national_id")}) as national_id,
        {said("visitor_id")} as visitor{extra}"""


def _phones(source: str, has: Set[str], regions: Sequence[str], country: str | None) -> str:
    """Return the query of numbers as written (``x``), by country, in E.164 where a plan knows them.

    Numbers in the forms that people write most are read by the patterns of the regions' plans, all at once.
    Only what has a form that these do not read (another country's code, an extension, letters) goes through
    the library one by one. A number that no plan knows is kept as ``~`` and its digits, in the region's
    international form, so that two equal ones are still equal.
    """
    region = "nullif(upper(trim(country)), '')" if "country" in has else "null::varchar"
    region = f"coalesce({region}, '{country}')" if country else region
    plans = [_branches(region) for region in regions]
    return f"""
        select
            x, country,
            nullif(coalesce(
                case
                    when is_plain and (length(d) < 6 or length(d) > 15) then ''
                    when is_plain and length(replace(d, right(d, 1), '')) <= 2 then ''
                    when is_plain and starts_with('1234567890', ltrim(d, '0')) then ''
                    {"".join(plan.known for plan in plans)}
                end,
                case
                    when is_international and is_plain then read_by_library('+' || d, region)
                    when not is_plain or starts_with(phone_text, '011')
                        then read_by_library(phone_text, region)
                end,
                case
                    when length(d) < 6 or length(d) > 15 then null
                    {"".join(plan.unknown for plan in plans)}
                    else '~' || ltrim(d, '0')
                end
            ), '') as phone
        from (
            select
                *,
                starts_with(phone_text, '+') or starts_with(phone_text, '00') as is_international,
                regexp_full_match(phone_text, '[0-9+().\\s-]+') as is_plain,
                regexp_replace(
                    case
                        when starts_with(phone_text, '0011') then substr(phone_text, 5)
                        when starts_with(phone_text, '00') then substr(phone_text, 3)
                        else phone_text
                    end,
                    '[^0-9]+', '', 'g'
                ) as d
            from (
                select x, country, {region} as region, said(x) as phone_text
                from (
                    select distinct {"phone" if "phone" in has else "null::varchar"} as x,
                        {"country" if "country" in has else "null::varchar"} as country
                    from {source}
                )
                where x is not null
            )
            where phone_text is not null
        )
    """


@dataclass(frozen=True)
class _Plan:
    """A country's numbers: its calling code, trunk prefix, their general form and their least length."""

    code: int
    prefix: str
    form: str
    shortest: int


def _plan_of(region: str) -> _Plan | None:
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.country_code is None or metadata.general_desc is None:
        return None
    return _Plan(
        code=metadata.country_code,
        prefix=metadata.national_prefix or "",
        form=metadata.general_desc.national_number_pattern or "",
        shortest=min(length for length in metadata.general_desc.possible_length if length > 0),
    )


@dataclass(frozen=True)
class _Branches:
    """Branches of a SQL ``case`` that read a region's numbers: those that its plan knows, and all others."""

    known: str = ""
    unknown: str = ""


def _branches(region: str) -> _Branches:
    plan = _plan_of(region)
    if plan is None:
        return _Branches()
    code, prefix = plan.code, plan.prefix
    of_region = f"is_plain and region = '{region}'"
    after_code, after_prefix = f"substr(d, {len(str(code)) + 1})", f"substr(d, {len(prefix) + 1})"
    trunk = f"regexp_replace({after_code}, '^0', '')" if prefix == "0" else after_code  # as in +84 (0)90
    with_code = (f"is_international and starts_with(d, '{code}')", trunk)
    with_prefix = [(f"not is_international and starts_with(d, '{prefix}')", after_prefix)] if prefix else []
    with_bare_code = (f"starts_with(d, '{code}')", after_code)
    form = plan.form.replace("'", "''")
    return _Branches(
        known="".join(
            f" when {of_region} and {condition} and regexp_full_match({rest}, '{form}')"
            f" then '+{code}' || {rest}\n"
            for condition, rest in (with_code, *with_prefix, ("not is_international", "d"), with_bare_code)
        ),
        unknown="".join(
            f" when region = '{region}' and {condition} and length({rest}) >= {plan.shortest - 1}"
            f" then '~{code}' || {rest}\n"
            for condition, rest in (with_code, *with_prefix, with_bare_code)
        )
        + f" when region = '{region}' and not is_international then '~{code}' || d\n",
    )


def to_e164(number: str, region: str | None) -> str | None:
    """Read one number by the library: E.164 when a country's plan knows it, else None.

    As in the patterns, a plan knows a number that has the general form of the country's numbers.
    """
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    plan = _plan_of(phonenumbers.region_code_for_country_code(parsed.country_code or 0))
    if plan is None or not re.fullmatch(plan.form, phonenumbers.national_significant_number(parsed)):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
