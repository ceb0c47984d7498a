"""Write the files of each system for each interval, in the system's own shape, and the dirt in them."""

import gzip
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from include.demo.exports.dirt import Dirt, Planted, Soil
from include.demo.exports.show import Interval, Shop, World
from include.demo.exports.systems import ExportFile, files_of

_GZIP_LEVEL = 1


@dataclass(frozen=True)
class Exported:
    """One file that was written."""

    tenant_id: str
    source: str
    """Value of the rows' ``source``."""
    file: ExportFile
    interval: Interval
    path: Path


def interval_folder(out: Path, tenant_id: str, source: str, interval: Interval) -> Path:
    """Where the files of one system of a tenant stand for one interval."""
    return out / "files" / tenant_id / source / f"{interval[0]:%Y-%m-%d}_{interval[1]:%Y-%m-%d}"


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
        dirt: plant malformed lines, repeated lines and files delivered twice.
        seed: decides where the dirt lies.

    Returns:
        The files, and what dirt was planted in them.

    Raises:
        ValueError: the world has rows of a system and feed that no file exports.
    """
    files: list[Exported] = []
    planted: list[Planted] = []
    with duckdb.connect(config={"threads": 1}) as duck:
        shop = Shop(duck, world)
        for tenant in world.tenants:
            for system, source in shop.systems(tenant.tenant_id):
                for interval in intervals:
                    shop.show(tenant, system, interval)
                    for file in files_of(system):
                        folder = interval_folder(out, tenant.tenant_id, source, interval)
                        soil = Soil(tenant.tenant_id, source, file, interval, seed) if dirt else None
                        paths, spots = _write(duck, file, folder, soil)
                        files += [Exported(tenant.tenant_id, source, file, interval, path) for path in paths]
                        planted += spots
    return files, planted


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
