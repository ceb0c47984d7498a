"""Run dbt on the project in this process, against a test's own warehouse."""

import os
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from dbt.cli.main import dbtRunner

from include.settings import Settings
from include.transform import dbt_environment


def invoke(settings: Settings, *arguments: str, extra: Mapping[str, str] | None = None) -> Any:
    """Return what dbt returns; ``extra`` are further environment variables."""
    environment = {**dbt_environment(settings), **(extra or {})}
    with patch.dict(os.environ, environment):
        return dbtRunner().invoke(["--quiet", "--no-use-colors", *arguments])


def results_of(settings: Settings, *arguments: str) -> dict[str, Any]:
    """Return the result of each node by the node's name; raise what kept dbt from running."""
    outcome = invoke(settings, *arguments)
    if outcome.exception is not None:
        raise outcome.exception
    return {result.node.name: result for result in outcome.result.results}
