"""Whether the marts tell the truth: KOL figures of simulated shops against what really happened.

Each seed is another world. Its exports go the whole way (files, registration, landing, load, build: once
for the history and once more after the last days), and ``marts.kol_roi`` is compared, cell by cell, with the
figures that the simulation wrote down as it decided the events. Nothing is tolerated: money agrees to the
smallest unit or is wrong.

``python -m benchmarks.truth --seeds 5 --first-seed 1000 --json``
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

import pyarrow as pa

from benchmarks.scratch import scratch_warehouse
from include.connectors import ingest
from include.demo.__main__ import history_and_days
from include.demo.exports import Interval, export
from include.demo.sources import register
from include.demo.world import World, simulate
from include.settings import Settings
from include.transform import build
from include.warehouse import connect
from tests.oracle.compare import Difference, Shape, compare
from tests.oracle.warehouse import mart_rows, same

DAILY = 3
SHOWN = 20
MEASURES = (
    "orders", "gross", "refunds", "revenue", "net_revenue", "fixed_fees", "platform_fees", "commission",
    "goods",
    "investment", "clicks", "roi_pct", "roi_net_pct", "roi_contribution_pct", "cr_pct", "new_customers",
    "cpa",
    "source_orders", "source_revenue",
)  # fmt: skip
SHAPE = Shape("marts.kol_roi", same("tenant_id", "kol_id"), same(*MEASURES))


@dataclass(frozen=True)
class Verdict:
    """What one world showed."""

    cells: int
    differences: list[Difference]

    @property
    def wrong(self) -> int:
        """Number of wrong cells; of an absent row every cell is wrong."""
        return sum(len(MEASURES) if found.column == "*" else 1 for found in self.differences)


def judge(settings: Settings, truth: pa.Table) -> Verdict:
    """Compare the warehouse's KOL figures with the truth.

    Args:
        settings: a built warehouse.
        truth: one row per tenant and KOL, as ``World.truth_kols`` gives it.
    """
    with connect("transformer", settings) as warehouse:  # a reader sees only the tenants given to it
        actual = mart_rows(warehouse, SHAPE)
    rows = truth.to_pylist()
    return Verdict(len(rows) * len(MEASURES), compare(rows, actual, SHAPE))


def ingest_world(settings: Settings, world: World, seed: int) -> None:
    """Bring a world in by its files, with a build before and one after the last days."""
    intervals = history_and_days(world, DAILY)
    exported, _ = export(world, settings.demo_dir, intervals, seed=seed)
    sources = [
        ingest.register(folder, settings).source for folder in register(world, settings.demo_dir, exported)
    ]
    for part in (intervals[:1], intervals[1:]):
        for source in sources:
            for interval in part:
                start, end = bounds(interval, source.zone)
                ingest.extract(source.name, start, end, settings)
                ingest.load(source.name, start, end, settings)
        build(settings)


def bounds(interval: Interval, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the instants at which an interval of local days begins and ends."""
    first, end = (_midnight(day, zone) for day in interval)
    return first, end


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def run(seed: int, scale: float, days: int) -> Verdict:
    """Judge the world of one seed in a warehouse of its own, which is removed afterwards."""
    world = simulate(seed, scale=scale, days=days)
    with scratch_warehouse() as settings:
        ingest_world(settings, world, seed)
        return judge(settings, world.truth_kols())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code tells whether every cell is right."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="number of worlds")
    parser.add_argument("--first-seed", type=int, default=1000, help="seed of the first")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is about 50,000 orders, 1,000,000 clicks")
    parser.add_argument("--days", type=int, default=120, help="simulated days")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    given = parser.parse_args(arguments)
    cells, wrong = 0, 0
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        started = time.monotonic()
        verdict = run(seed, given.scale, given.days)
        cells += verdict.cells
        wrong += verdict.wrong
        took = time.monotonic() - started
        print(f"seed {seed}: {verdict.cells} cells, {verdict.wrong} wrong, {took:.0f} s", file=sys.stderr)
        for difference in verdict.differences[:SHOWN]:
            print(f"  {difference}", file=sys.stderr)
    if given.json:
        print(json.dumps({"cells_checked": cells, "cells_wrong": wrong, "seeds": given.seeds}))
    else:
        print(f"{cells} cells of {given.seeds} worlds checked, {wrong} wrong")
    return 0 if cells and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
