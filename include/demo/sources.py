"""Registrations of the simulated shops: one source per tenant, gathering the files of all its systems."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from include.demo.exports import Exported, ExportFile
from include.demo.world import World

_TEXTS = ("name", "country_code", "reporting_currency")
_SHARES = ("vat_rate", "gross_margin")
_COUNTS = ("attribution_window_hours", "churn_window_days")
_INTERVAL = "{start:%Y-%m-%d}_{end:%Y-%m-%d}"


def register(world: World, out: Path, exported: Sequence[Exported]) -> list[Path]:
    """Write ``out/sources/<tenant>/source.yml`` with copies of its mappings beside it.

    One interval of one source costs a run of its DAG, so that a tenant's systems share one source; each file
    entry names the system whose rows it holds. Paths begin at ``${SOKOL_DEMO_DIR}``, which is ``out``.

    Args:
        world: the world that was exported; gives the tenants' settings.
        out: the folder that ``export`` wrote into.
        exported: what it wrote.

    Returns:
        The folders to register.
    """
    settings = {row["tenant_id"]: row for row in world.feed("tenants").to_pylist()}
    folders = []
    for tenant_id, row in sorted(settings.items()):
        files = sorted(
            {(one.source, one.file.name): one.file for one in exported if one.tenant_id == tenant_id}.items()
        )
        folder = out / "sources" / tenant_id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        entries = [_entry(tenant_id, source, file, folder) for (source, _), file in files]
        content = {
            "tenant": tenant_id,
            "source": tenant_id,
            "time_zone": row["time_zone"],
            "schedule": "@daily",
            "start": world.first_day,
            "end": world.last_day + timedelta(days=1),
            "tenant_settings": _tenant_settings(row),
            "files": entries,
        }
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
        (folder / "source.yml").write_text(
            f"# {row['name']}, simulated: the exports of all its systems.\n{text}", encoding="utf-8"
        )
        folders.append(folder)
    return folders


def _entry(tenant_id: str, source: str, file: ExportFile, folder: Path) -> dict[str, Any]:
    """Describe one kind of file, and put its mappings into the folder."""
    feeds = {}
    for feed, mapping in file.feeds.items():
        place = folder / file.system / mapping
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(file.mapping(feed), place)
        feeds[feed] = f"{file.system}/{mapping}"
    entry: dict[str, Any] = {
        "path": f"${{SOKOL_DEMO_DIR}}/files/{tenant_id}/{source}/{_INTERVAL}/{file.pattern}",
        "format": file.format,
        "source": source,
        "feeds": feeds,
    }
    if file.options:
        entry["options"] = dict(file.options)
    if file.lookback_days is not None:
        entry["lookback_days"] = file.lookback_days
    if file.cursor:
        entry["cursor"] = file.cursor
    return entry


def _tenant_settings(row: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a tenant as a person would write them; shares as plain numbers."""
    return (
        {name: row[name] for name in _TEXTS}
        | {name: float(row[name]) for name in _SHARES}
        | {name: row[name] for name in _COUNTS}
    )
