"""How fast a load is: clicks keyed by random text, against bare COPY of the same file in the same run.

``python -m benchmarks.load --rows 5000000 --json`` starts an embedded Postgres of its own, loads the rows
into an empty feed, onto as many standing rows and onto four times as many, loads the last file again, and
loads its rows again in other files and another order.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from include.feeds.landing import LandedFile, land
from include.feeds.load import LoadResult, load_file
from include.feeds.mapping import Mapping
from include.local import environment, postgres
from include.settings import Settings
from include.warehouse import Warehouse, connect, prepare

COLUMNS = {
    "click_id": "text",
    "token": "text",
    "visitor_id": "text",
    "utm_source": "text",
    "utm_medium": "text",
    "utm_campaign": "text",
    "landing_url": "text",
    "referrer": "text",
    "user_agent": "text",
    "ip_hash": "text",
    "is_prefetch": "boolean",
    "clicked_at": "timestamptz",
}
MAPPING = Mapping("clicks.sql", f"select _row, {', '.join(COLUMNS)} from source")
STANDING = 4
"""How many files of ``--rows`` rows stand when the last one is loaded: 20 M at 5 M rows."""


def generate(rows: int, part: int, target: Path) -> None:
    """Write a CSV of clicks: 1 % of the rows repeat another one, 0.5 % lack a required value."""
    duck = duckdb.connect(config={"threads": 2, "memory_limit": "2GB"})
    duck.execute("set enable_progress_bar = false")
    duck.execute(
        f"""
        copy (
            with numbered as (
                select i, case when i % 100 = 99 then i - 50 else i end + {part} * {rows}::bigint as n
                from range({rows}) t(i)
            )
            select
                case when i % 600 = 7 then null else md5('click ' || n) end as click_id,
                case when n % 5 < 3 then 'v1.k1.' || md5('token ' || n % 50000) end as token,
                'v-' || left(md5('visitor ' || n % 800000), 16) as visitor_id,
                case n % 3 when 0 then 'instagram' when 1 then 'tiktok' else 'youtube' end as utm_source,
                'kol' as utm_medium,
                'spring-' || n % 20 as utm_campaign,
                'https://shop.example/products/item-' || n % 3000 as landing_url,
                case when n % 4 > 0 then 'https://www.instagram.com/' end as referrer,
                'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1 Version/' || n % 40
                    as user_agent,
                left(md5('address ' || n % 900000), 24) as ip_hash,
                case when i % 600 = 307 then null else n % 50 = 0 end as is_prefetch,
                case when i % 600 <> 407 then strftime(
                    timestamp '2026-01-01' + to_seconds(n % 8640000), '%Y-%m-%dT%H:%M:%SZ'
                ) end as clicked_at
            from numbered
        ) to '{target}' (header)
        """
    )
    duck.close()


def shuffle(source: Path, targets: Sequence[Path]) -> None:
    """Write the rows of a file to several files in another order."""
    duck = duckdb.connect(
        config={"threads": 2, "memory_limit": "2GB", "temp_directory": str(source.parent / "sort")}
    )
    duck.execute("set enable_progress_bar = false")
    duck.execute(
        f"create table clicks as select * from read_csv('{source}', all_varchar = true, header = true)"
    )
    for number, target in enumerate(targets):
        duck.execute(
            f"""
            copy (
                select * from clicks where rowid % {len(targets)} = {number} order by md5(rowid || 'shuffled')
            ) to '{target}' (header)
            """
        )
    duck.close()


def _in_a_process(name: str, *arguments: object) -> None:
    # The generator's memory is not the loader's.
    call = f"{name}({', '.join(map(repr, arguments))})"
    code = f"from benchmarks.load import {name}; from pathlib import Path; {call}"
    code = code.replace("PosixPath", "Path")
    subprocess.run([sys.executable, "-c", code], check=True)


def bare_copy(admin: Warehouse, source: Path) -> float:
    """Copy a file into a logged, typed table without an index; returns the seconds that it took."""
    body = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    admin.execute(f"drop table if exists bare_copy; create table bare_copy ({body})")
    started = time.perf_counter()
    with source.open("rb") as stream:
        stream.readline()
        admin.bulk_load("bare_copy", list(COLUMNS), iter(lambda: stream.read(1 << 20), b""))
    seconds = time.perf_counter() - started
    admin.execute("drop table bare_copy; checkpoint")
    return seconds


class Run:
    """One run of the benchmark on a server of its own."""

    def __init__(self, settings: Settings, rows: int, folder: Path) -> None:
        self.settings = settings
        self.rows = rows
        self.folder = folder
        self.admin = connect("admin", settings)
        self.loader = connect("loader", settings)
        self.landings = 0

    def land(self, path: Path) -> LandedFile:
        """Land a file in an interval of its own."""
        self.landings += 1
        day = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(days=self.landings)
        return land(
            path,
            tenant_id="bench",
            source="tracking",
            name=path.name,
            interval_start=day,
            interval_end=day + timedelta(days=1),
            feeds={"clicks": MAPPING.name},
            file_format="csv",
            settings=self.settings,
        )

    def load(self, landed: LandedFile) -> tuple[float, LoadResult]:
        """Load a landed file; returns the seconds that it took and its totals."""
        self.admin.execute("checkpoint")
        started = time.perf_counter()
        result = load_file(self.loader, landed, "clicks", MAPPING, settings=self.settings)
        seconds = time.perf_counter() - started
        print(f"{landed.name}: {seconds:.1f} s {result}", file=sys.stderr, flush=True)
        return seconds, result

    def changed_since(self, load_id: int) -> int:
        """Count the rows that loads after this one wrote or replaced."""
        return int(
            self.admin.value(
                """
                select (select count(*) from raw.clicks where _load_id > %(id)s)
                    + (select count(*) from ops.restatements where load_id > %(id)s)
                """,
                {"id": load_id},
            )
        )

    def measure(self) -> dict[str, float | int]:
        """Do all measurements and return them by the names of the JSON object."""
        times: list[float] = []
        copies: list[float] = []
        last = 0
        for part in range(STANDING + 1):
            path = self.folder / f"clicks-{part}.csv"
            _in_a_process("generate", self.rows, part, path)
            if part == 0:
                bare_copy(self.admin, path)  # not counted: it makes the server write its first log files
            if part in (0, 1, STANDING):
                copies.append(bare_copy(self.admin, path))
                print(f"bare copy: {copies[-1]:.1f} s", file=sys.stderr, flush=True)
            landed = self.land(path)
            seconds, result = self.load(landed)
            times.append(seconds)
            last = result.load_id or last
            if part < STANDING:
                path.unlink()
        reload_s, _ = self.load(landed)
        reload_changed = self.changed_since(last)
        pieces = [self.folder / f"shuffled-{number}.csv" for number in range(3)]
        _in_a_process("shuffle", path, pieces)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for piece in pieces:
            self.load(self.land(piece))
        copy_s = sorted(copies)[1]
        return {
            "rows": self.rows,
            "rows_per_s": round(self.rows / times[0]),
            "copy_rows_per_s": round(self.rows / copy_s),
            "copy_s": round(copy_s, 2),
            "load_empty_s": round(times[0], 2),
            "load_onto_5m_s": round(times[1], 2),
            "load_onto_20m_s": round(times[STANDING], 2),
            "ratio_empty": round(copies[0] / times[0], 3),
            "ratio_onto_20m": round(copies[2] / times[STANDING], 3),
            "time_20m_over_5m": round(times[STANDING] / times[1], 3),
            "peak_mb": round(peak),
            "peak_shuffled_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "reload_s": round(reload_s, 3),
            "reload_changed_rows": reload_changed,
            "shuffled_changed_rows": self.changed_since(last),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark at the prompt."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    chosen = parser.parse_args(arguments)
    home = Path(tempfile.mkdtemp(prefix="sokol-bench-"))
    home.chmod(0o711)
    try:
        postgres.start(home, port=0)
        fields = {
            name.removeprefix("SOKOL_").lower(): value for name, value in environment.read(home).items()
        }
        known = {name: value for name, value in fields.items() if name in Settings.model_fields}
        settings = Settings.model_validate({**known, "home": home})
        prepare(settings)
        figures = Run(settings, chosen.rows, home).measure()
    finally:
        postgres.stop(home)
        shutil.rmtree(home, ignore_errors=True)
    for name, value in figures.items():
        print(f"{name:24} {value}", file=sys.stderr if chosen.json else sys.stdout)
    if chosen.json:
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
