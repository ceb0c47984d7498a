"""Bring what sources wrote of persons into comparable form, in DuckDB, column by column.

Nothing is guessed: what cannot be read becomes null in the normalised row and stays in the source's own.
"""

import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

import duckdb
import phonenumbers
import pyarrow as pa
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

_DOTLESS = "'gmail.com', 'googlemail.com'"
_TAGGED = (
    f"{_DOTLESS}, 'outlook.com', 'hotmail.com', 'live.com', 'icloud.com', 'me.com', 'fastmail.com',"
    " 'proton.me', 'protonmail.com'"
)


def define_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the SQL functions that clean values; each gives null for what says nothing."""
    words = ", ".join(f"'{word}'" for word in NO_VALUES)
    names = ", ".join(f"'{word}'" for word in NO_NAMES)
    mailboxes = ", ".join(f"'{word}'" for word in NO_MAILBOXES)
    domains = ", ".join(f"'{word}'" for word in NO_DOMAINS)
    families = ", ".join(f"'{word}'" for word in FAMILY_FIRST)
    for macro in (
        f"said(x) as case when lower(trim(x)) in ({words}) then null else trim(x) end",
        "letters(x) as"
        " regexp_replace(replace(lower(strip_accents(x)), 'đ', 'd'), '[^\\p{L}\\p{N} ]+', ' ', 'g')",
        "plain(x) as nullif(trim(regexp_replace(letters(x), ' {2,}', ' ', 'g')), '')",
        "person_name(x) as"
        f" nullif(trim(regexp_replace(plain(x), '^({TITLES}) | ({SUFFIXES})$', '', 'g')), '')",
        f"known_name(x) as case when x in ({names}) or regexp_full_match(x, '[0-9 ]+') then null else x end",
        f"starts_with_family(words) as len(words) > 1 and words[1] in ({families})"
        f" and (words[len(words)] not in ({families}) or len(words) > 2)",
        "mail_text(x) as case when regexp_full_match(lower(trim(x)), '[^@\\s]+@[^@\\s]+\\.[^@\\s.]+')"
        " then lower(trim(x)) end",
        "own_mailbox(local, domain) as case"
        f" when domain in ({_DOTLESS}) then replace(split_part(local, '+', 1), '.', '')"
        f" when domain in ({_TAGGED}) then split_part(local, '+', 1)"
        " when domain like 'yahoo.%' then regexp_replace(local, '-[^-]*$', '')"
        " else local end",
        f"is_mailbox(local, domain) as local not in ({mailboxes}) and domain not in ({domains})",
        "code(x) as nullif(upper(regexp_replace(strip_accents(x), '[^\\p{L}\\p{N}]+', '', 'g')), '')",
        "birth_date_of(x) as coalesce(try_cast(x as date),"
        " try_strptime(x, ['%Y%m%d', '%d/%m/%Y', '%m/%d/%Y', '%d.%m.%Y', '%d-%m-%Y', '%Y/%m/%d'])::date)",
    ):
        connection.execute(f"create or replace macro {macro}")


_READINGS = {
    "first_name": "select x, known_name(person_name(x)) as given from {values}",
    "last_name": "select x, known_name(person_name(x)) as family from {values}",
    "middle_name": "select x, person_name(x) as middle from {values}",
    "full_name": """
        select x,
            coalesce(after_comma, case
                when starts_with_family(words) then words[-1] else words[1]
            end) as given,
            coalesce(before_comma, case
                when starts_with_family(words) then words[1]
                when len(words) > 1 then words[-1]
            end) as family,
            case when len(words) > 2 then array_to_string(words[2:-2], ' ') end as middle
        from (
            select x, string_split(known_name(person_name(x)), ' ') as words,
                case when contains(x, ',') then person_name(split_part(x, ',', 1)) end as before_comma,
                case when contains(x, ',') then person_name(split_part(x, ',', 2)) end as after_comma
            from {values}
        )""",
    "email": """
        select x, local as email_local,
            local || '@' || case when domain = 'googlemail.com' then 'gmail.com' else domain end as email
        from (
            select x, domain,
                case when is_mailbox(local, domain) then nullif(own_mailbox(local, domain), '') end as local
            from (
                select x, split_part(mail, '@', 1) as local, split_part(mail, '@', 2) as domain
                from (select x, mail_text(x) as mail from {values})
            )
        )""",
    "birth_date": """
        select x, strftime(day, '%Y-%m-%d') as birth
        from (select x, birth_date_of(said(x)) as day from {values})
        where year(day) between 1000 and 2100 and day not in ({no_birth_dates})""",
    "street": """
        select x,
            nullif(trim(regexp_replace(address, '(^| )[0-9]+[a-z]?( |$)', ' ')), '') as street,
            nullif(regexp_extract(address, '(?:^| )([0-9]+[a-z]?)(?: |$)', 1), '') as house
        from (select x, plain(said(x)) as address from {values})""",
    "city": "select x, plain(said(x)) as city from {values}",
    "postcode": "select x, replace(code(said(x)), 'O', '0') as postcode from {values}",
    "state": "select x, plain(said(x)) as state from {values}",
    "country": "select x, upper(said(x)) as region from {values}",
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
    has = set(columns)
    _read_phones(connection, source, has, country)

    def read(name: str, *readings: str) -> str:
        told = [f"{reading}.{name}" for reading in readings if reading in has]
        return f"coalesce({', '.join([*told, 'null::varchar'])}) as {name}"

    def said(column: str) -> str:
        return f"said(given.{_quoted(column)})" if column in has else "null::varchar"

    days = ", ".join(f"date '{day}'" for day in NO_BIRTH_DATES)
    joins = "".join(
        f"""
        left join (
            {reading.format(values=f"(select distinct {column} as x from {source})", no_birth_dates=days)}
        ) as {column} on given.{column} = {column}.x"""
        for column, reading in _READINGS.items()
        if column in has
    )
    carried = "".join(f", given.{_quoted(column)}" for column in kept)
    extra = "".join(f", plain(said(given.{_quoted(column)})) as {_quoted(column)}" for column in further)
    connection.execute(f"""
        create or replace table {target} as
        select
            numbered.uid, given.record_id{carried},
            {said("tenant_id") if "tenant_id" in has else "''"} as tenant,
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
            {said("visitor_id")} as visitor{extra}
        from {source} as given
        inner join (
            select record_id, row_number() over (order by record_id) as uid from {source}
        ) as numbered on given.record_id = numbered.record_id{joins}
        left join _phones as phones
            on {"given.phone" if "phone" in has else "null::varchar"} = phones.x
            and {"given.country" if "country" in has else "null::varchar"} is not distinct from phones.country
    """)
    connection.execute("drop table _phones")


def _read_phones(
    connection: duckdb.DuckDBPyConnection, source: str, has: Set[str], country: str | None
) -> None:
    """Create ``_phones``: each distinct number as written, by country, in E.164 where its plan knows it.

    Numbers in the forms that people write most are read by the patterns of the plans of the records' regions,
    all at once. Only what has a form that these do not read (another country's code, an extension, letters)
    goes through the library one by one. A number that no plan knows is kept as ``~`` and its digits, in
    the region's international form, so that two equal ones are still equal.
    """
    region = "upper(said(country))" if "country" in has else "null::varchar"
    region = f"coalesce({region}, '{country}')" if country else region
    connection.execute(f"""
        create or replace temporary table _numbers as
        select
            x, country, region, phone_text,
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
    """)
    found = connection.execute("select distinct region from _numbers where region is not null").fetchall()
    plans = [_branches(region) for region in sorted(row[0] for row in found)]
    connection.execute(f"""
        create or replace temporary table _phones as
        select
            *,
            case
                when is_plain and (length(d) < 6 or length(d) > 15) then ''
                when is_plain and length(replace(d, right(d, 1), '')) <= 2 then ''
                when is_plain and starts_with('1234567890', ltrim(d, '0')) then ''
                {"".join(plan.known for plan in plans)}
            end as phone
        from _numbers
    """)
    undecided = connection.execute("""
        select distinct phone_text, region,
            case when is_international and is_plain then '+' || d else phone_text end
        from _phones
        where phone is null and (is_international or not is_plain or starts_with(phone_text, '011'))
    """).fetchall()
    library = pa.table(
        {
            "phone_text": pa.array([row[0] for row in undecided], pa.string()),
            "region": pa.array([row[1] for row in undecided], pa.string()),
            "phone": pa.array([to_e164(row[2], row[1]) for row in undecided], pa.string()),
        }
    )
    connection.register("_library", library)
    connection.execute(f"""
        create or replace temporary table _phones as
        select
            p.x, p.country,
            nullif(coalesce(p.phone, library.phone, case
                when length(d) < 6 or length(d) > 15 then null
                {"".join(plan.unknown for plan in plans)}
                else '~' || ltrim(d, '0')
            end), '') as phone
        from _phones as p
        left join _library as library
            on p.phone is null and p.phone_text = library.phone_text
            and p.region is not distinct from library.region
    """)
    connection.execute("drop table _numbers")
    connection.unregister("_library")


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
            f" when p.region = '{region}' and {condition} and length({rest}) >= {plan.shortest - 1}"
            f" then '~{code}' || {rest}\n"
            for condition, rest in (with_code, *with_prefix, with_bare_code)
        )
        + f" when p.region = '{region}' and not is_international then '~{code}' || d\n",
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


def quoted(columns: Iterable[str]) -> list[str]:
    """Return column names as SQL identifiers."""
    return [_quoted(column) for column in columns]
