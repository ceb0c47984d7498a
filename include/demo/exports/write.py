"""Write what each system shows of a world in each interval, in the system's own shape."""

import gzip
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import yaml

from include.demo.exports.dirt import Dirt, Planted, Soil
from include.demo.exports.systems import FILES, SHAPES, ExportFile, files_of
from include.settings import PROJECT_ROOT

Interval = tuple[date, date]
"""First day and day after the last, in the tenant's zone."""

_LINES_OF = {"order_items": "orders", "pos_sale_lines": "pos_sales"}
"""Feeds whose rows are written inside the records of another."""
_GZIP_LEVEL = 1
_SPARE_DAYS = 2
"""Days that a pull reaches further back than its look-back says, so that no zone's border cuts a day off."""


class Tenant(Protocol):
    """What an export needs to know of an organisation."""

    @property
    def tenant_id(self) -> str:
        """Its id."""

    @property
    def zone(self) -> str:
        """Its IANA time zone."""


class World(Protocol):
    """What an export needs to know of a world."""

    @property
    def tenants(self) -> Sequence[Tenant]:
        """Its organisations."""

    def feed(self, name: str) -> pa.Table:
        """Every version of every record, in contract columns and ``_available_at``, ``_system``."""


@dataclass(frozen=True)
class Exported:
    """One file that was written."""

    tenant_id: str
    source: str
    """Value of the rows' ``source``."""
    file: ExportFile
    interval: Interval
    path: Path


@cache
def contract_of(feed: str) -> dict[str, Any]:
    """The contract of a feed: its dbt source table."""
    path = PROJECT_ROOT / "dbt_project" / "models" / "staging" / feed / f"{feed}.yml"
    table: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"][0]["tables"][0]
    return table


def files_folder(out: Path, tenant_id: str, source: str) -> Path:
    """Where the files of one system of a tenant stand."""
    return out / "files" / tenant_id / source


def interval_folder(interval: Interval) -> str:
    """Name of an interval's folder, as the registration's path patterns spell it."""
    return f"{interval[0]:%Y-%m-%d}_{interval[1]:%Y-%m-%d}"


def export(
    world: World, out: Path, intervals: Sequence[Interval], *, dirt: bool = True, seed: int = 7
) -> tuple[list[Exported], list[Planted]]:
    """Write every system's files for each interval under ``out/files/<tenant>/<system>/<start>_<end>/``.

    A file holds what its system shows at the end of the interval of the records that changed in it: the
    newest state of entities, every line of event logs, and whole pulls of the look-back days of ad accounts.
    Intervals may overlap and repeat. A file without rows is not written.

    Args:
        world: the simulated world.
        out: folder to write into; files that stand there are replaced.
        intervals: first day and day after the last, in each tenant's own zone.
        dirt: plant malformed lines, repeated lines, unknown columns and files delivered twice.
        seed: decides where the dirt lies.

    Returns:
        The files, and what dirt was planted in them.

    Raises:
        ValueError: the world has rows of a system and feed that no file exports.
    """
    with duckdb.connect() as duck:
        duck.execute("set threads = 1")
        duck.execute((SHAPES / "macros.sql").read_text(encoding="utf-8"))
        _take_in(duck, world)
        files: list[Exported] = []
        planted: list[Planted] = []
        for tenant in world.tenants:
            duck.execute(f"set TimeZone = '{tenant.zone}'")
            for system, source in _systems(duck, tenant.tenant_id):
                for interval in intervals:
                    _show(duck, tenant, system, interval)
                    for file in files_of(system):
                        folder = files_folder(out, tenant.tenant_id, source) / interval_folder(interval)
                        soil = Soil(tenant.tenant_id, source, file, interval, seed) if dirt else None
                        paths, spots = _write(duck, file, folder, soil)
                        files += [Exported(tenant.tenant_id, source, file, interval, path) for path in paths]
                        planted += spots
    return files, planted


def _feeds() -> list[str]:
    return sorted({feed for file in FILES for feed in file.feeds})


def _take_in(duck: duckdb.DuckDBPyConnection, world: World) -> None:
    """Copy the world's feeds into DuckDB as ``all_<feed>``, in the world's order: by availability."""
    for feed in _feeds():
        table = world.feed(feed)
        duck.register("arrived", table)
        source = ", source as _source" if "source" in table.column_names else ", _system as _source"
        duck.execute(f"create table all_{feed} as select *{source} from arrived")
        duck.unregister("arrived")


def _systems(duck: duckdb.DuckDBPyConnection, tenant_id: str) -> list[tuple[str, str]]:
    """Systems of a tenant, each with the value of its rows' ``source``.

    Raises:
        ValueError: a system shows a feed that none of its files carries, or calls itself by two names.
    """
    found: dict[str, set[str]] = {}
    for feed in _feeds():
        rows = duck.execute(
            f"select distinct _system, _source from all_{feed} where tenant_id = ?", [tenant_id]
        ).fetchall()
        for system, source in rows:
            if not any(feed in file.feeds for file in files_of(system)):
                raise ValueError(
                    f"{tenant_id}: system {system} shows rows of {feed}, which none of its files carries; "
                    f"add the file to include/demo/exports/systems.py"
                )
            found.setdefault(system, set()).add(source)
    for system, sources in found.items():
        if len(sources) > 1:
            raise ValueError(f"{tenant_id}: system {system} calls itself {', '.join(sorted(sources))}")
    return [(system, next(iter(sources))) for system, sources in sorted(found.items())]


def _show(duck: duckdb.DuckDBPyConnection, tenant: Tenant, system: str, interval: Interval) -> None:
    """Make one table per feed with what the system shows of it in the interval."""
    zone = ZoneInfo(tenant.zone)
    start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in interval)
    carried = [feed for file in files_of(system) for feed in file.feeds]
    for feed in sorted(set(carried), key=lambda name: name in _LINES_OF):
        contract = contract_of(feed)["config"]["meta"]
        key = ", ".join(contract["key"])
        rows = f"all_{feed} where tenant_id = $tenant and _system = $system and _available_at < $end"
        newest = f"qualify row_number() over (partition by {key} order by {_age(contract)}) = 1"
        values = {"tenant": tenant.tenant_id, "system": system, "start": start, "end": end}
        if contract["kind"] == "event":
            _pass_through(duck, feed, values)
            continue
        if contract["kind"] == "slice":
            sql = _pull(rows, contract, files_of(system)[0].lookback_days or 0)
        elif feed in _LINES_OF:
            _touch(duck, feed, rows, newest, values)
            continue
        else:
            sql = f"select * from {rows} and _available_at >= $start {newest}"
        duck.execute(f"create or replace temp table {feed} as {sql}", values if "$start" in sql else _without(values))


def _pass_through(duck: duckdb.DuckDBPyConnection, feed: str, values: dict[str, Any]) -> None:
    """Show every delivery of events as it came; a view, for there are millions of them."""
    duck.execute(
        f"""
        create or replace temp view {feed} as
        select * from all_{feed}
        where tenant_id = '{values["tenant"]}' and _system = '{values["system"]}'
            and _available_at >= timestamptz '{values["start"]}' and _available_at < timestamptz '{values["end"]}'
        """
    )


def _without(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "start"}


def _age(contract: dict[str, Any]) -> str:
    """Order of an entity's versions, the newest first; of one instant the later state is the newer."""
    state = contract.get("state")
    rank = f"list_position({state['order']}, {state['column']}) desc, " if state else ""
    return f"updated_at desc, {rank}_available_at desc"


def _pull(rows: str, contract: dict[str, Any], lookback_days: int) -> str:
    """Select the newest pull of each slice: of the look-back days, and of what changed before them."""
    slices = ", ".join(contract["slice"])
    day = contract["cursor"]
    return f"""
        select * from {rows}
            and (
                {day} >= cast($start as date) - {lookback_days + _SPARE_DAYS}
                or ({slices}) in (select ({slices}) from {rows} and _available_at >= $start)
            )
        qualify rank() over (partition by {slices} order by _available_at desc) = 1
    """


def _touch(
    duck: duckdb.DuckDBPyConnection, feed: str, rows: str, newest: str, values: dict[str, Any]
) -> None:
    """Give each record all its lines, and add the records of which only a line changed."""
    parent = _LINES_OF[feed]
    contract = contract_of(parent)["config"]["meta"]
    key = ", ".join(contract["key"])
    lines = "order_lines" if feed == "order_items" else "pos_lines"
    parents = rows.replace(f"all_{feed}", f"all_{parent}")
    newest_parent = f"qualify row_number() over (partition by {key} order by {_age(contract)}) = 1"
    duck.execute(
        f"""
        insert into {parent}
        select * from {parents}
            and ({key}) in (select ({key}) from {rows} and _available_at >= $start)
            and ({key}) not in (select ({key}) from {parent})
        {newest_parent}
        """,
        values,
    )
    duck.execute(
        f"""
        create or replace temp table {lines} as
        select * from {rows} and ({key}) in (select ({key}) from {parent}) {newest}
        """,
        _without(values),
    )


def _write(
    duck: duckdb.DuckDBPyConnection, file: ExportFile, folder: Path, soil: Soil | None
) -> tuple[list[Path], list[Planted]]:
    """Write one file with its dirt, and where the soil says so once more; nothing when it has no rows."""
    folder.mkdir(parents=True, exist_ok=True)
    clean = folder / f".{file.name}.clean"
    shape = "format json" if file.format == "jsonl" else f"format csv, header, delimiter '{file.delimiter}'"
    try:
        [(rows,)] = duck.execute(f"copy ({file.shape}) to '{clean}' ({shape})").fetchall()
        if not rows:
            return [], []
        dirt = soil.dig(clean) if soil else Dirt()
        path = folder / file.file_name
        _finish(clean, path, dirt, file)
        if not dirt.again:
            return [path], dirt.planted
        twin = folder / file.file_name.replace(file.name, f"{file.name}-again", 1)
        shutil.copyfile(path, twin)
        return [path, twin], dirt.planted
    finally:
        clean.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()


def _finish(clean: Path, path: Path, dirt: Dirt, file: ExportFile) -> None:
    """Put the dirt below the header and at the end, and compress where the system does."""
    with clean.open("rb") as rows, path.open("wb") as plain:
        # No name and no time in the gzip header: the same world gives the same bytes.
        packed = gzip.GzipFile("", "wb", _GZIP_LEVEL, plain, mtime=0) if file.gzipped else None
        target = packed or plain
        if file.format == "csv":
            target.write(rows.readline())
        target.write(dirt.top)
        shutil.copyfileobj(rows, target, 1 << 20)
        target.write(dirt.bottom)
        if packed:
            packed.close()
