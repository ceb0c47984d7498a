"""The demo, small, through real Airflow and Postgres: green, complete, repeatable, and gone after stop."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.settings import PROJECT_ROOT

DEMO = ("-m", "include.local", "demo", "--scale", "0.05", "--days", "40")
MARTS = {
    "tracked_orders",
    "kol_roi",
    "kol_roi_daily",
    "kol_roi_monthly",
    "hourly_aggregates",
    "daily_aggregates",
}


class Stack:
    """A state folder of its own, and the project's commands on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        # The planted dirt is a number of lines, so in shops this small it is a large share of a file.
        share = {"SOKOL_QUARANTINE_SHARE": "0.2"}
        self.environment = {**os.environ, **share, "SOKOL_HOME": str(home), "PYTHONPATH": str(PROJECT_ROOT)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT_ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def query(self, statement: str) -> list[dict[str, str]]:
        done = self.run("-m", "include.warehouse", "query", statement, "--format", "json")
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))

    def fingerprint(self) -> str:
        done = self.run("-m", "include.warehouse", "fingerprint", "marts", "--format", "csv")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def processes(self) -> list[str]:
        """Return the command lines of processes that belong to this state folder."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                inside = str(self.home) in (process / "cwd").resolve(strict=True).as_posix()
                named = str(self.home).encode() in (process / "environ").read_bytes()
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if (inside or named) and process.name != str(os.getpid()):
                found.append(line)
        return found


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    home = Path(tempfile.mkdtemp(prefix="sokol-e2e-"))
    stack = Stack(home)
    try:
        yield stack
    finally:
        stack.run("-m", "include.local", "stop")
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def first(stack: Stack) -> subprocess.CompletedProcess[str]:
    return stack.run(*DEMO)


def test_the_demo_ends_green_with_the_kol_table(first: subprocess.CompletedProcess[str]) -> None:
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr[-3000:]
    assert "KOLs by ROI on completed orders" in first.stdout
    assert "gate_raw success" in first.stdout
    assert "gate_marts success" in first.stdout
    assert "http://127.0.0.1:" in first.stdout


def test_every_mart_has_rows(stack: Stack, first: subprocess.CompletedProcess[str]) -> None:
    sizes = {mart: int(stack.query(f"select count(*) as n from marts.{mart}")[0]["n"]) for mart in MARTS}
    assert all(sizes.values()), sizes
    assert sizes["kol_roi"] >= 50


def test_every_row_read_is_accounted_for(stack: Stack, first: subprocess.CompletedProcess[str]) -> None:
    rows = stack.query(
        "select sum(rows_read) as read, sum(rows_loaded) as loaded, sum(rows_quarantined) as quarantined,"
        " sum(rows_read - rows_loaded - rows_quarantined - rows_unchanged - rows_conflicting) as lost"
        " from ops.loads"
    )
    assert int(rows[0]["lost"]) == 0
    assert int(rows[0]["loaded"]) > 1000
    assert int(rows[0]["quarantined"]) > 0  # the simulated shops are not clean


def test_a_second_demo_changes_nothing(stack: Stack, first: subprocess.CompletedProcess[str]) -> None:
    before = stack.fingerprint()
    again = stack.run(*DEMO)
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    assert stack.fingerprint() == before


def test_forecasts_say_why_forty_days_are_too_few(
    stack: Stack, first: subprocess.CompletedProcess[str]
) -> None:
    done = stack.run("-m", "include.local", "forecasts")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for tenant in ("kauri", "lotus", "maple", "mekong"):
        assert f"{tenant}: no model" in done.stdout
    assert "a forecast needs two months" in done.stdout
    assert "What customers will bring in 12 months: nothing yet" in done.stdout


def test_other_shops_are_refused_and_nothing_is_overwritten(
    stack: Stack, first: subprocess.CompletedProcess[str]
) -> None:
    other = stack.run(*DEMO, "--seed", "8")
    assert other.returncode == 1
    assert "make clean" in other.stderr


def test_stop_leaves_no_process(stack: Stack, first: subprocess.CompletedProcess[str]) -> None:
    assert stack.processes(), "the look for processes finds none while the stack is up"
    done = stack.run("-m", "include.local", "stop")
    assert done.returncode == 0, done.stderr
    assert stack.processes() == []
