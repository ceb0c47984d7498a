"""Who is this? One record against the standing customers, at once, by the same keys and the same model."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from phonenumbers import SUPPORTED_REGIONS

from include.identity import store
from include.identity.candidates import BLOCK_LIMIT, keys_of_one
from include.identity.model import comparisons_sql, frequency_columns
from include.identity.normalise import COLUMNS, define_macros, normalised_one
from include.identity.score import Weights
from include.warehouse import Warehouse

_DESCRIBED = tuple(
    column for column in COLUMNS if column not in ("tenant_id", "record_source", "record_type")
)
_COMPARED = (*store.EVIDENCE, *store.FREQUENCIES)


class UnknownTenantError(LookupError):
    """No such tenant is in the warehouse."""


class NotTrainedError(RuntimeError):
    """No run has trained a model yet, or its tables must be made anew."""


@dataclass(frozen=True)
class Reason:
    """One record of the answered customer that speaks for it: its name, the weight and the weight's parts."""

    record_name: str
    weight: float
    parts: Mapping[str, float]


@dataclass(frozen=True)
class Resolution:
    """The answer: the customer, or None for somebody new, with the evidence, the strongest first."""

    customer_id: str | None
    weight: float | None
    evidence: tuple[Reason, ...]


class Resolver:
    """Answers over one connection to the warehouse; keeps the model and its queries ready between calls.

    One resolver answers one call at a time; make one per thread.
    """

    def __init__(self, warehouse: Warehouse, *, threads: int = 1) -> None:
        model = store.active_model(warehouse)
        if model is None or store.has_lost_keys(warehouse):
            raise NotTrainedError("nothing stands to search; run `python -m include.identity match` first")
        self._warehouse, self.model = warehouse, model
        self._lock = threading.Lock()
        self._duck = duckdb.connect()
        self._duck.execute(f"set threads = {threads}")
        define_macros(self._duck)
        self._weights = Weights(model)
        self._ready: set[str] = set()
        self._rarest: dict[str, float] = dict(
            warehouse.rows(
                "select column_name, min(frequency) from identity.term_frequencies group by column_name"
            )
        )
        self._countries = dict(
            warehouse.rows("select tenant_id, country_code from raw.tenants where not _deleted")
        )

    def resolve(
        self, tenant_id: str, record: Mapping[str, str | None], *, name: str | None = None, log: bool = True
    ) -> Resolution:
        """Find the customer whom a record belongs to.

        Args:
            tenant_id: whose customers are searched.
            record: what is known, as text, under the names of the standard columns.
            name: the record's name (``source:key``) when it will come by a feed too: the nightly run then
                confirms or corrects the answer in ``identity.resolutions``.
            log: whether the answer is logged.

        Returns:
            The customer and why; no customer when nobody standing is linked.

        Raises:
            UnknownTenantError: there is no such tenant.
            ValueError: the record says nothing that can be compared, or has an unknown column.
        """
        self._check(tenant_id, record)
        with self._lock:
            found = self._find(tenant_id, record)
        if log:
            self._warehouse.execute(
                "insert into identity.resolutions (tenant_id, record_name, customer_id, weight)"
                " values (%s, %s, %s, %s)",
                [tenant_id, name, found.customer_id, found.weight],
            )
        return found

    def _check(self, tenant_id: str, record: Mapping[str, str | None]) -> None:
        if tenant_id not in self._countries:
            raise UnknownTenantError(
                f"no tenant {tenant_id!r}; there are {', '.join(sorted(self._countries))}"
            )
        if unknown := sorted(set(record) - set(_DESCRIBED)):
            raise ValueError(f"a record has no {', '.join(unknown)}; it may have {', '.join(_DESCRIBED)}")
        if not any(record.values()):
            raise ValueError(f"the record says nothing; it may say {', '.join(_DESCRIBED)}")

    def _find(self, tenant_id: str, record: Mapping[str, str | None]) -> Resolution:
        asked = self._read(tenant_id, record)
        others = self._standing(tenant_id, self._keys(asked))
        if not others:
            return Resolution(None, None, ())
        asked |= self._frequencies(asked)
        by_customer: dict[str, list[Reason]] = {}
        for customer, reason in self._weigh(asked, others):
            by_customer.setdefault(customer, []).append(reason)
        return self._choose(by_customer)

    def _read(self, tenant_id: str, record: Mapping[str, str | None]) -> dict[str, Any]:
        """Return what the record says in comparable form."""
        told = {"tenant_id": tenant_id, "country": self._countries[tenant_id]} | {
            column: value for column, value in record.items() if value
        }
        region = told["country"].strip().upper()
        region = region if region in SUPPORTED_REGIONS else ""
        name, columns = f"read_{region}", ("tenant_id", *_DESCRIBED)
        self._prepare(name, lambda: normalised_one(columns, [region] if region else []))
        found = self._execute(name, [told.get(column) for column in columns])
        names = [column[0] for column in found.description or ()]
        return dict(zip(names, found.fetchall()[0], strict=True))

    def _keys(self, asked: Mapping[str, Any]) -> list[int]:
        columns = ("tenant", *store.EVIDENCE)
        self._prepare("keys", lambda: keys_of_one(columns, self.model.keys))
        found = self._execute("keys", [asked[column] for column in columns])
        return [key for (key,) in found.fetchall()]

    def _prepare(self, name: str, query: Callable[[], str]) -> None:
        """Have a query planned once: that takes several times as long as to run it for one record."""
        if name not in self._ready:
            self._duck.execute(f"prepare {name} as {query()}")
            self._ready.add(name)

    def _execute(self, name: str, values: Iterable[str | None]) -> duckdb.DuckDBPyConnection:
        """Run what is prepared; it is planned anew unless each value has the type of its parameter."""
        told = ", ".join(map(_literal, values))
        return self._duck.execute(f"execute {name}({told})")

    def _standing(self, tenant_id: str, keys: Sequence[int]) -> list[dict[str, Any]]:
        """Return every record of the customers with whom a key is shared that few share."""
        columns = ", ".join(f'r."{column}"' for column in _COMPARED)
        rows = self._warehouse.rows(
            f"""
            with shared as (
                select key, record_no, count(*) over (partition by key) as sharing
                from identity.block_keys where key = any(%s)
            ),
            linked as (
                select distinct r.customer_id
                from shared inner join identity.records as r on shared.record_no = r.record_no
                where sharing < {BLOCK_LIMIT} and r.tenant_id = %s
            )
            select r.record_name, r.customer_id, {columns}
            from linked
            inner join identity.records as r on r.tenant_id = %s and r.customer_id = linked.customer_id
            order by r.record_name
            """,
            [keys, tenant_id, tenant_id],
        )
        names = ("record_name", "customer_id", *_COMPARED)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _frequencies(self, asked: Mapping[str, Any]) -> dict[str, float]:
        """Return how frequent the record's values are; one never counted is as rare as the rarest."""
        columns = [column for column in frequency_columns(self.model.evidence) if asked[column] is not None]
        found = dict(
            self._warehouse.rows(
                "select f.column_name, f.frequency from identity.term_frequencies as f"
                " inner join unnest(%s::text[], %s::text[]) as v (column_name, value)"
                " on f.column_name = v.column_name and f.value = v.value",
                [columns, [asked[column] for column in columns]],
            )
        )
        return {f"tf_{column}": found.get(column, self._rarest.get(column, 1.0)) for column in columns}

    def _weigh(
        self, asked: Mapping[str, Any], others: Sequence[Mapping[str, Any]]
    ) -> Iterator[tuple[str, Reason]]:
        """Give each standing record's customer, and what speaks for it or against."""
        self._prepare("compare", self._comparison)
        found = self._execute("compare", [_json([asked]), _json(others)])
        by_name = {other["record_name"]: other for other in others}
        for name, *degrees in found.fetchall():
            other = by_name[name]
            rarity = {
                column: max(asked[f"tf_{column}"], other[f"tf_{column}"] or 0.0)
                for column in frequency_columns(self.model.evidence)
                if f"tf_{column}" in asked
            }
            columns = (item.column for item in self.model.evidence)
            weight, parts = self._weights.of(dict(zip(columns, degrees, strict=True)), rarity)
            told = {column: round(part, 2) for column, part in parts.items()}
            yield other["customer_id"], Reason(name, round(weight, 3), told)

    def _comparison(self) -> str:
        """Return the query that compares a record with others, both given as JSON."""
        degrees = comparisons_sql(self.model)
        sides = [f"{side}.{column} as {column}_{side}" for column in store.EVIDENCE for side in ("l", "r")]
        shape = json.dumps([dict.fromkeys(("record_name", *store.EVIDENCE), "varchar")])
        records = f"(select unnest(from_json(?::varchar, '{shape}'), recursive := true))"
        return (
            f"select r_name, {', '.join(degrees[item.column] for item in self.model.evidence)}"
            f" from (select r.record_name as r_name, {', '.join(sides)}"
            f" from {records} as l cross join {records} as r)"
        )

    def _choose(self, by_customer: Mapping[str, Sequence[Reason]]) -> Resolution:
        """Choose a customer by the rule of clustering: a link, and no contradiction on average."""
        best: tuple[float, str] | None = None
        for customer, reasons in sorted(by_customer.items()):
            weights = [min(max(reason.weight, -20.0), 20.0) for reason in reasons]
            average = sum(weights) / len(weights)
            if (
                max(weights) >= self.model.link_weight
                and average >= 0
                and (best is None or average > best[0])
            ):
                best = (average, customer)
        if best is None:
            return Resolution(None, None, ())
        reasons = sorted(by_customer[best[1]], key=lambda reason: (-reason.weight, reason.record_name))
        return Resolution(best[1], reasons[0].weight, tuple(reasons[:3]))


def _json(records: Iterable[Mapping[str, Any]]) -> str:
    columns = ("record_name", *store.EVIDENCE)
    return json.dumps([{column: record.get(column) for column in columns} for record in records])


def _literal(value: str | None) -> str:
    return "null::varchar" if value is None else "'" + value.replace("'", "''").replace("\0", "") + "'"
