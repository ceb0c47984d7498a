"""Typing and validating a mapping's rows against the contract, as SQL that DuckDB runs in vectors."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import available_timezones

from include.feeds.currencies import MINOR_UNITS
from include.warehouse.contracts import Column, Contract

_DUCK_TYPES = {
    "text": "varchar",
    "boolean": "boolean",
    "bigint": "bigint",
    "integer": "integer",
    "date": "date",
    "timestamptz": "timestamptz",
    "jsonb": "varchar",
}
MAX_INDEXED_BYTES = 600
MAX_JSON_OPENERS = 2000
_WORDS = {
    "boolean": "true or false",
    "bigint": "a whole number",
    "integer": "a whole number",
    "date": "a date",
    "timestamptz": "a timestamp",
    "jsonb": "JSON",
}


@dataclass(frozen=True)
class Check:
    """What makes a row refused: when it holds, which column and value are at fault, and the words for it."""

    column: str | None
    condition: str
    value: str
    reason: str


@dataclass(frozen=True)
class Validation:
    """The SQL of a mapping's rows, typed and judged.

    ``key_hash`` and ``row_hash`` are expressions over the columns of ``judged``, ``reasons`` a list of
    structs (column, value, reason), ``given`` a JSON text of the given values.
    """

    mapping: str
    given_columns: str
    typed_columns: str
    bad: str
    key_hash: str
    row_hash: str
    reasons: str
    given: str
    has_extra: bool
    has_deleted: bool

    def judged(self, condition: str = "true") -> str:
        """Return the select of the rows: the contract's columns typed, the given values, ``_bad``.

        Its columns are those of the contract, ``_row``, ``_extra``, ``_deleted``, ``i_<column>`` for each
        value as the mapping gave it, and ``_bad``.

        Args:
            condition: over ``_row``; rows that fail it are left out before anything is computed for them.
        """
        return f"""
            select *, ({self.bad}) as _bad from (
                select {self.typed_columns} from (
                    select {self.given_columns} from ({self.mapping}) as mapped where {condition}
                ) as given
            ) as typed
        """


def build(
    contract: Contract, mapping_sql: str, mapped: Mapping[str, str], *, may_hold_nul: bool = True
) -> Validation:
    """Make the validation of a feed for one mapping.

    Args:
        contract: the feed's contract.
        mapping_sql: the mapping's select over ``source``.
        mapped: the columns that it selects, with their DuckDB types.
        may_hold_nul: False when the file is known to hold no NUL character, which saves looking for it.
    """
    extras = [c for c in mapped if c not in contract.names and c not in ("_row", "_deleted", "_release")]
    given = ["_row", *(f"{_given(c, mapped)} as i_{c.name}" for c in contract.columns)]
    given.append(f"{_extra(extras, mapped)} as _extra")
    given.append(
        ("coalesce(try_cast(_deleted as boolean), false)" if "_deleted" in mapped else "false")
        + " as _deleted"
    )
    typed = ["*", *(f"{_typed(c)} as {c.name}" for c in contract.columns)]
    checks = [
        c for c in _checks(contract, bool(extras)) if may_hold_nul or not c.condition.startswith("contains(")
    ]
    texts = [
        c.name for c in contract.columns if c.data_type == "text" and not c.values and c.name != "tenant_id"
    ]
    cheap = [c.condition for c in checks if not c.condition.startswith("contains(")]
    if texts and may_hold_nul:
        cheap.append(f"contains(concat({', '.join(texts)}), chr(0))")
    if extras and may_hold_nul:
        cheap.append(_NUL_IN_EXTRA)
    bad = " or ".join(f"coalesce({condition}, false)" for condition in cheap)
    structs = ", ".join(
        f"case when {c.condition} "
        f"then {{'column': {_literal(c.column)}, 'value': {c.value}, 'reason': {c.reason}}} end"
        for c in checks
    )
    given_values = [
        f"{c.name} := replace(cast(i_{c.name} as varchar), chr(0), '␀')" for c in contract.columns
    ]
    given_values += ["_extra := _extra", "_deleted := _deleted"]
    # A row without further columns has one hash, whether its mapping could have given some or not.
    suffix = ", '+' || _extra" if extras else ""
    suffix += ", case when _deleted then '-' end" if "_deleted" in mapped else ""
    return Validation(
        mapping=mapping_sql,
        given_columns=", ".join(given),
        typed_columns=", ".join(typed),
        bad=bad,
        key_hash=f"('0x' || left(md5({encode(contract, contract.key)}), 15))::bigint",
        row_hash=f"md5({encode(contract, contract.names)[:-1]}{suffix}))",
        reasons=f"list_filter([{structs}], lambda r: r is not null)",
        given=f"to_json(struct_pack({', '.join(given_values)}))::varchar",
        has_extra=bool(extras),
        has_deleted="_deleted" in mapped,
    )


def encode(contract: Contract, columns: Iterable[str]) -> str:
    """Return an expression that writes columns to one text, unambiguously: each with a NUL after it.

    No value of a row that may load holds a NUL character or is an empty text, so that NULL is left to be
    nothing at all.
    """
    return "concat(" + ", ".join(f"{text}, chr(0)" for text in _texts(contract, columns)) + ")"


def _texts(contract: Contract, columns: Iterable[str]) -> Iterable[str]:
    kinds = {column.name: column.data_type for column in contract.columns}
    for name in columns:
        if kinds.get(name) == "timestamptz":
            yield f"epoch_us({name})::varchar"
        else:
            yield name if kinds.get(name, "text") == "text" and name != "_deleted" else f"{name}::varchar"


def storable_json(text: str) -> str:
    """Return a condition that a text of valid JSON is within what the warehouse stores.

    Numbers with an exponent of four digits are beyond its range, and nesting has a limit; both are told by
    signs that are cheap to find, so that a few odd texts are taken for too large.
    """
    openers = f"2 * length({text}) - length(replace({text}, '[', '')) - length(replace({text}, '{{', ''))"
    # Only where a value begins: ids such as "1e3881" are texts, and there are many of them.
    number = r"[:,\[]\s*-?[0-9.]+[eE][+-]?[0-9]{4}"
    return f"not regexp_matches({text}, '{number}') and {openers} < {MAX_JSON_OPENERS}"


_NUL_IN_EXTRA = "contains(_extra, '\\u0000')"


def _given(column: Column, mapped: Mapping[str, str]) -> str:
    name = column.name
    if name == "tenant_id":
        return "getvariable('tenant_id')::varchar"
    if name not in mapped:
        return "getvariable('source')::varchar" if name == "source" else "null::varchar"
    if mapped[name] == "JSON":
        return f"({name} ->> '$')"
    return name


def _extra(extras: list[str], mapped: Mapping[str, str]) -> str:
    if "_extra" in extras:
        return "_extra::varchar"
    if not extras:
        return "null::varchar"
    quoted = [(f'"{name}"', mapped[name]) for name in sorted(extras)]
    return f"to_json(struct_pack({', '.join(f'{name} := {name}' for name, _ in quoted)}))::varchar"


def _typed(column: Column) -> str:
    given, kind = f"i_{column.name}", column.data_type
    if kind in ("text", "jsonb"):
        return f"nullif({given}::varchar, '')"
    if kind in ("bigint", "integer"):
        # By way of a decimal, so that 12.7 does not become 13 unseen.
        return f"try_cast(try_cast({given}::varchar as decimal(38, 10)) as {kind})"
    if kind == "boolean":
        return f"try_cast({given} as boolean)"
    if kind in ("date", "timestamptz"):
        return f"try_cast(nullif({given}::varchar, '') as {kind})"
    return f"try_cast({given}::varchar as {kind.replace('numeric', 'decimal')})"


def duck_type(column: Column) -> str:
    """Return the DuckDB type of a contract's column."""
    return _DUCK_TYPES.get(column.data_type, column.data_type.replace("numeric", "decimal"))


def _checks(contract: Contract, has_extra: bool) -> Iterable[Check]:
    for column in contract.columns:
        if column.name != "tenant_id":
            yield from _column_checks(column)
    if has_extra:
        yield Check("_extra", _NUL_IN_EXTRA, "left(_extra, 200)", "'a further column holds a NUL character'")
        reason = "a further column holds JSON that cannot be stored: nested too deeply, or too large a number"
        yield Check("_extra", f"not ({storable_json('_extra')})", "left(_extra, 200)", _literal(reason))
    for name in contract.currency_codes:
        known = ", ".join(f"'{code}'" for code in MINOR_UNITS)
        yield Check(
            name, f"{name} not in ({known})", name, f"'''' || {name} || ''' is no currency code (ISO 4217)'"
        )
    for name in contract.time_zones:
        zones = ", ".join(f"'{zone}'" for zone in _zones())
        yield Check(name, f"{name} not in ({zones})", name, f"'''' || {name} || ''' is no IANA time zone'")
    if contract.currency:
        for name in contract.amounts:
            yield _minor_unit(name, contract.currency)
    for name in sorted(_indexed_texts(contract)):
        yield Check(
            name,
            f"strlen({name}) > {MAX_INDEXED_BYTES}",
            f"left({name}, 200)",
            _literal(f"{name} is longer than {MAX_INDEXED_BYTES} bytes"),
        )
    for rule in contract.rules:
        # A rule speaks of its first column before others: that is the one to look at.
        named = re.findall(r"[a-z_]+", rule.check)
        first = next((name for name in named if name in contract.names), None)
        shown = f"left(i_{first}::varchar, 1000)" if first else "null::varchar"
        yield Check(first, f"not ({rule.check})", shown, _literal(rule.error))


def _indexed_texts(contract: Contract) -> set[str]:
    """Return the text columns that stand in an index of the raw table, which takes no long values."""
    indexed = {name for columns in contract.indexes for name in columns} | set(contract.slice)
    return {name for name in indexed if contract.column(name).data_type == "text"} - {"tenant_id"}


def _column_checks(column: Column) -> Iterable[Check]:
    name, given, kind = column.name, f"i_{column.name}::varchar", column.data_type
    shown = f"left(replace({given}, chr(0), '␀'), 1000)"
    if column.required:
        missing = f"({given} is null or {given} = '')"
        yield Check(name, missing, "null::varchar", f"'{name} is missing'")
    if kind == "text":
        if column.values:
            allowed = ", ".join(_literal(value) for value in column.values)
            words = _literal(f" is none of {', '.join(column.values)}")
            yield Check(name, f"{name} not in ({allowed})", shown, f"'''' || {shown} || '''' || {words}")
        else:
            yield Check(name, f"contains({name}, chr(0))", shown, f"'{name} holds a NUL character'")
        return
    present = f"({given} is not null and {given} <> '')"
    refusal = f"'''' || {shown} || ''' is not {_WORDS.get(kind, 'a number of ' + kind)}'"
    if kind.startswith("numeric"):
        scale = int(kind.rstrip(")").rpartition(",")[2])
        exact = f"try_cast({given} as decimal(38, 18))"
        yield Check(name, f"{present} and {name} is null", shown, refusal)
        yield Check(
            name,
            f"{name} is not null and {exact} is distinct from {name}::decimal(38, 18)",
            shown,
            f"'''' || {shown} || ''' has more than {scale} decimals'",
        )
    elif kind in ("bigint", "integer"):
        exact = f"try_cast({given} as decimal(38, 10))"
        differs = f"({name} is null or {exact} is distinct from {name}::decimal(38, 10))"
        yield Check(name, f"{present} and {differs}", shown, refusal)
    elif kind == "timestamptz":
        yield Check(name, f"{present} and {name} is null", shown, refusal)
        outside = f"not (isfinite({name}) and year({name}) between 1 and 9999)"
        yield Check(name, outside, shown, f"'''' || {shown} || ''' is outside the years 1 to 9999'")
    elif kind == "date":
        yield Check(name, f"{present} and {name} is null", shown, refusal)
        outside = f"not (isfinite({name}) and year({name}) between 1 and 9999)"
        yield Check(name, outside, shown, f"'''' || {shown} || ''' is outside the years 1 to 9999'")
        timed = f"try_cast({given} as timestamp) <> {name}::timestamp"
        yield Check(name, timed, shown, f"'''' || {shown} || ''' is an instant where a date is asked'")
    elif kind == "jsonb":
        yield Check(name, f"{present} and not json_valid({name})", shown, refusal)
    else:
        yield Check(name, f"{present} and {name} is null", shown, refusal)


def _minor_unit(name: str, currency: str) -> Check:
    odd = {code: unit for code, unit in MINOR_UNITS.items() if unit != 2}
    whens = " ".join(
        f"when {currency} in ({', '.join(_literal(c) for c, u in odd.items() if u == unit)}) "
        f"then {name} <> round({name}, {unit})"
        for unit in sorted(set(odd.values()))
    )
    condition = f"case {whens} else {name} <> round({name}, 2) end"
    reason = f"'''' || {name}::varchar || ''' has more decimals than ' || {currency} || ' has'"
    return Check(name, condition, f"i_{name}::varchar", reason)


@lru_cache(maxsize=1)
def _zones() -> tuple[str, ...]:
    return tuple(sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"))


def _literal(value: str | None) -> str:
    return "null" if value is None else "'" + value.replace("'", "''") + "'"
