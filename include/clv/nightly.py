"""The night's forecasts: every customer of every tenant, landed as feeds, so that each one is kept."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.clv import drift
from include.clv import warehouse as store
from include.clv.model import Forecast, cohort_numbers
from include.clv.spread import HIGH, LOW
from include.clv.warehouse import EPOCH, Packed, Tenant
from include.feeds.decision import land_decision
from include.settings import Settings, get_settings
from include.warehouse import Warehouse

SOURCE = "sokol_clv"
UNIT = 10_000
"""Parts of a currency unit that amounts are kept in."""
SEGMENTS = ("high", "medium", "low")


@dataclass(frozen=True)
class Forecasted:
    """What was forecast of one tenant."""

    tenant_id: str
    model_version: str | None
    customers: int
    net_value: float
    said: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.tenant_id}: {self.said}"


@dataclass
class _Sums:
    """Sums of groups, gathered over the parts of the customers; amounts in ``UNIT`` parts of the currency."""

    customers: dict[tuple[str, str], int] = field(default_factory=dict)
    value: dict[tuple[str, str], Any] = field(default_factory=dict)
    orders: dict[tuple[str, str], Any] = field(default_factory=dict)

    def add(self, kind: str, names: Sequence[str], groups: Any, value: Any, orders: Any) -> None:
        if not len(groups):
            return
        for place, name in enumerate(names):
            inside, key = groups == place, (kind, name)
            if not inside.any():
                continue
            self.customers[key] = self.customers.get(key, 0) + int(inside.sum())
            self.value[key] = self.value.get(key, 0) + value[inside].sum(axis=0)
            self.orders[key] = self.orders.get(key, 0.0) + orders[inside].sum(axis=0)


def forecast(settings: Settings | None = None, *, tenants: Sequence[str] = ()) -> list[Forecasted]:
    """Forecast the customers of each tenant by its champion, land and load what it says.

    Before that, what came is held against what was forecast a month ago; where it departs far and the former
    champion would have been nearer, that one returns.

    Args:
        settings: where the warehouse and the landing zone are.
        tenants: ids; all that are published when left out.
    """
    settings = settings or get_settings()
    with store.alone(settings) as (loader, transformer):
        return [
            _forecast(loader, transformer, tenant, settings) for tenant in store.tenants(transformer, tenants)
        ]


def _forecast(loader: Warehouse, transformer: Warehouse, tenant: Tenant, settings: Settings) -> Forecasted:
    drift.check(loader, transformer, tenant)
    standing = store.champion(loader, tenant.tenant_id)
    if standing is None:
        said = "no model yet; run `python -m include.clv train` or the DAG train_clv"
        return Forecasted(tenant.tenant_id, None, 0, 0.0, said)
    version, packed = standing
    night = _Night(tenant, version, packed)
    sums = night.sums
    with tempfile.TemporaryDirectory(prefix="sokol-clv-") as name:
        folder = Path(name)
        shards = store.shards(transformer, tenant, settings.clv_shard_customers)
        for shard in range(shards):
            history = store.read(transformer, tenant, shard=shard, shards=shards)
            if not history.orders.placed.any():
                continue
            made = packed.forecast(history, (tenant.as_of - EPOCH).days)
            night.write(
                folder / f"part-{shard:04}.parquet", made, history.customers[made.samples.panel.customers]
            )
        whole = folder / "forecasts.parquet"
        parts = sorted(folder.glob("part-*.parquet"))
        if not parts:
            return Forecasted(tenant.tenant_id, version, 0, 0.0, "no customer has ordered")
        with pq.ParquetWriter(whole, pq.read_schema(parts[0])) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part))
                part.unlink()
        night.land(loader, "clv_forecasts", whole, settings)
        series = _table(folder / "series.parquet", night.series())
        night.land(loader, "clv_series", series, settings)
        segments = _table(folder / "segments.parquet", night.segments())
        night.land(loader, "clv_segments", segments, settings)
    key = ("tenant", tenant.tenant_id)
    total = float(sums.value[key].sum()) / UNIT
    said = (
        f"{sums.customers[key]} customers are expected to bring {total:,.2f} {tenant.currency} in the"
        f" 12 months after {tenant.as_of} (model {version}, {packed.model.method})"
    )
    return Forecasted(tenant.tenant_id, version, sums.customers[key], total, said)


@dataclass
class _Night:
    """One tenant's forecasts of one night."""

    tenant: Tenant
    version: str
    packed: Packed
    sums: _Sums = field(default_factory=_Sums)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def write(self, path: Path, made: Forecast, ids: Any) -> None:
        """Write the forecasts of some customers and add them to the sums; amounts are rounded before."""
        months = np.rint(made.value * UNIT).astype(np.int64)
        totals = months.sum(axis=1)
        high, medium = self.packed.segments
        segment = np.where(totals >= high * UNIT, 0, np.where(totals >= medium * UNIT, 1, 2))
        self.sums.add(
            "tenant", [self.tenant.tenant_id], np.zeros(len(totals), dtype=np.int64), months, made.orders
        )
        cohorts, names = cohort_numbers(made.samples.panel.first)
        self.sums.add("cohort", names, cohorts, months, made.orders)
        self.sums.add("segment", SEGMENTS, segment, months, made.orders)
        sign = np.where(totals < 0, -1, 1)
        low, top = _interval(made, "months", sign[:, None])
        whole_low, whole_top = _interval(made, "totals", sign)
        lists = {
            "orders": np.round(made.orders, 6),
            "net_value": months / UNIT,
            "low": np.round(low, 4),
            "high": np.round(top, 4),
        }
        arrow = pa.table(
            {
                "customer_id": pa.array(ids.tolist(), pa.string()),
                "alive": np.round(np.clip(made.samples.alive, 0, 1), 7),
                "orders": made.orders.sum(axis=1),
                "total": totals,
                "low": np.rint(whole_low * UNIT).astype(np.int64),
                "high": np.rint(whole_top * UNIT).astype(np.int64),
                "segment": pa.array(np.array(SEGMENTS)[segment].tolist(), pa.string()),
                **{
                    f"months_{name}": pa.ListArray.from_arrays(
                        np.arange(len(table) + 1, dtype=np.int32) * table.shape[1], table.ravel()
                    )
                    for name, table in lists.items()
                },
            }
        )
        duck = duckdb.connect()
        duck.register("made", arrow)
        duck.execute(
            f"""
            copy (
                select cast('{self.tenant.as_of}' as date) as as_of_date, customer_id,
                    '{self.version}' as model_version,
                    '{self.packed.model.method}' as method, '{self.tenant.currency}' as reporting_currency,
                    cast(alive as decimal(7, 6)) as alive_probability,
                    cast(orders as decimal(14, 6)) as orders_12m,
                    total * cast(0.0001 as decimal(5, 4)) as net_value_12m,
                    low * cast(0.0001 as decimal(5, 4)) as net_value_12m_low,
                    high * cast(0.0001 as decimal(5, 4)) as net_value_12m_high, segment,
                    cast(to_json({{
                        'orders': months_orders, 'net_value': months_net_value,
                        'low': months_low, 'high': months_high
                    }}) as varchar) as months,
                    '{self.at.isoformat()}' as forecast_at
                from made
            ) to '{path}' (format parquet)
            """
        )
        duck.close()

    def series(self) -> list[Mapping[str, Any]]:
        """Return the rows of the tenant, its cohorts and its segments."""
        edges = self.packed.model.members.task.periods.ahead(
            (self.tenant.as_of - EPOCH).days, self.packed.model.members.task.ahead
        )
        rows: list[Mapping[str, Any]] = []
        for (kind, name), value in self.sums.value.items():
            low, high = self.packed.model.spread.group(value[None, :] / UNIT)
            rows += [
                {
                    "as_of_date": self.tenant.as_of.isoformat(),
                    "series_type": kind,
                    "series_key": name,
                    "month_no": month + 1,
                    "starts_on": (EPOCH + timedelta(days=int(edges[month]))).isoformat(),
                    "ends_on": (EPOCH + timedelta(days=int(edges[month + 1]) - 1)).isoformat(),
                    "model_version": self.version,
                    "customers": self.sums.customers[kind, name],
                    "orders": f"{self.sums.orders[kind, name][month]:.6f}",
                    "net_value": _amount(value[month]),
                    "net_value_low": f"{low[0, month]:.4f}",
                    "net_value_high": f"{high[0, month]:.4f}",
                    "forecast_at": self.at.isoformat(),
                }
                for month in range(len(value))
            ]
        return rows

    def segments(self) -> list[Mapping[str, Any]]:
        """Return where the segments begin and what they are worth."""
        begins = dict(zip(SEGMENTS, (*self.packed.segments, None), strict=True))
        return [
            {
                "as_of_date": self.tenant.as_of.isoformat(),
                "segment": name,
                "net_value_from": None if begins[name] is None else f"{begins[name]:.4f}",
                "customers": self.sums.customers.get(("segment", name), 0),
                "net_value_12m": _amount(sum(self.sums.value.get(("segment", name), [0]))),
                "model_version": self.version,
                "forecast_at": self.at.isoformat(),
            }
            for name in SEGMENTS
        ]

    def land(self, loader: Warehouse, feed: str, path: Path, settings: Settings) -> None:
        """Land and load a file of a feed."""
        land_decision(
            loader,
            feed,
            self.tenant.tenant_id,
            path,
            source=SOURCE,
            name=f"{feed}-{self.tenant.as_of}.parquet",
            at=self.at,
            settings=settings,
        )


def _interval(made: Forecast, what: Literal["months", "totals"], sign: Any) -> tuple[Any, Any]:
    """Return the borders of the 80 % interval; of customers who bring back more than they buy, mirrored."""
    chances = made.months if what == "months" else made.totals
    near, far = chances.quantile(LOW), chances.quantile(HIGH)
    return np.where(sign > 0, near, -far), np.where(sign > 0, far, -near)


def _amount(parts: Any) -> str:
    whole, rest = divmod(abs(int(parts)), UNIT)
    return f"{'-' if parts < 0 else ''}{whole}.{rest:04}"


def _table(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
    return path
