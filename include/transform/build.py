"""Run one dbt build in this process, alone in the warehouse, and say what it did."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.settings import PROJECT_ROOT, Settings, get_settings
from include.warehouse import connect

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
BUILD_LOCK = "sokol:build"
"""Name of the lock that a build holds; the project's first hook refuses a run beside it."""


class BuildError(RuntimeError):
    """A model or a test failed; what stood before it is published, what follows it is as it was."""


@dataclass(frozen=True)
class HeldTenant:
    """A tenant that this build left at its last published state, and why."""

    tenant_id: str
    reason: str


@dataclass(frozen=True)
class BuildResult:
    """What one build did: its number, models and tests run, tenants held, seconds."""

    build_id: int
    models: int
    tests: int
    held: tuple[HeldTenant, ...]
    seconds: float


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables from which ``profiles.yml`` reads where and as whom to connect."""
    return {
        "SOKOL_WAREHOUSE_HOST": settings.warehouse_host,
        "SOKOL_WAREHOUSE_PORT": str(settings.warehouse_port),
        "SOKOL_WAREHOUSE_DATABASE": settings.warehouse_database,
        "SOKOL_TRANSFORMER_USER": settings.transformer_user,
        "SOKOL_TRANSFORMER_PASSWORD": settings.transformer_password.get_secret_value(),
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(settings.home / "dbt" / "target"),
        "DBT_LOG_PATH": str(settings.home / "dbt" / "logs"),
    }


def build(
    settings: Settings | None = None,
    *,
    full_refresh: bool = False,
    select: Sequence[str] = (),
    with_tests: bool = True,
    as_of: str | None = None,
) -> BuildResult:
    """Build everything that new loads have touched, test each layer before the next, and record the build.

    Only one build runs at a time; a second one waits. What loads commit meanwhile belongs to the next build.

    Args:
        settings: where the warehouse is; the process's own when left out.
        full_refresh: make every table anew from the feeds instead of from what changed.
        select: dbt selectors; everything when empty.
        with_tests: run data tests between the layers, or build seeds and models alone.
        as_of: day (YYYY-MM-DD) that tenants are looked at as of; the newest landed interval when left out.

    Returns:
        What the build did.

    Raises:
        BuildError: when a model or test failed, with the first failures and where to look.
    """
    settings = settings or get_settings()
    arguments = ["build", "--quiet", "--no-use-colors"]
    # Unit tests prove the models' text, which `make test` does once, not every build anew.
    arguments += ["--exclude-resource-type", "unit_test", *([] if with_tests else ["test"])]
    if full_refresh:
        arguments.append("--full-refresh")
    if select:
        arguments += ["--select", *select]
    if as_of:
        arguments += ["--vars", f"{{as_of: '{as_of}'}}"]
    started = time.monotonic()
    with connect("transformer", settings) as warehouse, warehouse.transaction():
        warehouse.lock(BUILD_LOCK)
        results = _invoke(arguments, {**dbt_environment(settings), "SOKOL_BUILD_LOCK_HELD": "1"})
        build_id = warehouse.value("select max(build_id) from ops.builds")
        held = warehouse.rows(
            "select tenant_id, reason from ops.held_tenants where build_id = %s", [build_id]
        )
    return BuildResult(
        build_id=build_id,
        models=sum(1 for result in results if result.node.resource_type == "model"),
        tests=sum(1 for result in results if result.node.resource_type in ("test", "unit_test")),
        held=tuple(HeldTenant(*row) for row in held),
        seconds=time.monotonic() - started,
    )


def _invoke(arguments: Sequence[str], environment: Mapping[str, str]) -> list[Any]:
    """Run dbt in this process and return its node results."""
    from dbt.cli.main import dbtRunner

    with _environment(environment):
        outcome = dbtRunner().invoke(list(arguments))
    if outcome.exception is not None:
        raise BuildError(f"dbt could not run: {outcome.exception}") from outcome.exception
    results = list(getattr(outcome.result, "results", []))
    failed = [result for result in results if result.status in ("error", "fail", "runtime error")]
    if failed or not outcome.success:
        log = Path(environment["DBT_LOG_PATH"]) / "dbt.log"
        told = "\n".join(
            f"- {result.node.unique_id}: {_first_lines(result.message)}" for result in failed[:5]
        )
        skipped = sum(1 for result in results if result.status == "skipped")
        raise BuildError(
            f"{len(failed)} models or tests failed, {skipped} after them skipped, left as they were:\n"
            f"{told}\n"
            f"The whole story is in {log}; a failed test's rows: run its compiled SQL from there."
        )
    return results


def _first_lines(message: str | None, lines: int = 4) -> str:
    return " ".join((message or "no message").split("\n")[:lines]).strip()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the block; dbt reads its profile from nothing else."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
