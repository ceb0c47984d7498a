"""Run every benchmark, each in a process of its own, and write what they printed to docs/performance.md."""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from include.settings import PROJECT_ROOT

PERFORMANCE = PROJECT_ROOT / "docs" / "performance.md"
COMMANDS = {
    "truth": ["benchmarks.truth", "--seeds", "5", "--first-seed", "1000"],
    "load": ["benchmarks.load", "--rows", "5000000"],
    "incremental": ["benchmarks.incremental"],
    "build": ["benchmarks.build", "--orders", "1000000", "--clicks", "10000000"],
    "identity-febrl1": ["benchmarks.identity", "--dataset", "febrl1"],
    "identity-febrl2": ["benchmarks.identity", "--dataset", "febrl2"],
    "identity-febrl3": ["benchmarks.identity", "--dataset", "febrl3"],
    "identity-shops": ["benchmarks.identity", "--shops", "--seeds", "20", "--first-seed", "1000"],
    "identity-synthetic": ["benchmarks.identity", "--synthetic", "1000000"],
    "identity-incremental": ["benchmarks.identity_incremental", "--base", "1000000", "--new", "10000"],
    "resolve": ["benchmarks.resolve", "--records", "1000000"],
    "clv-cdnow": ["benchmarks.clv", "--dataset", "cdnow"],
    "clv-shops": ["benchmarks.clv", "--shops", "--seeds", "5", "--first-seed", "1000"],
    "clv-scale": ["benchmarks.clv_scale", "--customers", "1000000"],
    "reconcile-shops": ["benchmarks.reconcile", "--shops", "--seeds", "20", "--first-seed", "1000"],
    "reconcile-night": ["benchmarks.reconcile", "--orders", "1000000"],
}
"""What is measured; the options are those of the figures that the project states."""


def run(name: str) -> dict[str, Any]:
    """Run one benchmark and return the JSON object of its last line.

    Raises:
        subprocess.CalledProcessError: when it failed.
    """
    command = [sys.executable, "-m", *COMMANDS[name], "--json"]
    print("$ python " + " ".join(command[1:]), flush=True)
    done = subprocess.run(command, cwd=PROJECT_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def write(results: dict[str, dict[str, Any]]) -> None:
    """Put the new figures into docs/performance.md and leave those of benchmarks that were not run."""
    sections = _standing() | {name: _section(name, figures) for name, figures in results.items()}
    head = (
        "# Measured figures\n\nWritten by `make bench`; `make bench ARGS=NAME` measures one of them anew. "
        "Nothing here is typed by hand.\n"
    )
    ordered = [sections[name] for name in COMMANDS if name in sections]
    PERFORMANCE.write_text("\n".join([head, *ordered]))


def _section(name: str, figures: dict[str, Any]) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
    lines = [
        f"## {name}",
        "",
        f"`python -m {' '.join(COMMANDS[name])} --json`, {datetime.now(UTC):%Y-%m-%d}, {machine}",
        "",
        "| figure | value |",
        "|---|---|",
        *(f"| `{key}` | {value} |" for key, value in figures.items()),
        "",
    ]
    return "\n".join(lines)


def _standing() -> dict[str, str]:
    if not PERFORMANCE.exists():
        return {}
    parts = PERFORMANCE.read_text().split("\n## ")[1:]
    return {part.split("\n", 1)[0]: "## " + part.rstrip("\n") + "\n" for part in parts}


def main() -> int:
    """Run the named benchmarks, or all; 1 when one failed, with what the others measured written."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*COMMANDS, []], help="which to run; all when left out")
    names = parser.parse_args().names or list(COMMANDS)
    results: dict[str, dict[str, Any]] = {}
    failed = []
    for name in names:
        try:
            results[name] = run(name)
        except subprocess.CalledProcessError as error:
            print(f"{name} failed with exit code {error.returncode}", file=sys.stderr)
            failed.append(name)
        write(results)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
