"""What forecasts read of the warehouse, and where their models are kept."""

import io
import pickle
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from psycopg.types.json import Jsonb

from include.clv.model import Forecast, Model
from include.clv.panel import Orders
from include.settings import Settings
from include.warehouse import Warehouse, connect

Floats = npt.NDArray[np.float64]

EPOCH = date(1970, 1, 1)
LOCK = "sokol:clv"

_EVENTS = """
    select customer_id, event_date, channel, sum(reporting_net_amount) as net_value,
        max(case when event_type = 'completion' then 1 else 0 end) as placed
    from intermediate.int_orders__events
    where tenant_id = '{tenant}' and customer_id is not null and event_date <= '{until}'
        and mod(abs(hashtext(customer_id)::bigint), {shards}) = {shard}
    group by customer_id, event_date, channel
"""
_CATEGORIES = """
    select purchases.customer_id, purchases.first_bought_date as event_date,
        min(products.category) as category
    from intermediate.int_products__purchases as purchases
    inner join intermediate.int_products__catalogue as products
        on purchases.tenant_id = products.tenant_id and purchases.product_id = products.product_id
    where purchases.tenant_id = '{tenant}' and purchases.first_bought_date <= '{until}'
        and products.category is not null
        and mod(abs(hashtext(purchases.customer_id)::bigint), {shards}) = {shard}
    group by purchases.customer_id, purchases.first_bought_date
"""
_TYPES = {
    "customer_id": pa.string(),
    "event_date": pa.date32(),
    "channel": pa.string(),
    "category": pa.string(),
    "net_value": pa.float64(),
    "placed": pa.float64(),
}


@dataclass(frozen=True)
class Tenant:
    """An organisation, as its last published build left it."""

    tenant_id: str
    country: str | None
    currency: str
    as_of: date


Trait = tuple[Literal["channel", "category"], str]
"""What may be known of a customer from its first order on."""


@dataclass(frozen=True)
class History:
    """A tenant's purchases: ids of the customers by number, their orders, and what the first ones were.

    ``channels`` and ``categories``: of each customer's first day of purchase; empty where nothing is known. A
    first day does not change as time goes by, so a model of an earlier day sees nothing later in them.
    """

    customers: npt.NDArray[np.object_]
    orders: Orders
    channels: npt.NDArray[np.object_]
    categories: npt.NDArray[np.object_]

    def traits(self, names: Sequence[Trait]) -> Floats:
        """Return whether each customer has each of these traits, 0 or 1."""
        told = {"channel": self.channels, "category": self.categories}
        table = np.zeros((len(self.customers), len(names)))
        for place, (kind, name) in enumerate(names):
            table[:, place] = told[kind] == name
        return table

    def segments(self, names: Sequence[Trait]) -> npt.NDArray[np.int64]:
        """Return the number of each customer's channel among the traits, -1 where it is none of them."""
        found = np.full(len(self.customers), -1, dtype=np.int64)
        for place, (kind, name) in enumerate(names):
            if kind == "channel":
                found[self.channels == name] = place
        return found


@contextmanager
def alone(settings: Settings) -> Iterator[tuple[Warehouse, Warehouse]]:
    """Give connections of the loader and of the transformer; nobody else trains or forecasts meanwhile."""
    with (
        connect("loader", settings) as holder,
        connect("loader", settings) as loader,
        connect("transformer", settings) as transformer,
        holder.transaction(),
    ):
        holder.lock(LOCK)
        yield loader, transformer


def tenants(transformer: Warehouse, only: Sequence[str] = ()) -> list[Tenant]:
    """Return the tenants that are published, by id; of these only some where any are named."""
    published = transformer.rows(
        "select tenant_id, country_code, reporting_currency, as_of_date"
        " from intermediate.int_tenants__published order by tenant_id"
    )
    return [Tenant(*row) for row in published if not only or row[0] in only]


def shards(transformer: Warehouse, tenant: Tenant, customers: int) -> int:
    """Return into how many parts a tenant's customers are cut so that a part has about so many."""
    count = transformer.value(
        "select count(distinct customer_id) from intermediate.int_orders__events where tenant_id = %s",
        [tenant.tenant_id],
    )
    return max(1, -(-int(count) // customers))


def read(transformer: Warehouse, tenant: Tenant, *, shard: int = 0, shards: int = 1) -> History:
    """Read what a tenant's customers bought and sent back, up to its as-of day.

    Args:
        transformer: a connection that may read the models between staging and marts.
        tenant: whose customers.
        shard: which part of the customers, cut by a hash of their ids.
        shards: parts in all.
    """
    part = {
        "tenant": tenant.tenant_id.replace("'", "''"),
        "until": tenant.as_of,
        "shard": shard,
        "shards": shards,
    }
    table = _table(transformer, _EVENTS.format(**part))
    encoded = table["customer_id"].combine_chunks().dictionary_encode()
    number = encoded.indices.to_numpy().astype(np.int64)
    day = table["event_date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    placed = table["placed"].to_numpy()
    orders = Orders.of(number, day, table["net_value"].to_numpy(), placed)
    customers = np.array(encoded.dictionary.to_pylist(), dtype=object)
    channels = np.full(len(customers), "", dtype=object)
    bought = np.flatnonzero(placed > 0)
    # Written from the last day to the first, so that the first stays; of one day the first name.
    names = table["channel"].combine_chunks().dictionary_encode()
    labels, told = np.array(names.dictionary.to_pylist(), dtype=object), names.indices.to_numpy()
    for_order = bought[np.lexsort((labels[told[bought]].astype(str), day[bought]))[::-1]]
    channels[number[for_order]] = labels[told[for_order]]
    bought_first = _table(transformer, _CATEGORIES.format(**part))
    categories = _first_categories(encoded.dictionary, orders, bought_first)
    return History(customers, orders, channels, categories)


def _table(transformer: Warehouse, statement: str) -> pa.Table:
    text = b"".join(transformer.copy_out(statement, header=True))
    options = pacsv.ConvertOptions(column_types=_TYPES, strings_can_be_null=False)
    return pacsv.read_csv(io.BytesIO(text), convert_options=options)


def _first_categories(customers: pa.Array, orders: Orders, bought: pa.Table) -> npt.NDArray[np.object_]:
    """Return of what category each customer bought on its first day, empty where none is known."""
    found = np.full(len(customers), "", dtype=object)
    first = np.full(len(customers), np.iinfo(np.int64).max, dtype=np.int64)
    who, days = orders.firsts()
    first[who] = days
    place = pc.index_in(bought["customer_id"].combine_chunks(), customers).fill_null(-1).to_numpy()
    day = bought["event_date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    known = (place >= 0) & (first[place] == day)
    found[place[known]] = np.array(bought["category"].to_pylist(), dtype=object)[known]
    return found


@dataclass(frozen=True)
class Run:
    """A model that was trained, and what became of it."""

    run_no: int
    tenant_id: str
    model_version: str
    as_of: date
    trained_at: datetime
    method: str
    status: str
    reason: str
    figures: dict[str, Any]


_RUN = "run_no, tenant_id, model_version, as_of_date, trained_at, method, status, reason, figures"


def runs(loader: Warehouse, tenant_id: str | None = None) -> list[Run]:
    """Return the models of a tenant or of all, the newest first."""
    where, values = ("where tenant_id = %s", [tenant_id]) if tenant_id else ("", [])
    return [
        Run(*row)
        for row in loader.rows(f"select {_RUN} from clv.model_runs {where} order by run_no desc", values)
    ]


def keep(
    loader: Warehouse,
    candidate: "Candidate",
    *,
    figures: dict[str, Any],
    card: str,
    tracking_run: str | None,
) -> None:
    """Write a model down; the champion steps back where the new one takes its place."""
    tenant, fitted = candidate.tenant, candidate.packed.model
    values = {
        "tenant_id": tenant.tenant_id,
        "model_version": candidate.version,
        "as_of_date": tenant.as_of,
        "customers": fitted.customers,
        "orders": fitted.orders,
        "history_months": int(fitted.years * 12),
        "method": fitted.method,
        "status": candidate.status,
        "reason": candidate.reason,
        "figures": Jsonb(figures),
        "weights": Jsonb(fitted.blend.weights),
        "tracking_run": tracking_run,
        "artifact": candidate.packed.pack(),
        "card": card,
    }
    with loader.transaction():
        if candidate.status == "champion":
            loader.execute(
                "update clv.model_runs set status = 'retired' where tenant_id = %s and status = 'champion'",
                [tenant.tenant_id],
            )
        places = ", ".join(f"%({name})s" for name in values)
        loader.execute(f"insert into clv.model_runs ({', '.join(values)}) values ({places})", values)


def champion(loader: Warehouse, tenant_id: str) -> "tuple[str, Packed] | None":
    """Return the version of a tenant's champion and the model; None where there is none."""
    return _load(loader, "tenant_id = %s and status = 'champion'", [tenant_id])


def former(loader: Warehouse, tenant_id: str) -> "tuple[str, Packed] | None":
    """Return the champion before the present one that may return; None where there is none."""
    return _load(loader, "tenant_id = %s and status = 'retired'", [tenant_id])


def _load(loader: Warehouse, where: str, values: list[Any]) -> "tuple[str, Packed] | None":
    rows = loader.rows(
        f"select model_version, artifact from clv.model_runs where {where} order by run_no desc limit 1",
        values,
    )
    return (rows[0][0], Packed.unpack(rows[0][0], rows[0][1])) if rows else None


class RollbackError(LookupError):
    """There is no former model to return to."""


def rollback(loader: Warehouse, tenant_id: str, reason: str) -> str:
    """Put the former champion back in its place; return its version.

    Raises:
        RollbackError: no former champion stands.
        ModelError: it cannot be read any more.
    """
    with loader.transaction():
        back = former(loader, tenant_id)
        if back is None:
            raise RollbackError(
                f"tenant {tenant_id} has no former model to return to; see `python -m include.clv runs`"
            )
        loader.execute(
            "update clv.model_runs set status = 'rolled_back', reason = %s"
            " where tenant_id = %s and status = 'champion'",
            [reason, tenant_id],
        )
        loader.execute(
            "update clv.model_runs set status = 'champion' where tenant_id = %s and model_version = %s",
            [tenant_id, back[0]],
        )
    return back[0]


def card(loader: Warehouse, tenant_id: str, version: str | None = None) -> str:
    """Return the card of a model, the champion's where none is named.

    Raises:
        LookupError: there is no such model.
    """
    which, value = ("model_version = %s", [version]) if version else ("status = 'champion'", [])
    rows = loader.rows(
        f"select card from clv.model_runs where tenant_id = %s and {which}", [tenant_id, *value]
    )
    if not rows:
        raise LookupError(
            f"tenant {tenant_id} has no model {version or 'yet'}; see `python -m include.clv runs`"
        )
    return str(rows[0][0])


class ModelError(RuntimeError):
    """A kept model cannot be read by the present code."""


@dataclass(frozen=True)
class Packed:
    """A model with what scoring needs besides: which traits it reads, and where segments begin.

    ``segments``: smallest 12-month net value of the high and of the medium segment.
    """

    model: Model
    traits: tuple[Trait, ...]
    segments: tuple[float, float]

    def forecast(self, history: "History", end: int, ahead: int | None = None) -> Forecast:
        """Say what the customers of a history will bring after a day; later orders are not looked at."""
        members = self.model.members
        task = replace(
            members.task,
            traits=history.traits(self.traits),
            segments=history.segments(self.traits),
            ahead=ahead or members.task.ahead,
        )
        return replace(self.model, members=replace(members, task=task)).forecast(history.orders, end)

    def pack(self) -> bytes:
        """Return it as bytes; the customers' own traits are not among them."""
        members = self.model.members
        bare = replace(members, task=replace(members.task, traits=None, segments=None))
        return zlib.compress(pickle.dumps(replace(self, model=replace(self.model, members=bare))), 6)

    @staticmethod
    def unpack(version: str, content: bytes) -> "Packed":
        """Return the model of these bytes, which the loader alone may write.

        Raises:
            ModelError: it was made by other versions of the libraries.
        """
        try:
            made = pickle.loads(zlib.decompress(content))
        except Exception as error:
            raise ModelError(
                f"model {version} cannot be read ({error}); train a new one: `python -m include.clv train`"
            ) from error
        if not isinstance(made, Packed):
            raise ModelError(
                f"model {version} is no model of forecasts; train a new one: `python -m include.clv train`"
            )
        return made


@dataclass(frozen=True)
class Candidate:
    """A tenant's new model and what it became, ``champion`` or ``refused``."""

    tenant: Tenant
    version: str
    packed: Packed
    status: str
    reason: str
