"""The data dictionary: each feed and mart with its grain, types, units and meaning, from the dbt YAML."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from include.settings import PROJECT_ROOT

MODELS = PROJECT_ROOT / "dbt_project" / "models"
DICTIONARY = PROJECT_ROOT / "docs" / "data-dictionary.md"

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader, where it can in C: ten times as fast."""

HEAD = """# Data dictionary

Written from the YAML beside the models by `python -m include.transform.dictionary`; a test fails when it is
stale.
How a figure is defined: [KPI definitions](kpi-definitions.md).

`_at` columns are instants in UTC, `_date` columns days of the tenant's time zone. The unit of an amount
stands in its description: order currency or reporting currency.
"""


def dictionary() -> str:
    """Return the dictionary as Markdown: marts first, then the feeds that the warehouse takes."""
    parts = [
        HEAD,
        "## Marts\n",
        "What analysts, dashboards and exports read; a reader sees its own tenants' rows.\n",
    ]
    parts += [_mart(model) for model in _entries("marts", "models")]
    parts += [
        "## Feeds\n",
        "What sources fill; the tables `raw.<feed>`, held to these contracts by the loader.\n",
    ]
    parts += [
        _feed(table)
        for source in _entries("staging", "sources")
        if source.get("schema", source["name"]) == "raw"
        for table in source["tables"]
    ]
    return "\n".join(parts)


def _entries(layer: str, kind: str) -> Iterator[Mapping[str, Any]]:
    for path in sorted((MODELS / layer).rglob("*.yml")):
        yield from yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER).get(kind) or ()


def _mart(model: Mapping[str, Any]) -> str:
    keys = [c["columns"] for c in model.get("constraints", ()) if c["type"] == "primary_key"]
    required = [c["name"] for c in model["columns"] if c.get("constraints")]
    key = ", ".join(f"`{column}`" for column in (keys[0] if keys else required))
    facts = [model["description"], f"Key: {key}."]
    return _section(f"marts.{model['name']}", facts, model["columns"])


def _feed(table: Mapping[str, Any]) -> str:
    meta = table["config"]["meta"]
    facts = [
        table["description"],
        f"Kind: {meta['kind']}. Key: " + ", ".join(f"`{c}`" for c in meta["key"]) + ".",
    ]
    if meta.get("version"):
        facts.append(f"The newest `{meta['version']}` wins.")
    if meta.get("event_time"):
        facts.append(f"Event time: `{meta['event_time']}`.")
    rules = "".join(f"\n- a row is refused when {rule['error']}" for rule in meta.get("rules", ()))
    return _section(f"raw.{table['name']}", facts, table["columns"], rules)


def _section(name: str, facts: Sequence[str], columns: Sequence[Mapping[str, Any]], after: str = "") -> str:
    rows = [f"| `{c['name']}` | {c['data_type']} | {_meaning(c)} |" for c in columns]
    table = "\n".join(["| column | type | meaning |", "|---|---|---|", *rows])
    return f"### {name}\n\n{' '.join(facts)}\n\n{table}\n{after}{chr(10) if after else ''}"


def _meaning(column: Mapping[str, Any]) -> str:
    meta = (column.get("config") or {}).get("meta") or {}
    said = str(column["description"]).replace("|", "\\|")
    if meta.get("values"):
        said += " One of " + ", ".join(f"`{value}`" for value in meta["values"]) + "."
    return f"{said} Required." if meta.get("required") else said


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the dictionary, or with ``--check`` say whether the file is what would be written."""
    parser = argparse.ArgumentParser(prog="python -m include.transform.dictionary", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when the file is stale")
    parser.add_argument("--file", type=Path, default=DICTIONARY, help="the file; docs/data-dictionary.md")
    options = parser.parse_args(arguments)
    text = dictionary()
    if not options.check:
        options.file.write_text(text, encoding="utf-8")
        return 0
    if options.file.exists() and options.file.read_text(encoding="utf-8") == text:
        return 0
    print(
        f"{options.file} is not what the YAML says: run python -m include.transform.dictionary",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
