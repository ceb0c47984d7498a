"""Every check of the project, one after the other: ``python -m tests.suite [check …]``.

All checks run even when one fails, so that one run tells everything; the status is 1 if any failed. The last
line counts them as pytest does, a check that is no pytest run as one test.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from include.local import environment, postgres
from include.settings import PROJECT_ROOT

BIN = Path(sys.executable).parent
DBT = PROJECT_ROOT / "dbt_project"
NO_TESTS_COLLECTED = 5


@dataclass(frozen=True)
class Check:
    """One check: commands that must all succeed, or a pytest run.

    ``apart`` makes a run, with a server of its own, of each entry of the folder, two at a time.
    """

    name: str
    commands: tuple[tuple[str, ...], ...] = ()
    pytest: tuple[str, ...] = ()
    needs_warehouse: bool = False
    apart: bool = False


@dataclass
class Tally:
    """Counts in pytest's words."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)


CHECKS = (
    Check("ruff", (("ruff", "check", "."), ("ruff", "format", "--check", "."))),
    Check("mypy", (("mypy",),)),
    Check("import-linter", (("lint-imports",),)),
    Check("unit", pytest=("tests/unit", "-n", "2")),
    Check("dags", pytest=("tests/dags",)),
    Check(
        "sqlfluff", (("sqlfluff", "lint", "--processes", "2", "dbt_project/models"),), needs_warehouse=True
    ),
    Check("dbt-build", (("dbt", "build"),), needs_warehouse=True),
    Check("dbt-bouncer", (("dbt", "parse"), ("dbt-bouncer", "run")), needs_warehouse=True),
    Check("dbt", pytest=("tests/dbt",), apart=True),
    Check("integration", pytest=("tests/integration",), apart=True),
    Check("e2e", pytest=("tests/e2e",)),
)


def run(check: Check, variables: Mapping[str, str], tally: Tally) -> None:
    """Run one check and count it."""
    if check.pytest:
        with ThreadPoolExecutor(2) as pool:
            for report in pool.map(lambda paths: _run_pytest(paths, variables), _sessions(check)):
                report.count(check.name, tally)
        return
    for command in check.commands:
        program = [str(BIN / command[0]), *command[1:]]
        if subprocess.run(program, cwd=PROJECT_ROOT, env=variables, check=False).returncode:
            tally.failed += 1
            tally.failures.append(f"{check.name}: {' '.join(command)}")
            return
    tally.passed += 1


def _sessions(check: Check) -> list[tuple[str, ...]]:
    """Return what each pytest run of a check is given; files come first, which take longest."""
    if not check.apart:
        return [check.pytest]
    entries = [entry for folder in check.pytest for entry in (PROJECT_ROOT / folder).iterdir()]
    holds_tests = [entry for entry in entries if any(entry.rglob("test_*.py")) or entry.match("test_*.py")]
    ordered = sorted(holds_tests, key=lambda entry: (entry.is_dir(), entry))
    return [(str(entry.relative_to(PROJECT_ROOT)),) for entry in ordered]


@dataclass(frozen=True)
class Report:
    """How one pytest run ended."""

    paths: tuple[str, ...]
    status: int
    total: int
    failed: int
    skipped: int
    printed: str

    def count(self, name: str, tally: Tally) -> None:
        """Print what the run printed and count its tests; a run without one fails, it would check nothing."""
        print(self.printed, flush=True)
        unseen = int(bool(self.status and not self.failed))
        failed = self.failed + unseen
        tally.passed += self.total - self.failed - self.skipped
        tally.failed += failed
        tally.skipped += self.skipped
        if failed:
            why = "no tests" if self.status == NO_TESTS_COLLECTED else f"{failed} failed"
            tally.failures.append(f"{name} ({', '.join(self.paths)}): {why}")


def _run_pytest(paths: tuple[str, ...], variables: Mapping[str, str]) -> Report:
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report.name}", *paths]
        done = subprocess.run(
            command,
            cwd=PROJECT_ROOT,
            env=variables,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        suites = list(ElementTree.parse(report.name).getroot()) if Path(report.name).stat().st_size else []
    return Report(
        paths=paths,
        status=done.returncode,
        total=sum(int(suite.get("tests", 0)) for suite in suites),
        failed=sum(int(suite.get("failures", 0)) + int(suite.get("errors", 0)) for suite in suites),
        skipped=sum(int(suite.get("skipped", 0)) for suite in suites),
        printed=done.stdout,
    )


@contextmanager
def warehouse() -> Iterator[dict[str, str]]:
    """Start an empty, prepared warehouse; yield the variables that point dbt to it."""
    from include.settings import Settings
    from include.warehouse import prepare

    with tempfile.TemporaryDirectory(prefix="sokol-suite-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        server = postgres.start(home, port=0)
        try:
            known = environment.read(home)
            fields = {name.removeprefix("SOKOL_").lower(): value for name, value in known.items()}
            prepare(Settings.model_validate({**fields, "home": home}))
            yield {**known, "SOKOL_HOME": str(home)}
        finally:
            server.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named checks, or all; return 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.suite", description=__doc__)
    parser.add_argument("check", nargs="*", choices=[check.name for check in CHECKS] + [[]])
    names = parser.parse_args(arguments).check
    chosen = [check for check in CHECKS if not names or check.name in names]
    tally, began = Tally(), time.monotonic()
    base = {
        **os.environ,
        "DBT_PROJECT_DIR": str(DBT),
        "DBT_PROFILES_DIR": str(DBT),
        "PYTHONPATH": str(PROJECT_ROOT),
    }
    with warehouse() if any(check.needs_warehouse for check in chosen) else _nothing() as extra:
        for check in chosen:
            start = time.monotonic()
            print(f"\n=== {check.name}", flush=True)
            run(check, {**base, **extra} if check.needs_warehouse else base, tally)
            print(f"=== {check.name}: {time.monotonic() - start:.1f} s", flush=True)
    for failure in tally.failures:
        print(f"FAILED {failure}")
    counts = {"failed": tally.failed, "passed": tally.passed, "skipped": tally.skipped}
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count or word == "passed")
    print(f"==== {said} in {time.monotonic() - began:.2f}s ====", flush=True)
    return 1 if tally.failed else 0


@contextmanager
def _nothing() -> Iterator[dict[str, str]]:
    yield {}


if __name__ == "__main__":
    raise SystemExit(main())
