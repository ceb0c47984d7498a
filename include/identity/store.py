"""The matcher's own tables: what it reads of the feeds, and what stands of earlier runs."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from include.identity.model import Model
from include.identity.records import RECORDS_SQL
from include.warehouse import Warehouse

FEEDS = {"customers": "customers", "orders": "orders", "pos_sales": "sales"}
"""Feeds that hold records, and their names in the records' query."""

DECISIONS = ("identity_overrides",)
"""Feeds of decisions that touch records."""

EVIDENCE = (
    "given", "middle", "family", "birth", "email", "email_local", "phone", "card", "national_id", "visitor",
    "street", "house", "postcode", "city", "state",
)  # fmt: skip
FEW_RECORDS = 5_000
"""Records from which a model is pinned for good; one of fewer is learnt anew when they have doubled."""

FREQUENCIES = ("tf_given", "tf_family", "tf_street", "tf_city")
IDENTITY = ("tenant_id", "record_source", "record_type", "record_key", "record_name")
_PULLED_AS = {
    **dict.fromkeys(("record_no", "uid", "left_no", "right_no", "first_run"), "bigint"),
    **dict.fromkeys(("weight", "frequency", *FREQUENCIES), "double"),
    "created_at": "timestamptz",
}
"""Types of pulled columns by their names; all others are text."""

_KEYS = {"customers": "source_customer_id", "orders": "order_id", "pos_sales": "sale_id"}
_TYPES = {"customers": "customer", "orders": "order", "pos_sales": "sale"}


def pins(warehouse: Warehouse) -> dict[str, int]:
    """Return the newest load per feed that matching reads, 0 where there is none."""
    found = dict(warehouse.rows("select feed, max(load_id) from ops.loads group by feed"))
    return {feed: found.get(feed, 0) for feed in (*FEEDS, *DECISIONS)}


def records_since(since: Mapping[str, int]) -> str:
    """Return the query of the records among the rows that loads have brought or changed since ``since``."""
    return RECORDS_SQL.format(
        **{
            name: f"(select * from raw.{feed} where not _deleted and _load_id > {since[feed]}) as {name}"
            for feed, name in FEEDS.items()
        }
    )


def touched_since(since: Mapping[str, int]) -> str:
    """Return the query of the names of all rows touched since ``since``, records or not, removed ones too."""
    return " union all ".join(
        "select tenant_id, source || ':' ||"
        f" {'' if feed == 'customers' else repr(_TYPES[feed] + ':') + ' || '}"
        f"{_KEYS[feed]} as record_name from raw.{feed} where _load_id > {since[feed]}"
        for feed in FEEDS
    )


@contextmanager
def workspace() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A DuckDB of one run and a folder for what goes between it and the warehouse."""
    with tempfile.TemporaryDirectory(prefix="sokol-identity-") as folder:
        connection = duckdb.connect()
        connection.execute("set preserve_insertion_order = false")
        try:
            yield connection, Path(folder)
        finally:
            connection.close()


def pull(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, folder: Path, statement: str, table: str
) -> int:
    """Copy the result of a query in the warehouse into a table of the workspace; return its rows."""
    path = folder / f"{table}.csv"
    with path.open("wb") as file:
        for chunk in warehouse.copy_out(statement, header=True):
            file.write(chunk)
    with path.open() as file:
        columns = {name: _PULLED_AS.get(name, "varchar") for name in file.readline().strip().split(",")}
    connection.execute(
        f"create or replace table {table} as select * from read_csv("
        f"'{path}', header = true, columns = {columns}, quote = '\"', escape = '\"', delim = ',',"
        " null_padding = false, strict_mode = true, auto_detect = false)"
    )
    path.unlink()
    (rows,) = connection.execute(f"select count(*) from {table}").fetchall()[0]
    return int(rows)


def push(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    query: str,
    table: str,
    *,
    columns: Sequence[str],
) -> int:
    """Append the result of a query in the workspace to a table of the warehouse; return its rows."""
    path = folder / "push.csv"
    connection.execute(f"copy ({query}) to '{path}' (format csv, header false, null '')")
    try:
        return warehouse.bulk_load(table, columns, _chunks(path))
    finally:
        path.unlink()


def _chunks(path: Path) -> Iterable[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def active_model(warehouse: Warehouse) -> Model | None:
    """Return the model that runs are pinned to, None before the first training."""
    found = warehouse.rows("select model from identity.models where is_active")
    return Model.from_json(found[0][0]) if found else None


def former_models(warehouse: Warehouse, *, most: int = 5) -> list[Model]:
    """Return the models to which runs were pinned before, the newest first."""
    rows = warehouse.rows(
        "select model from identity.models where not is_active and pinned_at is not null"
        " order by pinned_at desc limit %s",
        [most],
    )
    return [Model.from_json(content) for (content,) in rows]


def is_outgrown(warehouse: Warehouse) -> bool:
    """Say whether the model was learnt from so few records that there are more than twice as many now."""
    found = warehouse.rows("select trained_on from identity.models where is_active")
    if not found or found[0][0] >= FEW_RECORDS:
        return False
    return bool(warehouse.value("select count(*) from identity.records") > 2 * found[0][0])


def has_lost_keys(warehouse: Warehouse) -> bool:
    """Say whether a crash of the server has emptied the block keys, which it does not log."""
    return bool(
        warehouse.value(
            "select exists (select from identity.records) and not exists (select from identity.block_keys)"
        )
    )


def activate(warehouse: Warehouse, model: Model, trained_on: int) -> None:
    """Pin the next runs to a model; ``trained_on``: how many records it was learnt from, or held against."""
    warehouse.execute("update identity.models set is_active = false where is_active")
    keep(warehouse, model, trained_on)
    warehouse.execute(
        "update identity.models set is_active = true, pinned_at = clock_timestamp(), trained_on = %s"
        " where version = %s",
        [trained_on, model.version],
    )


def keep(warehouse: Warehouse, model: Model, trained_on: int) -> None:
    """Record a model."""
    warehouse.execute(
        "insert into identity.models (version, model, trained_on) values (%s, %s, %s) on conflict do nothing",
        [model.version, json.dumps(model.to_json()), trained_on],
    )


def note_accuracy(warehouse: Warehouse, model: Model, accuracy: float | None) -> None:
    """Note how right a model was on the labels when it was last measured."""
    warehouse.execute(
        "update identity.models set label_accuracy = %s where version = %s", [accuracy, model.version]
    )


def overrides(warehouse: Warehouse, *, in_force: bool = True) -> list[dict[str, Any]]:
    """Return the operators' decisions: link, names of both records; when asked, withdrawn ones too."""
    rows = warehouse.rows(
        f"""
        select tenant_id, override_id, link,
            left_source, left_type, left_id, right_source, right_type, right_id
        from raw.identity_overrides
        where {"is_active and" if in_force else ""} not _deleted
        order by tenant_id, override_id
        """
    )
    return [
        {
            "tenant_id": tenant,
            "override_id": override,
            "link": link,
            "left": record_name(*left),
            "right": record_name(*right),
        }
        for tenant, override, link, *ends in rows
        for left, right in [(ends[:3], ends[3:])]
    ]


def record_name(source: str, kind: str, key: str) -> str:
    """Return the name of a record within its tenant, which is what its customer's id looks like."""
    return f"{source}:{key}" if kind == "customer" else f"{source}:{kind}:{key}"
