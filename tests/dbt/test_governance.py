"""The rules of the dbt project's layers and descriptions, held against its manifest."""

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from include.settings import Settings
from tests.dbt.dbt_runs import invoke

Manifest = Mapping[str, Any]

MAY_READ = {
    "staging": {"source.raw"},
    "intermediate": {"staging", "intermediate", "source.ops", "source.finance"},
    "marts": {"intermediate", "marts"},
}
"""Layer -> what its models read; dimensions may also take their names from staging."""
DIMENSIONS_READ = {"staging"}

LOAD_METADATA = re.compile(r"^_")
MEASURE = re.compile(
    r"(^|_)(amount|gross|refunds|revenue|fees|commission|goods|investment|cpa|cpc|cpm|ltv|spend)$|_pct$"
)
UNIT = re.compile(r"currency|x 100|percent|%|spend / |revenue - investment|same on")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Give the parsed project; parsing needs no warehouse."""
    home = tmp_path_factory.mktemp("manifest")
    outcome = invoke(Settings(home=home), "parse")
    if outcome.exception is not None:
        raise outcome.exception
    parsed: Manifest = outcome.result.to_dict(omit_none=False)
    return parsed


def models(manifest: Manifest) -> dict[str, Any]:
    return {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}


def layer(manifest: Manifest, key: str) -> str:
    kind = key.partition(".")[0]
    if kind == "source":
        return f"source.{manifest['sources'][key]['source_name']}"
    if kind == "seed":
        return "staging"
    return str(manifest["nodes"][key]["fqn"][1])


def layers_read_wrongly(manifest: Manifest) -> set[str]:
    wrong = set()
    for node in models(manifest).values():
        allowed = set(MAY_READ[node["fqn"][1]])
        if node["fqn"][1:3] == ["marts", "dimensions"]:
            allowed |= DIMENSIONS_READ
        if node["name"].endswith("touched"):
            allowed |= {
                "source.raw"
            }  # staging shows what is; what has moved since stands in the feed's images
        if node["name"] == "daily_aggregates":
            allowed |= {"staging"}  # what platforms report by day has no figure between the feed and the mart
        for upstream in node["depends_on"]["nodes"]:
            if layer(manifest, upstream) not in allowed:
                wrong.add(f"{node['name']} reads {upstream}")
    return wrong


def undescribed(manifest: Manifest) -> set[str]:
    wrong = set()
    for node in models(manifest).values():
        if not node["description"].strip():
            wrong.add(f"{node['name']} has no description")
        if node["fqn"][1] == "staging":
            continue  # its columns are the contract's
        if not node["columns"]:
            wrong.add(f"{node['name']} describes no column")
        wrong |= {
            f"{node['name']}.{name} has no description"
            for name, column in node["columns"].items()
            if not column["description"].strip()
        }
    for source in manifest["sources"].values():
        if not source["description"].strip():
            wrong.add(f"{source['name']} has no description")
        wrong |= {
            f"{source['name']}.{name} has no description"
            for name, column in source["columns"].items()
            if not column["description"].strip()
        }
    return wrong


def without_unit(manifest: Manifest) -> set[str]:
    return {
        f"{node['name']}.{name}"
        for node in models(manifest).values()
        for name, column in node["columns"].items()
        if MEASURE.search(name) and not UNIT.search(column["description"])
    }


def without_grain(manifest: Manifest) -> set[str]:
    return {
        node["name"]
        for node in models(manifest).values()
        if node["fqn"][1] != "staging" and not node["description"].startswith("One row per ")
    }


def marts_without_contract_or_key(manifest: Manifest) -> set[str]:
    wrong = set()
    for node in models(manifest).values():
        if node["fqn"][1] != "marts":
            continue
        if not node["config"]["contract"]["enforced"]:
            wrong.add(f"{node['name']} enforces no contract")
        if any(not column["data_type"] for column in node["columns"].values()):
            wrong.add(f"{node['name']} has a column without type")
        unique = [index for index in node["config"].get("indexes") or [] if index.get("unique")]
        keys = [c for c in node["constraints"] if getattr(c["type"], "value", c["type"]) == "primary_key"]
        if not unique and not keys:
            wrong.add(f"{node['name']} has neither primary key nor unique index")
        leading = [*(key["columns"] for key in keys), *(index["columns"] for index in unique)]
        if "tenant_id" in node["columns"] and any(columns[0] != "tenant_id" for columns in leading):
            wrong.add(f"{node['name']}: tenant_id does not lead its key")
    return wrong


def wrongly_named(manifest: Manifest) -> set[str]:
    wrong = set()
    for node in models(manifest).values():
        folder, sub, name = node["fqn"][1], node["fqn"][2], node["name"]
        if folder == "staging" and name != f"stg_{sub}":
            wrong.add(name)
        if folder == "intermediate" and not re.fullmatch(r"int_[a-z]+__[a-z_]+", name):
            wrong.add(name)
        if folder == "marts" and name.startswith(("stg_", "int_")):
            wrong.add(name)
    return wrong


def without_exposure(manifest: Manifest) -> set[str]:
    shown = {key for exposure in manifest["exposures"].values() for key in exposure["depends_on"]["nodes"]}
    return {
        node["name"]
        for key, node in models(manifest).items()
        if node["fqn"][1] == "marts" and key not in shown
    }


RULES: tuple[Callable[[Manifest], set[str]], ...] = (
    layers_read_wrongly,
    undescribed,
    without_unit,
    without_grain,
    marts_without_contract_or_key,
    wrongly_named,
    without_exposure,
)


@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_rule_holds(manifest: Manifest, rule: Callable[[Manifest], set[str]]) -> None:
    assert len(models(manifest)) > 40
    assert rule(manifest) == set()


def of(manifest: Any, name: str) -> Any:
    return manifest["nodes"][f"model.sokol.{name}"]


def reads(name: str, upstream: str) -> Callable[[Any], None]:
    return lambda manifest: of(manifest, name)["depends_on"]["nodes"].append(upstream)


def puts(name: str, key: str, value: Any, column: str | None = None) -> Callable[[Any], None]:
    def plant(manifest: Any) -> None:
        node = of(manifest, name)
        (node["columns"][column] if column else node)[key] = value

    return plant


def drops_contract(manifest: Any) -> None:
    of(manifest, "kol_roi")["config"]["contract"]["enforced"] = False


def drops_index(manifest: Any) -> None:
    of(manifest, "tracked_orders")["config"]["indexes"] = []


def key_without_tenant(manifest: Any) -> None:
    of(manifest, "kol_roi")["constraints"][0]["columns"].reverse()


def drops_exposure(manifest: Any) -> None:
    del manifest["exposures"]["exposure.sokol.channel_kpis"]


@pytest.mark.parametrize(
    ("rule", "plant"),
    [
        (layers_read_wrongly, reads("stg_orders", "model.sokol.stg_refunds")),
        (layers_read_wrongly, reads("stg_orders", "source.sokol.ops.loads")),
        (layers_read_wrongly, reads("int_orders__events", "source.sokol.raw.orders")),
        (layers_read_wrongly, reads("int_orders__events", "model.sokol.tracked_orders")),
        (layers_read_wrongly, reads("kol_roi", "model.sokol.stg_orders")),
        (layers_read_wrongly, reads("kol_roi", "source.sokol.raw.orders")),
        (undescribed, puts("int_orders__events", "description", " ")),
        (undescribed, puts("int_orders__events", "columns", {})),
        (undescribed, puts("kol_roi", "description", "", column="roi_pct")),
        (without_unit, puts("kol_roi", "description", "What is left.", column="net_revenue")),
        (without_grain, puts("kol_roi", "description", "Who paid back.")),
        (marts_without_contract_or_key, drops_contract),
        (marts_without_contract_or_key, drops_index),
        (marts_without_contract_or_key, key_without_tenant),
        (marts_without_contract_or_key, puts("kol_roi", "constraints", [])),
        (marts_without_contract_or_key, puts("kol_roi", "data_type", None, column="roi_pct")),
        (wrongly_named, puts("stg_orders", "name", "orders_staged")),
        (wrongly_named, puts("int_orders__events", "name", "events")),
        (without_exposure, drops_exposure),
    ],
)
def test_a_planted_breach_is_found(
    manifest: Manifest, rule: Callable[[Manifest], set[str]], plant: Callable[[Any], None]
) -> None:
    broken = copy.deepcopy(dict(manifest))
    plant(broken)
    assert rule(broken) != set()
