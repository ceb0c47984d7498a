"""Every model compiles for Snowflake, first and incremental; what is Postgres-only is dispatched."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import fakesnow
import pytest
import snowflake.connector
import sqlglot
from dbt.cli.main import dbtRunner

from include.transform.build import DBT_PROJECT

EPHEMERAL = "materialized='ephemeral'"
ALWAYS_INCREMENTAL = "{% macro is_incremental() %}{{ return(true) }}{% endmacro %}\n"

POSTGRES_ONLY = {
    "jsonb": r"\bjsonb",
    "cast by ::": r"::",
    "at time zone": r"\bat\s+time\s+zone\b",
    "generate_series": r"\bgenerate_series\b",
    "regular expression operator": r"~\*",
    "distinct on": r"\bdistinct\s+on\b",
    "lateral": r"\blateral\b",
    "filter clause": r"\bfilter\s*\(",
}
DISPATCHED = re.compile(r"{%-?\s*macro\s+(default|postgres|snowflake)__.*?{%-?\s*endmacro\s*-?%}", re.DOTALL)
COMMENT = re.compile(r"{#.*?#}|--[^\n]*", re.DOTALL)


def postgres_only(text: str) -> set[str]:
    """Name what a model or macro says outside dispatched macros that only Postgres understands."""
    said = COMMENT.sub("", DISPATCHED.sub("", text)).lower()
    return {name for name, pattern in POSTGRES_ONLY.items() if re.search(pattern, said)}


def copied_project(folder: Path, incremental: bool) -> Path:
    project = folder / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    if incremental:
        (project / "macros" / "always_incremental.sql").write_text(ALWAYS_INCREMENTAL)
    return project


@pytest.fixture(scope="module")
def snowflake_server() -> Iterator[dict[str, str]]:
    """Give the variables by which dbt reaches a server that speaks Snowflake's protocol on loopback."""
    with fakesnow.server() as arguments:
        with snowflake.connector.connect(**arguments) as connection:
            connection.cursor().execute("create database if not exists sokol")
        yield {
            "SOKOL_SNOWFLAKE_HOST": arguments["host"],
            "SOKOL_SNOWFLAKE_PORT": str(arguments["port"]),
            "SOKOL_SNOWFLAKE_PROTOCOL": arguments["protocol"],
            "SOKOL_SNOWFLAKE_ACCOUNT": arguments["account"],
            "SOKOL_SNOWFLAKE_PASSWORD": arguments["password"],
        }


def compiled_models(project: Path, variables: dict[str, str]) -> dict[str, Any]:
    """Compile a project for Snowflake; return the model nodes by name."""
    flags = ["--no-use-colors", "--quiet", "compile", "--target", "snowflake"]
    for option in ("--project-dir", "--profiles-dir"):
        flags += [option, str(project)]
    flags += ["--target-path", str(project / "target"), "--log-path", str(project / "logs")]
    with patch.dict("os.environ", variables):
        outcome: Any = dbtRunner().invoke(flags)
    if outcome.exception is not None:
        raise outcome.exception
    assert outcome.success
    nodes = [result.node for result in outcome.result.results]
    return {node.name: node for node in nodes if node.resource_type == "model"}


def unparsed(models: dict[str, Any]) -> dict[str, str]:
    """Return why models are no single Snowflake query, by the model's name."""
    wrong = {}
    for name, node in models.items():
        try:
            statements = sqlglot.parse(node.compiled_code, dialect="snowflake")
        except sqlglot.errors.SqlglotError as error:
            wrong[name] = str(error)
            continue
        if len(statements) != 1 or not isinstance(statements[0], sqlglot.exp.Query):
            wrong[name] = "is not one query"
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("incremental", [False, True], ids=["first", "incremental"])
def test_models_compile_for_snowflake(
    tmp_path: Path, snowflake_server: dict[str, str], incremental: bool
) -> None:
    models = compiled_models(copied_project(tmp_path, incremental), snowflake_server)
    # what is ephemeral stands in the queries of those that read it
    paths = [path for path in (DBT_PROJECT / "models").rglob("*.sql") if EPHEMERAL not in path.read_text()]
    assert set(models) == {path.stem for path in paths}
    assert "__dbt__cte__int_finance__items" in models["reconciliation_items"].compiled_code
    assert unparsed(models) == {}
    said = {name: postgres_only(re.sub("::", "", node.compiled_code)) for name, node in models.items()}
    assert {name: found for name, found in said.items() if found} == {}
    if incremental:
        assert "int_orders__due" in models["tracked_orders"].compiled_code


def test_what_is_postgres_only_stands_in_dispatched_macros() -> None:
    folders = ("models", "macros", "tests")
    texts = {path: path.read_text() for folder in folders for path in (DBT_PROJECT / folder).rglob("*.sql")}
    assert len(texts) > 50
    found = {str(path.relative_to(DBT_PROJECT)): postgres_only(text) for path, text in texts.items()}
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("select a::text from b", "cast by ::"),
        ("select jsonb_populate_record(null, a) from b", "jsonb"),
        ("select a at time  zone 'UTC' from b", "at time zone"),
        ("select * from generate_series(1, 2)", "generate_series"),
        ("select a ~* 'b' from c", "regular expression operator"),
    ],
)
def test_a_planted_word_is_found(text: str, word: str) -> None:
    assert postgres_only(text) == {word}
    assert postgres_only(f"{{% macro f() %}}{text}{{% endmacro %}}") == {word}
    assert postgres_only(f"{{% macro default__f() %}}{text}{{% endmacro %}} -- {text}") == set()


def test_what_snowflake_cannot_parse_is_found() -> None:
    class Node:
        def __init__(self, compiled_code: str) -> None:
            self.compiled_code = compiled_code

    broken = {"a": Node("select from where"), "b": Node("select 1; select 2"), "c": Node("select 1")}
    assert set(unparsed(broken)) == {"a", "b"}
