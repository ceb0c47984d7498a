"""A matcher in a process of its own: what it found, in what time, with how much memory.

``python -m benchmarks.matchers NAME FOLDER [extra column …]`` reads records.arrow in the folder and writes
clusters.arrow and figures.json beside it.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.person_files import Trial
from include.settings import PROJECT_ROOT

Matcher = Callable[[pa.Table, Sequence[str]], pa.Table]
"""Takes records and extra columns; gives one row per record with record_id and customer_id."""


@dataclass(frozen=True)
class Measurement:
    """What a matcher made of a trial: each record's customer, in the order of the records."""

    customers: pa.Array
    seconds: float
    peak_mb: int


def measure(trial: Trial, matcher: str) -> Measurement:
    """Let a matcher work on a trial's records; it does not see the truth.

    Args:
        trial: what is to be matched.
        matcher: ``sokol`` or ``splink``.

    Raises:
        subprocess.CalledProcessError: when it failed; its words are on stderr.
        ValueError: when it left out a record, or gave one to two customers.
    """
    with tempfile.TemporaryDirectory(prefix="sokol-match-") as name:
        folder = Path(name)
        _write(trial.records, folder / "records.arrow")
        command = [sys.executable, "-m", "benchmarks.matchers", matcher, name, *trial.extra_columns]
        subprocess.run(command, cwd=PROJECT_ROOT, check=True, stdout=sys.stderr)
        clusters = _read(folder / "clusters.arrow")
        figures = json.loads((folder / "figures.json").read_text())
    return Measurement(in_order(trial.records["record_id"], clusters), figures["seconds"], figures["peak_mb"])


def in_order(record_ids: pa.ChunkedArray, clusters: pa.Table) -> pa.Array:
    """Return the customer of each record.

    Raises:
        ValueError: when the clusters are not those of these records, each once.
    """
    place = pc.index_in(record_ids, clusters["record_id"].cast(record_ids.type).combine_chunks())
    if place.null_count or len(clusters) != len(record_ids):
        raise ValueError(
            f"{place.null_count} of {len(record_ids)} records are in no cluster, {len(clusters)} rows were"
            " returned; a matcher has to return each record once"
        )
    customers = clusters["customer_id"].take(place)
    return customers.combine_chunks() if isinstance(customers, pa.ChunkedArray) else customers


def peak_mb() -> int:
    """Return the most memory that this process has held, in MB.

    The kernel's own mark of this program is read where there is one: what ``getrusage`` says is never less
    than the size of the process that started this one.
    """
    status = Path("/proc/self/status")
    marked = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    held = int(marked[1]) if marked else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(held / 1024)


def _write(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path) -> pa.Table:
    with pa.OSFile(str(path), "rb") as file:
        return pa.ipc.open_file(file).read_all()


def _named(matcher: str) -> Matcher:
    if matcher == "splink":
        from benchmarks.plain_splink import match

        return match
    from include.identity import match_records

    return lambda table, extra: match_records(table, extra_columns=extra).clusters


def main() -> int:
    """Match the records of the folder."""
    matcher, folder, extra = _named(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:])
    records = _read(folder / "records.arrow")
    started = time.perf_counter()
    clusters = matcher(records, extra)
    seconds = time.perf_counter() - started
    _write(clusters.select(["record_id", "customer_id"]), folder / "clusters.arrow")
    figures = {"seconds": round(seconds, 3), "peak_mb": peak_mb()}
    (folder / "figures.json").write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
