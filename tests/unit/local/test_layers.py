"""The import contracts of pyproject.toml hold, and refuse an import that points the wrong way."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from include.settings import PROJECT_ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project with the same contracts and the same modules, all of them empty."""
    (tmp_path / "pyproject.toml").write_bytes((PROJECT_ROOT / "pyproject.toml").read_bytes())
    for module in (PROJECT_ROOT / "include").rglob("*.py"):
        empty = tmp_path / module.relative_to(PROJECT_ROOT)
        empty.parent.mkdir(exist_ok=True, parents=True)
        empty.touch()
    return tmp_path


def lint(project: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [str(program), "--no-cache"],
        cwd=project,
        env={"PYTHONPATH": str(project), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_name_every_package_of_include() -> None:
    config = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = " ".join(next(c for c in config["contracts"] if c["id"] == "layers")["layers"])
    found = {place.parent.name for place in (PROJECT_ROOT / "include").glob("*/__init__.py")}
    assert {name for name in found if f"include.{name}" not in layers} == set()


def test_an_empty_project_keeps_the_contracts(project: Path) -> None:
    done = lint(project)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("warehouse", "include.feeds"),
        ("feeds", "include.connectors"),
        ("connectors", "include.demo"),
        ("demo", "include.local"),
        ("connectors", "airflow"),
        ("finance/reconciliation", "include.finance.ledger"),
    ],
)
def test_an_import_the_wrong_way_is_refused(project: Path, importer: str, imported: str) -> None:
    (project / "include" / importer / "__init__.py").write_text(f"import {imported}\n")
    done = lint(project)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
