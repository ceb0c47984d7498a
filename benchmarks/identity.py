"""How well records of one person are found, how fast, and with how much memory; beside plain Splink.

``python -m benchmarks.identity --dataset febrl3 --json``
``python -m benchmarks.identity --records people.csv --id-column id --truth-column cluster --json``
``python -m benchmarks.identity --shops --seeds 20 --first-seed 1000 --json``
``python -m benchmarks.identity --synthetic 1000000 --json``

A file's columns are recognised by their headers; what is not recognised is told in a file for ``--columns``::

    first_name: vorname
    street: [strasse, hausnummer]
    extra: [occupation, birth_place]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.clusters import agreement, labels
from benchmarks.matchers import Measurement, measure
from benchmarks.person_files import Trial, UnreadableError, read_map, read_persons
from benchmarks.shops import shops
from benchmarks.synthetic import synthetic
from include.settings import Settings

FEBRL = {
    "febrl1": ("dataset1",),
    "febrl2": ("dataset2",),
    "febrl3": ("dataset3",),
    "febrl4": ("dataset4a", "dataset4b"),
}
"""Files of each dataset; its person is the number in ``rec-17-org`` and ``rec-17-dup-0``."""

Figures = dict[str, float | int]


def febrl(name: str, settings: Settings) -> Trial:
    """Read one of the FEBRL datasets.

    Raises:
        UnreadableError: when it is not in the data's folder.
    """
    folder = settings.data_dir / "febrl"
    files = []
    for part in FEBRL[name]:
        there = [path for path in (folder / f"{part}.csv.gz", folder / f"{part}.csv") if path.is_file()]
        if not there:
            raise UnreadableError(
                f"there is no {folder / part}.csv.gz for {name}; name the data's folder in SOKOL_DATA"
            )
        files += there[:1]
    return read_persons(files, "rec_id", "rec_id", name=name, truth_pattern=r"^rec-(\d+)-")


def made_up(count: int, seed: int) -> Trial:
    """Make records of persons; see ``benchmarks.synthetic``."""
    table = synthetic(count, seed)
    truth = table["person"].combine_chunks()
    return Trial(f"synthetic {count}", table.drop_columns("person"), truth)


def simulated(seed: int, with_splink: bool) -> Figures:
    """Judge a matcher on the simulated shops of one seed, by their KOLs' new customers too."""
    made = shops(seed)
    measured = measure(made.trial, "sokol")
    figures = _figures(made.trial, measured)
    figures |= {"new_customers_error": _rounded(made.new_customers_error(measured.customers))}
    return figures | (_splink(made.trial) if with_splink else {})


def judge(trial: Trial, matcher: str = "sokol") -> Figures:
    """Let a matcher work on a trial and compare what it found with the truth."""
    return _figures(trial, measure(trial, matcher))


def _figures(trial: Trial, measured: Measurement) -> Figures:
    found = agreement(labels(measured.customers), labels(trial.truth))
    rounded = {name: _rounded(value) for name, value in asdict(found).items()}
    return {**rounded, "seconds": measured.seconds, "peak_mb": measured.peak_mb}


def worst(all_figures: Iterable[Figures]) -> Figures:
    """Return the worst of each figure over several trials: lowest rate, longest time, most memory.

    Numbers of records and customers are summed.
    """
    trials = list(all_figures)
    summed = ("records", "customers")
    return {
        name: (sum if name in summed else min if _is_rate(name) else max)(each[name] for each in trials)
        for name in trials[0]
    }


def _is_rate(name: str) -> bool:
    return name.endswith(("_precision", "_recall", "_f1"))


def _rounded(value: float) -> float | int:
    return value if isinstance(value, int) else round(value, 5)


def _beside(trial: Trial, with_splink: bool) -> Figures:
    return judge(trial) | (_splink(trial) if with_splink else {})


def _splink(trial: Trial) -> Figures:
    same = ("records", "largest_true_cluster")
    return {f"splink_{name}": value for name, value in judge(trial, "splink").items() if name not in same}


def table(figures: Mapping[str, float | int]) -> str:
    """Write figures one below the other, those of Splink beside ours."""
    own = [name for name in figures if not name.startswith("splink_")]
    splink = len(own) < len(figures)
    lines = [f"{'figure':22}{'sokol':>14}" + (f"{'splink':>14}" if splink else "")]
    for name in own:
        other = figures.get(f"splink_{name}", "")
        lines.append(f"{name:22}{figures[name]:>14}" + (f"{other:>14}" if splink else ""))
    return "\n".join(lines)


def run(given: argparse.Namespace) -> Figures:
    """Do what the command line asks for."""
    if given.dataset:
        return _beside(febrl(given.dataset, Settings()), given.with_splink)
    if given.records:
        columns = read_map(given.columns) if given.columns else None
        trial = read_persons(given.records, given.id_column, given.truth_column, columns)
        used = [name for name in trial.records.column_names if name != "record_id"]
        print(f"{trial.name}: {len(trial.records)} records with {', '.join(used)}", file=sys.stderr)
        return _beside(trial, given.with_splink)
    if given.synthetic:
        return _beside(made_up(given.synthetic, given.seed), True)
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    every = []
    for seed in seeds:
        every.append(simulated(seed, given.with_splink))
        print(f"seed {seed}: {every[-1]}", file=sys.stderr, flush=True)
    return {**worst(every), "seeds": len(every)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.identity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--dataset", choices=FEBRL, help="a dataset of FEBRL in the folder that SOKOL_DATA names"
    )
    what.add_argument("--records", type=Path, metavar="CSV", help="a file of persons")
    what.add_argument("--shops", action="store_true", help="simulated shops; the worst of all seeds counts")
    what.add_argument("--synthetic", type=_count, metavar="N", help="records of made-up persons; with Splink")
    parser.add_argument("--id-column", help="column of --records that names a record")
    parser.add_argument("--truth-column", help="column of --records that names the person")
    parser.add_argument("--columns", type=Path, metavar="YML", help="names of the columns of --records")
    parser.add_argument("--seeds", type=_count, default=20, help="number of worlds of --shops")
    parser.add_argument("--first-seed", type=int, default=1000, help="seed of the first")
    parser.add_argument("--seed", type=int, default=1, help="seed of --synthetic")
    parser.add_argument("--with-splink", action="store_true", help="run plain Splink on the same records")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 2 when something asked for cannot be read, 1 when a matcher failed."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.records and not (given.id_column and given.truth_column):
        parser.error("--records needs --id-column and --truth-column")
    if not given.records and (given.id_column or given.truth_column or given.columns):
        parser.error("--id-column, --truth-column and --columns are for --records")
    try:
        figures = run(given)
    except UnreadableError as error:
        print(f"benchmarks.identity: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"benchmarks.identity: the matcher failed with exit code {error.returncode}", file=sys.stderr)
        return 1
    print(json.dumps(figures) if given.json else table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
