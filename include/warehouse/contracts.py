"""What the contract of a feed says: read from its dbt source YAML, checked, and given a version."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from include.settings import PROJECT_ROOT

CONTRACTS_DIR = PROJECT_ROOT / "dbt_project" / "models" / "staging"

Kind = Literal["event", "entity", "slice", "book"]

_TYPE = re.compile(r"text|boolean|bigint|integer|date|timestamptz|jsonb|numeric\(\d+,\d+\)")


class ContractError(ValueError):
    """A feed's YAML does not say what a contract must say."""


@dataclass(frozen=True)
class Column:
    """One column of a feed: its Postgres type and what its values must be."""

    name: str
    data_type: str
    required: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A DuckDB expression over the typed columns that must not be false, and the words for when it is."""

    check: str
    error: str


@dataclass(frozen=True)
class Contract:
    """What the loader creates, validates and merges a feed by.

    ``version`` names the column by which the newest record of a key wins, ``state`` the column and
    order of states that decide between equal versions, ``slice`` the columns whose values one pull
    replaces together, ``amounts`` the money columns held to the minor unit of ``currency``, ``indexes`` the
    columns by which models look rows up.
    """

    feed: str
    kind: Kind
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    slice: tuple[str, ...] = ()
    event_time: str | None = None
    version: str | None = None
    state_column: str | None = None
    state_order: tuple[str, ...] = ()
    cursor: str | None = None
    currency: str | None = None
    amounts: tuple[str, ...] = ()
    totals: tuple[str, ...] = ()
    currency_codes: tuple[str, ...] = ()
    time_zones: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    _names: Mapping[str, Column] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a contract that names a column it does not have or lacks what its kind needs."""
        object.__setattr__(self, "_names", {column.name: column for column in self.columns})
        named = [*self.key, *self.slice, *self.amounts, *self.totals, *self.currency_codes, *self.time_zones]
        named += [name for index in self.indexes for name in index]
        single = (self.event_time, self.version, self.state_column)
        named += [c for c in (*single, self.cursor, self.currency) if c]
        if unknown := sorted(set(named) - set(self._names)):
            raise ContractError(f"{self.feed}: the contract names columns it does not have: {unknown}")
        if self.key[:1] != ("tenant_id",):
            raise ContractError(f"{self.feed}: the key must begin with tenant_id")
        needed = [*self.key, *self.slice, *(c for c in single if c)]
        if optional := sorted({c for c in needed if not self._names[c].required}):
            raise ContractError(f"{self.feed}: columns that decide a row's fate must be required: {optional}")
        if self.kind == "event" and not self.event_time:
            raise ContractError(f"{self.feed}: a feed of events needs event_time")
        if self.kind == "slice" and not self.slice:
            raise ContractError(f"{self.feed}: a feed of slices needs slice")
        if self.kind == "book":
            self._check_book()

    def _check_book(self) -> None:
        if not self.event_time:
            raise ContractError(f"{self.feed}: a book needs event_time, when each entry was decided")
        for name, told in (("entered_by", "who"), ("reason", "why")):
            column = self._names.get(name)
            if column is None or not column.required or column.data_type != "text":
                raise ContractError(f"{self.feed}: a book needs the required text column {name} ({told})")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in the contract's order."""
        return tuple(self._names)

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return self._names[name]

    @property
    def keeps_first(self) -> bool:
        """Whether another content of a key is a conflict, and no row is ever superseded or marked deleted."""
        return self.kind in ("event", "book")

    @property
    def digest(self) -> str:
        """The contract's version: a content hash of all that decides what is loaded (16 hex digits)."""
        said = {k: v for k, v in self.__dict__.items() if not k.startswith("_") and k != "indexes"}
        text = json.dumps(said, sort_keys=True, default=lambda value: value.__dict__)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_contract(table: Mapping[str, Any], place: str) -> Contract:
    """Make a contract of one table of a dbt source.

    Args:
        table: the table's entry in the source YAML.
        place: the file, for messages.

    Raises:
        ContractError: when something needed is missing, unknown or contradictory.
    """
    try:
        meta: Mapping[str, Any] = table["config"]["meta"]
        columns = tuple(_column(entry) for entry in table["columns"])
        for column in columns:
            if not _TYPE.fullmatch(column.data_type):
                raise ContractError(f"column {column.name} has the unknown type {column.data_type!r}")
        if meta["kind"] not in get_args(Kind):
            raise ContractError(f"kind {meta['kind']!r} is not {', '.join(get_args(Kind))}")
        if meta["kind"] == "book" and not meta.get("is_decision"):
            raise ContractError(f"{table['name']}: a book holds decisions, so that it needs is_decision")
        state = meta.get("state") or {}
        money = meta.get("money") or {}
        return Contract(
            feed=table["name"],
            kind=meta["kind"],
            key=_texts(meta["key"]),
            columns=columns,
            slice=_texts(meta.get("slice")),
            event_time=meta.get("event_time"),
            version=meta.get("version"),
            state_column=state.get("column"),
            state_order=_texts(state.get("order")),
            cursor=meta.get("cursor"),
            currency=money.get("currency"),
            amounts=_texts(money.get("amounts")),
            totals=_texts(meta.get("totals")),
            currency_codes=_texts(meta.get("currency_codes")),
            time_zones=_texts(meta.get("time_zones")),
            rules=tuple(Rule(rule["check"], rule["error"]) for rule in meta.get("rules", ())),
            indexes=tuple(_texts(index) for index in meta.get("indexes", ())),
        )
    except KeyError as missing:
        raise ContractError(f"{place}: the contract of {table.get('name')} lacks {missing}") from missing
    except ContractError as wrong:
        raise ContractError(f"{place}: {wrong}") from wrong


@lru_cache(maxsize=4)
def load_contracts(folder: Path = CONTRACTS_DIR) -> Mapping[str, Contract]:
    """Read all contracts below a folder: ``<feed>/<feed>.yml``, source ``raw``.

    Raises:
        ContractError: when one is wrong or two define the same feed.
    """
    contracts: dict[str, Contract] = {}
    for path in sorted(folder.glob("*/*.yml")):
        for source in yaml.safe_load(path.read_text()).get("sources", ()):
            if source.get("schema", source["name"]) != "raw":
                continue
            for table in source["tables"]:
                contract = parse_contract(table, path.name)
                if contract.feed in contracts:
                    raise ContractError(f"{path.name}: {contract.feed} is defined twice")
                contracts[contract.feed] = contract
    return contracts


def _column(entry: Mapping[str, Any]) -> Column:
    meta = (entry.get("config") or {}).get("meta") or {}
    return Column(
        name=entry["name"],
        data_type=str(entry["data_type"]).lower().replace(" ", ""),
        required=bool(meta.get("required", False)),
        values=_texts(meta.get("values")),
    )


def _texts(value: Sequence[Any] | None) -> tuple[str, ...]:
    return tuple(str(item) for item in value or ())
