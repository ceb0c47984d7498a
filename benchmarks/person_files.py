"""Files of persons with a known truth, whatever their columns are called: read, recognised and renamed.

The matcher is given the columns that are recognised or mapped, under the standard names, and records in an
order and under ids that say nothing: neither the truth nor an unknown column reaches it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

SYNONYMS: dict[str, tuple[str, ...]] = {
    "tenant_id": ("tenant",),
    "record_source": ("source", "source_dataset"),
    "record_type": (),
    "first_name": ("firstname", "given_name", "givenname", "forename", "fname", "first", "given"),
    "middle_name": ("middlename", "middle", "mname", "middle_initial", "middle_names", "second_name"),
    "last_name": ("lastname", "surname", "family_name", "familyname", "lname", "last", "sur_name"),
    "full_name": ("fullname", "name", "person_name", "customer_name", "contact_name", "display_name"),
    "email": ("e_mail", "email_address", "e_mail_address", "emailaddress", "mail", "contact_email"),
    "phone": (
        "phone_number", "phonenumber", "phone_no", "mobile", "mobile_number", "mobile_phone",
        "cell", "cell_phone", "cellphone", "telephone", "telephone_number", "tel", "home_phone",
        "contact_phone", "msisdn",
    ),
    "birth_date": (
        "birthdate", "date_of_birth", "dob", "birthday", "birth_day", "dateofbirth", "d_o_b",
        "born", "born_on",
    ),
    "street": (
        "street_number", "house_number", "street_no", "street_name", "street_address", "address",
        "full_address", "address_1", "address1", "address_line_1", "address_line1", "addr1",
        "addr_1", "address_2", "address2", "address_line_2", "address_line2", "addr2", "addr_2",
        "unit", "apartment",
    ),
    "city": ("town", "suburb", "locality", "municipality", "city_name", "town_name", "town_city"),
    "postcode": (
        "post_code", "postal_code", "postalcode", "zip", "zip_code", "zipcode", "postcode_fake",
        "plz",
    ),
    "state": ("state_code", "state_name", "province", "state_province"),
    "country": ("country_code", "country_name", "nation"),
    "loyalty_card": (
        "loyalty_card_number", "loyalty_number", "loyalty_id", "member_number", "membership_number",
        "member_card",
    ),
    "national_id": (
        "national_id_number", "ssn", "soc_sec_id", "social_security_number", "social_security",
        "socsec", "nino", "national_insurance_number", "tax_id", "passport_number",
    ),
    "visitor_id": ("visitor", "cookie_id"),
}  # fmt: skip
"""Headers by standard name, in the form that ``spelled`` gives; a street's parts are joined in this order."""

JOINED = {"street": " "}
MISSING = ("", "null", "nan", "none", "n/a", "<na>", "nat", r"\n")


class UnreadableError(Exception):
    """A file of persons, or the map of its columns, is not what it has to be."""


@dataclass(frozen=True)
class Trial:
    """Records to be matched, and who they are.

    ``records`` has the column record_id (text, unique) and standard columns (text); ``truth`` holds the name
    of each record's person, in the order of the records.
    """

    name: str
    records: pa.Table
    truth: pa.Array
    extra_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnMap:
    """What map.yml says: columns by standard name, none to leave one out; and further columns to compare."""

    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extra: tuple[str, ...] = ()


def spelled(header: str) -> str:
    """Write a header in one way: ``Date of Birth`` and ``dateOfBirth`` are ``date_of_birth``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header.strip())
    return re.sub(r"[^0-9a-z]+", "_", parted.lower()).strip("_")


def read_map(path: Path) -> ColumnMap:
    """Read a map of columns.

    Raises:
        UnreadableError: when the file is absent, is no YAML, or says what a map cannot say.
    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"cannot read the map of columns {path}: {error}") from error
    except yaml.YAMLError as error:
        raise UnreadableError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise UnreadableError(
            f"{path} has to map standard names to columns, one a line, such as 'first_name: vorname'"
        )
    named: dict[str, tuple[str, ...]] = {}
    for standard, columns in content.items():
        listed = [] if columns is None else columns if isinstance(columns, list) else [columns]
        if not all(isinstance(column, str) for column in listed):
            raise UnreadableError(
                f"{path}: '{standard}' has to name a column or list columns, not {columns!r}"
            )
        if standard != "extra" and standard not in SYNONYMS:
            known = ", ".join([*SYNONYMS, "extra"])
            raise UnreadableError(f"{path}: '{standard}' is no standard name; there are {known}")
        named[str(standard)] = tuple(listed)
    return ColumnMap(named, named.pop("extra", ()))


def read_persons(
    files: Path | Sequence[Path],
    id_column: str,
    truth_column: str,
    columns: ColumnMap | None = None,
    *,
    name: str = "",
    truth_pattern: str = "(.*)",
) -> Trial:
    """Read a file of persons, or several of one shape, with the truth.

    Args:
        files: CSV files with a header, compressed or not; the delimiter is found out.
        id_column: header of the column that names a record.
        truth_column: header of the column that names the person whom a record describes.
        columns: what the recognised headers do not tell.
        name: name of the trial; by default the file's.
        truth_pattern: regular expression whose first group is the person within the truth column.

    Raises:
        UnreadableError: when a file or column is absent, ids repeat, a truth is missing or nothing is known.
    """
    paths = [files] if isinstance(files, Path) else list(files)
    columns = columns or ColumnMap()
    with duckdb.connect(config={"threads": 2}) as duck:
        duck.execute("set enable_progress_bar = false")
        headers = _load(duck, paths)
        where = ", ".join(map(str, paths))
        record_id, truth = (_found(each, headers, where) for each in (id_column, truth_column))
        for listed in (*columns.named.values(), columns.extra):
            if truth in [_found(each, headers, where) for each in listed]:
                raise UnreadableError(f"column '{truth}' is the truth; it cannot be evidence as well")
        chosen = _recognised(headers, {record_id, truth}, columns, where)
        pattern = truth_pattern.replace("'", "''")
        duck.execute(
            f"""
            create table persons as select
                {_value(record_id)} as _id,
                regexp_extract({_value(truth)}, '{pattern}', 1) as _truth,
                {", ".join(f"{value} as {_quoted(standard)}" for standard, value in chosen.items())}
            from file
            """
        )
        _check(duck, where, record_id, truth)
        # In the order of a hash, for duplicates often stand beside their original.
        table = duck.sql(
            """
            select row_number() over (order by md5(_id), _id)::varchar as record_id, * exclude (_id)
            from persons order by md5(_id), _id
            """
        ).to_arrow_table()
    return Trial(
        name or paths[0].stem,
        table.drop_columns("_truth"),
        table["_truth"].combine_chunks(),
        tuple(spelled(each) for each in columns.extra),
    )


def _load(duck: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> list[str]:
    for number, path in enumerate(paths):
        if not path.is_file():
            raise UnreadableError(f"there is no file {path}")
        name = str(path).replace("'", "''")
        reader = f"read_csv('{name}', all_varchar = true, header = true, nullstr = ''"
        verb = "insert into file by name" if number else "create table file as"
        try:
            try:
                duck.execute(f"{verb} select * from {reader})")
            except duckdb.InvalidInputException:  # quotes within unquoted values and the like
                duck.execute(f"{verb} select * from {reader}, strict_mode = false, null_padding = true)")
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise UnreadableError(f"cannot read {path} as CSV in UTF-8 with a header: {reason}") from error
    if not duck.execute("select count(*) from file").fetchall()[0][0]:
        raise UnreadableError(f"{paths[0]} has no rows below its header")
    return [row[0] for row in duck.execute("describe file").fetchall()]


def _found(column: str, headers: Sequence[str], where: str) -> str:
    if column in headers:
        return column
    like = [header for header in headers if spelled(header) == spelled(column)]
    if len(like) == 1:
        return like[0]
    there = ", ".join(header.strip() for header in headers)
    problem = f"several columns are like '{column}'" if like else f"there is no column '{column}'"
    raise UnreadableError(f"{problem} in {where}; its columns are {there}")


def _recognised(headers: Sequence[str], taken: set[str], columns: ColumnMap, where: str) -> dict[str, str]:
    """Return the SQL of each standard column that the file can give."""
    chosen: dict[str, str] = {}
    used = set(taken)
    for standard, listed in columns.named.items():
        found = [_found(each, headers, where) for each in listed]
        used.update(found)
        if found:
            separator = "-" if standard == "birth_date" else " "
            chosen[standard] = _joined(found, separator)
    for each in columns.extra:
        found_extra, extra = _found(each, headers, where), spelled(each)
        if extra in SYNONYMS or extra in ("record_id", ""):
            raise UnreadableError(
                f"'{each}' is listed under extra, but has a standard name; map it as '{extra}'"
            )
        used.add(found_extra)
        chosen[extra] = _value(found_extra)
    for standard in SYNONYMS:
        if standard in columns.named:
            continue
        found = [header for header in _in_order(standard, headers) if header not in used]
        if found:
            joined = standard in JOINED
            chosen[standard] = (
                _joined(found, JOINED[standard]) if joined else f"coalesce({', '.join(map(_value, found))})"
            )
    if not chosen:
        known = ", ".join(standard for standard in SYNONYMS if standard != "tenant_id")
        there = ", ".join(header.strip() for header in headers)
        raise UnreadableError(
            f"no column of {where} is recognised among {there}; say in a file for --columns which are {known}"
        )
    return chosen


def _in_order(standard: str, headers: Sequence[str]) -> Iterator[str]:
    order = {name: place for place, name in enumerate((standard, *SYNONYMS[standard]))}
    if standard == "street":  # the street itself stands between its number and what lies in it
        order["street"] = order["street_name"]
    known = [header for header in headers if spelled(header) in order]
    yield from sorted(known, key=lambda header: order[spelled(header)])


def _joined(found: Sequence[str], separator: str) -> str:
    return f"nullif(concat_ws('{separator}', {', '.join(map(_value, found))}), '')"


def _value(header: str) -> str:
    """Return the SQL of a trimmed value; a whole number that went through floats is one again."""
    words = ", ".join(f"'{word}'" for word in MISSING)
    text = f"regexp_replace(trim({_quoted(header)}), '^(\\d+)\\.0$', '\\1')"
    return f"case when lower(trim({_quoted(header)})) not in ({words}) then {text} end"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _check(duck: duckdb.DuckDBPyConnection, where: str, record_id: str, truth: str) -> None:
    rows = duck.execute(
        """
        select count(*) - count(_id), count(*) - count(nullif(_truth, '')), count(_id) - count(distinct _id),
            mode(_id) from persons
        """
    ).fetchall()
    no_id, no_truth, repeated, example = rows[0]
    if no_id:
        raise UnreadableError(
            f"{no_id} rows of {where} have no '{record_id.strip()}'; each record needs an id"
        )
    if repeated:
        raise UnreadableError(
            f"{repeated} ids in column '{record_id.strip()}' of {where} repeat, such as '{example}';"
            " name a column that is unique"
        )
    if no_truth:
        raise UnreadableError(
            f"{no_truth} rows of {where} say nothing in '{truth.strip()}'; the truth is needed of each"
        )
