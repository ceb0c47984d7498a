"""Bring what sources wrote of persons into comparable form, in DuckDB, column by column.

Nothing is guessed: what cannot be read becomes null in the normalised row and stays in the source's own.
"""

from collections.abc import Iterable, Sequence

import duckdb
import phonenumbers
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
    "nguyen", "tran", "le", "pham", "hoang", "huynh", "phan", "vu", "vo", "dang", "bui", "do", "ho", "ngo", "duong",
    "ly", "dinh", "trinh", "truong", "mai", "cao", "luong", "ta", "ha", "lam", "dao", "doan", "chu",
)  # fmt: skip
"""Vietnamese family names, which are written first; together they are those of nine in ten Vietnamese."""

_DOTLESS = "'gmail.com', 'googlemail.com'"
_TAGGED = _DOTLESS + (
    ", 'outlook.com', 'hotmail.com', 'live.com', 'icloud.com', 'me.com', 'fastmail.com', 'proton.me', 'protonmail.com'"
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
        "plain(x) as nullif(trim(regexp_replace(replace(lower(strip_accents(x)), 'đ', 'd'),"
        " '[^\\p{L}\\p{N}]+', ' ', 'g')), '')",
        f"person_name(x) as nullif(trim(regexp_replace(plain(x), '^({TITLES}) | ({SUFFIXES})$', '', 'g')), '')",
        f"known_name(x) as case when x in ({names}) or regexp_full_match(x, '[0-9 ]+') then null else x end",
        f"starts_with_family(words) as len(words) > 1 and words[1] in ({families})"
        f" and (words[len(words)] not in ({families}) or len(words) > 2)",
        "mail_text(x) as case when regexp_full_match(lower(trim(x)), '[^@\\s]+@[^@\\s]+\\.[^@\\s.]+')"
        " then lower(trim(x)) end",
        f"own_mailbox(local, domain) as case"
        f" when domain in ({_DOTLESS}) then replace(regexp_replace(local, '\\+.*', ''), '.', '')"
        f" when domain in ({_TAGGED}) then regexp_replace(local, '\\+.*', '')"
        " when domain like 'yahoo.%' then regexp_replace(local, '-[^-]*$', '')"
        " else local end",
        f"is_mailbox(local, domain) as local not in ({mailboxes}) and domain not in ({domains})",
        "code(x) as nullif(upper(regexp_replace(strip_accents(x), '[^\\p{L}\\p{N}]+', '', 'g')), '')",
        "birth_date_of(x) as coalesce(try_cast(x as date),"
        " try_strptime(x, ['%Y%m%d', '%d/%m/%Y', '%m/%d/%Y', '%d.%m.%Y', '%d-%m-%Y', '%Y/%m/%d'])::date)",
    ):
        connection.execute(f"create or replace macro {macro}")


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

    def text(column: str) -> str:
        return f"said({_quoted(column)})" if column in has else "cast(null as varchar)"

    region = f"upper({text('country')})"
    region = f"coalesce({region}, '{country}')" if country else region
    carried = "".join(f", {_quoted(column)}" for column in kept)
    extra = "".join(f", plain(said({_quoted(column)})) as {_quoted(column)}" for column in further)
    connection.execute(f"""
        create or replace temporary table _said as
        select
            numbered.uid, given.record_id{carried},
            {text("tenant_id") if "tenant_id" in has else "''"} as tenant,
            {text("record_source")} as source,
            {text("record_type")} as type,
            {region} as region,
            person_name({_quoted("first_name") if "first_name" in has else "null"}) as first_name,
            person_name({_quoted("last_name") if "last_name" in has else "null"}) as last_name,
            person_name({_quoted("middle_name") if "middle_name" in has else "null"}) as middle_name,
            {_quoted("full_name") if "full_name" in has else "cast(null as varchar)"} as full_name,
            string_split(mail_text({text("email")}), '@') as mailbox,
            {text("phone")} as phone_text,
            birth_date_of({text("birth_date")}) as birth_date,
            plain({text("street")}) as address,
            replace(code({text("postcode")}), 'O', '0') as postcode,
            plain({text("city")}) as city,
            plain({text("state")}) as state,
            code({text("loyalty_card")}) as card,
            code({text("national_id")}) as national_id,
            {text("visitor_id")} as visitor{extra}
        from {source} as given
        inner join (
            select record_id, row_number() over (order by record_id) as uid from {source}
        ) as numbered on given.record_id = numbered.record_id
    """)
    connection.execute("""
        create or replace temporary table _names as
        select
            uid,
            case when contains(full_name, ',') then person_name(split_part(full_name, ',', 1)) end as before_comma,
            case when contains(full_name, ',') then person_name(split_part(full_name, ',', 2)) end as after_comma,
            string_split(known_name(name), ' ') as words
        from (select uid, full_name, person_name(full_name) as name from _said where full_name is not null)
    """)
    connection.execute("""
        create or replace temporary table _mails as
        select
            uid,
            case when is_mailbox(local, domain) then nullif(own_mailbox(local, domain), '') end as local,
            case when domain = 'googlemail.com' then 'gmail.com' else domain end as domain
        from (select uid, mailbox[1] as local, mailbox[2] as domain from _said where mailbox is not null)
    """)
    _read_phones(connection)
    placeholders = ", ".join(f"date '{day}'" for day in NO_BIRTH_DATES)
    further_columns = "".join(f", {_quoted(column)}" for column in further)
    connection.execute(f"""
        create or replace table {target} as
        select
            said.uid, said.record_id{carried}, said.tenant, said.source, said.type,
            coalesce(known_name(said.first_name), names.after_comma, case
                when starts_with_family(names.words) then names.words[len(names.words)] else names.words[1]
            end) as given,
            coalesce(known_name(said.last_name), names.before_comma, case
                when starts_with_family(names.words) then names.words[1]
                when len(names.words) > 1 then names.words[len(names.words)]
            end) as family,
            coalesce(said.middle_name, case when len(names.words) > 2
                then array_to_string(names.words[2:-2], ' ') end) as middle,
            mails.local || '@' || mails.domain as email, mails.local as email_local,
            phones.phone,
            case when year(said.birth_date) between 1000 and 2100 and said.birth_date not in ({placeholders})
                then strftime(said.birth_date, '%Y-%m-%d') end as birth,
            nullif(trim(regexp_replace(said.address, '(^| )[0-9]+[a-z]?( |$)', ' ')), '') as street,
            nullif(regexp_extract(said.address, '(?:^| )([0-9]+[a-z]?)(?: |$)', 1), '') as house,
            said.postcode, said.city, said.state, said.card, said.national_id, said.visitor{further_columns}
        from _said as said
        left join _names as names on said.uid = names.uid
        left join _mails as mails on said.uid = mails.uid
        left join _phones as phones
            on said.phone_text = phones.phone_text and said.region is not distinct from phones.region
    """)
    connection.execute("drop table _said; drop table _names; drop table _mails; drop table _phones")


def _read_phones(connection: duckdb.DuckDBPyConnection) -> None:
    """Create ``_phones``: each distinct number as written, by region, in E.164 where the region's plan knows it.

    Numbers in the forms that people write most are read by the pattern of their region's plan, all at once;
    only what is left goes through the library one by one. A number that no plan knows is kept as
    ``~`` and its digits without prefix, so that two equal ones are still equal.
    """
    regions = [
        row[0]
        for row in connection.execute(
            "select distinct region from _said where phone_text is not null and region is not null"
        ).fetchall()
    ]
    plans = "".join(_plan(region) for region in sorted(regions))
    connection.execute(f"""
        create or replace temporary table _phones as
        with written as (
            select distinct phone_text, region from _said where phone_text is not null
        ),
        digits as (
            select
                phone_text, region,
                regexp_matches(phone_text, '^\\s*(\\+|00)') as is_international,
                regexp_replace(regexp_replace(phone_text, '^\\s*00', ''), '[^0-9]', '', 'g') as d
            from written
        )
        select
            phone_text, region,
            case
                when length(d) < 6 or length(d) > 15 or length(replace(d, right(d, 1), '')) <= 2 then null
                when starts_with('1234567890', ltrim(d, '0')) then null
                {plans}
                when is_international then '+' || d
                else '~' || ltrim(d, '0')
            end as phone
        from digits
    """)


def _plan(region: str) -> str:
    """Branches that read a region's numbers; none for a region without a plan."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        return ""
    code, prefix = metadata.country_code, metadata.national_prefix or ""
    valid = metadata.general_desc.national_number_pattern.replace("'", "''")
    lengths = metadata.general_desc.possible_length
    of_region = f"region = '{region}'"
    after_code, after_prefix = f"substr(d, {len(str(code)) + 1})", f"substr(d, {len(prefix) + 1})"
    branches = [
        (f"is_international and starts_with(d, '{code}')", f"ltrim({after_code}, '0')"),
        *([(f"starts_with(d, '{prefix}')", after_prefix)] if prefix else []),
        ("true", "d"),
        (f"starts_with(d, '{code}')", after_code),
    ]
    told = "".join(
        f" when {of_region} and {condition} and regexp_full_match({rest}, '{valid}') then '+{code}' || {rest}\n"
        for condition, rest in branches
    )
    shortest = min(length for length in lengths if length > 0) - 1
    return (
        told
        + "".join(
            f" when {of_region} and {condition} and length({rest}) >= {shortest} then '~{code}' || {rest}\n"
            for condition, rest in (branches[0], *branches[1:-2], branches[-1])
        )
        + f" when {of_region} and not is_international then '~{code}' || d\n"
    )


def to_e164(number: str, region: str | None) -> str | None:
    """Read one number by the library, as the tests compare it: E.164 when its plan knows it, else None."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def quoted(columns: Iterable[str]) -> list[str]:
    """Return column names as SQL identifiers."""
    return [_quoted(column) for column in columns]
