"""Who is this? One record against the standing customers, at once, by the same keys and the same model."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from include.identity import store
from include.identity.candidates import BLOCK_LIMIT, keys_sql
from include.identity.normalise import COLUMNS, define_macros, normalise
from include.identity.score import add_frequencies, weights_sql
from include.warehouse import Warehouse

_DESCRIBED = tuple(
    column for column in COLUMNS if column not in ("tenant_id", "record_source", "record_type")
)


class UnknownTenantError(LookupError):
    """No such tenant is in the warehouse."""


class NotTrainedError(RuntimeError):
    """No run has trained a model yet."""


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
        if model is None:
            raise NotTrainedError("no model is trained yet; run `python -m include.identity match` first")
        self._warehouse, self.model = warehouse, model
        self._lock = threading.Lock()
        self._duck = duckdb.connect()
        self._duck.execute(f"set threads = {threads}")
        define_macros(self._duck)
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
        duck, warehouse = self._duck, self._warehouse
        told = {column: record.get(column) for column in _DESCRIBED}
        told |= {"country": record.get("country") or self._countries[tenant_id], "record_id": "asked"}
        told |= {"tenant_id": tenant_id, "record_source": None, "record_type": None}
        duck.register(
            "given", pa.table({name: pa.array([value], pa.string()) for name, value in told.items()})
        )
        normalise(duck, "given", "records", COLUMNS)
        keys = [
            key
            for (key,) in duck.execute(f"select key from ({keys_sql('records', self.model.keys)})").fetchall()
        ]
        columns = ", ".join(f'r."{column}"' for column in (*store.EVIDENCE, *store.FREQUENCIES))
        others = warehouse.query(
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
            select r.record_name, r.customer_id, r.tenant_id as tenant, {columns}
            from linked
            inner join identity.records as r on r.tenant_id = %s and r.customer_id = linked.customer_id
            """,
            [keys, tenant_id, tenant_id],
        )
        if not others.num_rows:
            return Resolution(None, None, ())
        return self._judge(others)

    def _judge(self, others: pa.Table) -> Resolution:
        """Choose a customer by the rule of clustering: a link, and no contradiction on average."""
        duck = self._duck
        self._add_frequencies()
        duck.register("_others", others)
        duck.execute(
            "create or replace temp table others as"
            " select *, row_number() over (order by record_name) + 1 as uid from _others"
        )
        duck.unregister("_others")
        query = weights_sql(
            self.model,
            "weighable",
            "others",
            "(select 1 as uid_l, uid as uid_r from others)",
            with_parts=True,
        )
        scored = (
            duck.sql(
                f"select others.record_name, others.customer_id, scored.* from ({query}) as scored"
                " inner join others on scored.uid_r = others.uid"
            )
            .to_arrow_table()
            .to_pylist()
        )
        best: tuple[float, str] | None = None
        by_customer: dict[str, list[dict[str, Any]]] = {}
        for row in scored:
            by_customer.setdefault(row["customer_id"], []).append(row)
        for customer, rows in sorted(by_customer.items()):
            weights = [min(max(row["weight"], -20.0), 20.0) for row in rows]
            average = sum(weights) / len(weights)
            if (
                max(weights) >= self.model.link_weight
                and average >= 0
                and (best is None or average > best[0])
            ):
                best = (average, customer)
        if best is None:
            return Resolution(None, None, ())
        rows = sorted(by_customer[best[1]], key=lambda row: (-row["weight"], row["record_name"]))
        return Resolution(best[1], round(rows[0]["weight"], 3), tuple(self._reason(row) for row in rows[:3]))

    def _add_frequencies(self) -> None:
        duck = self._duck
        columns = [item.column for item in self.model.evidence if item.has_frequency]
        if not columns:
            duck.execute("create or replace table weighable as select * from records")
            return
        values = duck.execute(f"select {', '.join(columns)} from records").fetchall()[0]
        found = self._warehouse.rows(
            "select f.column_name, f.value, f.frequency from identity.term_frequencies as f"
            " inner join unnest(%s::text[], %s::text[]) as v (column_name, value)"
            " on f.column_name = v.column_name and f.value = v.value",
            [columns, list(values)],
        )
        told = [*found, *((column, "", self._rarest(column)) for column in columns)]
        names = ("column_name", "value", "frequency")
        duck.register("_told", pa.table(dict(zip(names, map(list, zip(*told, strict=True)), strict=True))))
        duck.execute("create or replace temp table frequencies as select * from _told")
        duck.unregister("_told")
        add_frequencies(duck, "records", self.model.evidence, "frequencies", "weighable")

    def _rarest(self, column: str) -> float:
        if not hasattr(self, "_least"):
            self._least: dict[str, float] = dict(
                self._warehouse.rows(
                    "select column_name, min(frequency) from identity.term_frequencies group by column_name"
                )
            )
        return self._least.get(column, 1.0)

    def _reason(self, row: Mapping[str, Any]) -> Reason:
        parts = {}
        for item in self.model.evidence:
            if row[f"gamma_{item.column}"] >= 0:
                weight = row[f"mw_{item.column}"] + (
                    row[f"mw_tf_adj_{item.column}"] if item.has_frequency else 0.0
                )
                parts[item.column] = round(weight, 2)
        return Reason(row["record_name"], round(row["weight"], 3), parts)
