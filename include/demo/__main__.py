"""``python -m include.demo generate``: simulate the shops; write their files, registrations and the truth."""

import argparse
import csv
import shutil
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq

from include.demo.exports import Interval, export
from include.demo.exports.dirt import Planted
from include.demo.sources import register
from include.demo.world import World, simulate
from include.settings import get_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("generate", help="simulate the shops and write their files")
    command.add_argument("--out", type=Path, default=None, help="folder to write into (SOKOL_DEMO_DIR)")
    command.add_argument("--seed", type=int, default=7, help="same seed, same files")
    command.add_argument("--scale", type=float, default=1.0, help="1 is about 50,000 orders in 120 days")
    command.add_argument("--days", type=int, default=120, help="simulated days, 20 to 1460")
    command.add_argument("--daily", type=int, default=3, help="last days that get files of their own")
    given = parser.parse_args(arguments)
    if not 0 <= given.daily < given.days:
        parser.error(f"--daily {given.daily} leaves no history of {given.days} days")
    out = (given.out or get_settings().demo_dir).resolve()
    world = simulate(given.seed, scale=given.scale, days=given.days)
    print(generate(world, out, given.daily))
    return 0


def generate(world: World, out: Path, daily: int) -> str:
    """Write everything of a world under ``out``; what stood there is replaced.

    ``files/`` holds the exports, ``sources/`` one registration per tenant, ``truth/`` what really happened,
    which no pipeline reads.

    Args:
        world: the simulated shops; its seed also decides where the dirt lies.
        out: folder to write into.
        daily: the last days that are intervals of their own; those before are one.

    Returns:
        One line that says what was written.
    """
    for part in ("files", "sources", "truth"):
        shutil.rmtree(out / part, ignore_errors=True)
    exported, planted = export(world, out, history_and_days(world, daily), seed=world.seed)
    folders = register(world, out, exported)
    write_truth(world, out / "truth", planted)
    size = sum(one.path.stat().st_size for one in exported)
    return f"{len(exported)} files of {len(folders)} tenants, {size / 1e6:.0f} MB, in {out}"


def history_and_days(world: World, daily: int) -> list[Interval]:
    """One interval for the history and one per day for the last ``daily`` days."""
    end = world.last_day + timedelta(days=1)
    borders: list[date] = [world.first_day, *(end - timedelta(days=n) for n in range(daily, -1, -1))]
    return list(pairwise(borders))


def write_truth(world: World, folder: Path, planted: Sequence[Planted]) -> None:
    """Write the truth: its notes, its figures per KOL and per day, its ledger, and the planted dirt."""
    notes = folder / "notes"
    notes.mkdir(parents=True, exist_ok=True)
    for name, table in world.truth.items():
        pq.write_table(table, notes / f"{name}.parquet")
    pq.write_table(world.truth_kols(), folder / "kol_figures.parquet")
    pq.write_table(world.truth_days(), folder / "day_figures.parquet")
    pq.write_table(world.ledger(), folder / "ledger.parquet")
    with (folder / "dirt.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = csv.DictWriter(stream, list(Planted.__dataclass_fields__))
        rows.writeheader()
        rows.writerows(spot.row() for spot in planted)


if __name__ == "__main__":
    sys.exit(main())
