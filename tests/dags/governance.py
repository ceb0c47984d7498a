"""The rules for Dag files, each as a function that returns what breaks it."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from include.scheduling import OWNER, Tag
from include.settings import PROJECT_ROOT

MAX_LINES = 80
MIN_DOC = 80
# What a Dag file may not pull in when it is parsed: each costs from tenths of a second to many.
HEAVY = ("duckdb", "pyarrow", "pandas", "numpy", "psycopg", "dbt", "great_expectations", "include.warehouse")
# Calls that reach out of the process: they belong into a task.
WORK = {"connect", "query", "execute", "open", "urlopen", "read_sql", "prepare", "extract", "load", "build"}


def bag(folder: Path) -> Any:
    """Return the DagBag of a folder."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(folder))


def broken_bag(found: Any) -> list[str]:
    """Return why a DagBag is no good: errors, or nothing in it."""
    errors = [f"{file}: {error}" for file, error in found.import_errors.items()]
    return errors or ([] if found.dags else ["the DagBag is empty"])


def broken_dags(dags: Iterable[Any]) -> list[str]:
    """Return which Dags lack owner, tags of the enum, retries with back-off, a text or a bound on runs."""
    faults = []
    for dag in dags:
        tags = set(dag.tags)
        if not tags or tags - {str(tag) for tag in Tag}:
            faults.append(f"{dag.dag_id}: tags {sorted(tags)} are not of the enum")
        if len(dag.doc_md or "") < MIN_DOC:
            faults.append(f"{dag.dag_id}: no doc_md")
        if dag.catchup:
            faults.append(f"{dag.dag_id}: catchup would run the whole past by itself")
        if not 0 < dag.max_active_runs <= 4:
            faults.append(f"{dag.dag_id}: max_active_runs is {dag.max_active_runs}")
        policy = dag.default_args
        if policy.get("owner") != OWNER:
            faults.append(f"{dag.dag_id}: owner {policy.get('owner')!r}")
        if policy.get("retries", 0) < 1 or not policy.get("retry_exponential_backoff"):
            faults.append(f"{dag.dag_id}: no retries with back-off")
        if not dag.tasks:
            faults.append(f"{dag.dag_id}: no tasks")
        for task in dag.tasks:
            if task.owner != OWNER:
                faults.append(f"{dag.dag_id}.{task.task_id}: owner {task.owner!r}")
            if not task.retry_exponential_backoff:
                faults.append(f"{dag.dag_id}.{task.task_id}: retries without back-off")
    return faults


def too_long(file: Path) -> list[str]:
    """Return the file when it is more than wiring."""
    lines = len(file.read_text().splitlines())
    return [f"{file.name}: {lines} lines, at most {MAX_LINES}"] if lines > MAX_LINES else []


def top_level_work(file: Path) -> list[str]:
    """Return calls that reach out of the process and stand outside of any function."""
    faults = []

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.Call):
                name = child.func.attr if isinstance(child.func, ast.Attribute) else ""
                name = child.func.id if isinstance(child.func, ast.Name) else name
                if name in WORK and not _builds_the_graph(file, child):
                    faults.append(f"{file.name}:{child.lineno}: {name}() runs at every parse")
            visit(child)

    visit(ast.parse(file.read_text()))
    return faults


def _builds_the_graph(file: Path, call: ast.Call) -> bool:
    """Say whether the call makes a task: its name is a function of this file with the decorator ``task``."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return any("task" in ast.unparse(decorator) for decorator in node.decorator_list)
    return False


def heavy_imports(file: Path) -> list[str]:
    """Return the heavy modules that parsing the file adds to a process that has Airflow already."""
    program = (
        "import sys, runpy\n"
        "import airflow.sdk, airflow.dag_processing.dagbag\n"
        "before = set(sys.modules)\n"
        f"runpy.run_path({str(file)!r})\n"
        f"print(*sorted(set({HEAVY!r}) & (set(sys.modules) - before)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return [f"{file.name}: {done.stderr[-500:]}"]
    return [f"{file.name}: parsing imports {name}" for name in done.stdout.splitlines()[-1].split()]


def imports_airflow(folder: Path) -> list[str]:
    """Return the files of ``include/`` that import Airflow."""
    faults = []
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            faults += [f"{file.name}: {name}" for name in names if name.split(".")[0] == "airflow"]
    return faults
