"""The registered sources: a user's ``source.yml`` and mappings, checked once, kept where DAGs read them."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from include.settings import Settings

SOURCE_FILE = "source.yml"
_ORIGIN_FILE = "origin.txt"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_CRON_FIELDS = 5
_PLACEHOLDER = re.compile(r"\{(?!\{)[^}]*\}")
_INTERVAL = re.compile(r"\{(start|end)(?::([^{}]+))?\}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

Format = Literal["csv", "jsonl", "parquet"]
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}


class SourceError(ValueError):
    """A registration that cannot be used; the text names the file, the key and the next step."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class FileEntry(_Strict):
    """One kind of file of a source: where it lies, how it is written, and the feeds that it fills."""

    path: str = Field(min_length=1)
    feeds: dict[str, str] = Field(min_length=1)
    source: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    """System that wrote these files, where the registration gathers several; else the registration's own."""
    file_format: Format | None = Field(default=None, alias="format")
    options: dict[str, str | int | bool] = {}
    required: bool = False
    cursor: str | None = None
    lookback_days: int | None = Field(default=None, ge=0, le=3660)

    @field_validator("path")
    @classmethod
    def _only_interval_placeholders(cls, path: str) -> str:
        bare = _VARIABLE.sub("", path)
        for placeholder in _PLACEHOLDER.findall(bare):
            if not _INTERVAL.fullmatch(placeholder):
                raise ValueError(
                    f"{placeholder} is none of {{start}}, {{start:%Y-%m-%d}}, {{end}}, {{end:…}}"
                )
        return path

    @field_validator("feeds")
    @classmethod
    def _mappings_stay_in_the_folder(cls, feeds: dict[str, str]) -> dict[str, str]:
        for feed, mapping in feeds.items():
            place = Path(mapping)
            if place.is_absolute() or ".." in place.parts or place.suffix != ".sql":
                raise ValueError(
                    f"the mapping of {feed} is {mapping!r}, not an .sql file beside {SOURCE_FILE}"
                )
        return feeds

    @property
    def format(self) -> Format:
        """How the file is written: as declared, else by its suffix.

        Raises:
            SourceError: the suffix tells no format.
        """
        if self.file_format is not None:
            return self.file_format
        name = self.path.removesuffix(".gz")
        for suffix, known in _SUFFIXES.items():
            if name.endswith(suffix):
                return known
        raise SourceError(f"the suffix of {self.path} tells no format; add format: csv, jsonl or parquet")


class SourceConfig(_Strict):
    """What a ``source.yml`` says."""

    tenant: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    source: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    name: str | None = Field(default=None, pattern=rf"^{_NAME.pattern}$")
    time_zone: str
    schedule: str = "@daily"
    start: date
    end: date | None = None
    tenant_settings: dict[str, str | int | float | bool | None] | None = None
    files: tuple[FileEntry, ...] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is no IANA time zone such as Europe/London") from error
        return zone

    @field_validator("schedule")
    @classmethod
    def _known_schedule(cls, schedule: str) -> str:
        """Take @hourly, @daily, @weekly, @monthly (also without the @) or five cron fields."""
        named = f"@{schedule.removeprefix('@')}"
        if named in {"@hourly", "@daily", "@weekly", "@monthly"}:
            return named
        if len(schedule.split()) == _CRON_FIELDS and re.fullmatch(r"[0-9*/,\- A-Za-z#]+", schedule):
            return schedule
        raise ValueError(f"{schedule!r} is neither @hourly, @daily, @weekly, @monthly nor five cron fields")

    @field_validator("end")
    @classmethod
    def _after_the_start(cls, end: date | None, info: ValidationInfo) -> date | None:
        if end is not None and end <= info.data.get("start", date.min):
            raise ValueError("is not after start: it is the day after the last")
        return end


@dataclass(frozen=True)
class Source:
    """A source as it stands in one folder: its YAML, parsed, with its mappings beside it."""

    folder: Path
    origin: Path
    """Folder that relative paths of files start from: the one that was registered."""
    config: SourceConfig

    @property
    def name(self) -> str:
        """Name of the registration: unique, part of the DAG's id."""
        if self.config.name:
            return self.config.name
        tenant, source = self.config.tenant.lower(), self.config.source.lower()
        return (tenant if tenant == source else f"{tenant}_{source}").replace(".", "_")

    @property
    def zone(self) -> ZoneInfo:
        """Zone of the intervals."""
        return ZoneInfo(self.config.time_zone)

    def mapping(self, file: str) -> Path:
        """Return where a mapping stands."""
        return self.folder / file

    def systems(self) -> list[str]:
        """Return the systems whose files the registration gathers, each once."""
        return sorted({entry.source or self.config.source for entry in self.config.files})

    def files_named(self) -> set[str]:
        """Return the mapping files that the YAML names."""
        return {mapping for entry in self.config.files for mapping in entry.feeds.values()}

    def expand(self, path: str, settings: Settings) -> tuple[str, str]:
        """Fill a path's ``${VARIABLES}`` and make it absolute.

        Returns:
            The whole path, with ``{start}`` still in it, and the part of it that names the file in messages
            and in the landing zone, which is the same on every machine.

        Raises:
            SourceError: a variable is not set.
        """
        own = {
            "SOKOL_DATA": settings.data_dir,
            "SOKOL_HOME": settings.home,
            "SOKOL_DEMO_DIR": settings.demo_dir,
        }

        def value(match: re.Match[str]) -> str:
            name = match[1]
            found = str(own[name].resolve()) if name in own else os.environ.get(name)
            if not found:
                raise SourceError(
                    f"{self.folder / SOURCE_FILE}: path {path} needs {name}, which is not set; export it"
                )
            return found

        leading = _VARIABLE.match(path)
        named = path[leading.end() :].lstrip("/") if leading else path
        full = _VARIABLE.sub(value, path)
        if "://" not in full and not Path(full).is_absolute():
            full = str(self.origin / full)
        return full, _VARIABLE.sub(value, named)


def parse(folder: Path, origin: Path | None = None) -> Source:
    """Read and check the ``source.yml`` of a folder.

    Args:
        folder: where ``source.yml`` and its mappings stand.
        origin: where relative file paths start; the folder itself when left out.

    Returns:
        The source.

    Raises:
        SourceError: no file, no YAML, a key that is missing, unknown or wrong, or a mapping that is missing.
    """
    place = folder / SOURCE_FILE
    try:
        content: Any = yaml.safe_load(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(
            f"{place} does not exist; a source is a folder with a {SOURCE_FILE} in it"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceError(f"{place} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise SourceError(f"{place} holds no keys; it must give tenant, source, time_zone, start and files")
    try:
        config = SourceConfig.model_validate(content)
    except ValidationError as error:
        raise SourceError("\n".join(_explain(place, error))) from error
    source = Source(folder=folder, origin=origin or folder.resolve(), config=config)
    if not _NAME.fullmatch(source.name):
        raise SourceError(f"{place}: name: {source.name!r} is no name of a-z, 0-9, - and _; set name")
    for number, entry in enumerate(config.files):
        try:
            _ = entry.format
        except SourceError as error:
            raise SourceError(f"{place}: files.{number}.path: {error}") from error
        for feed, mapping in entry.feeds.items():
            if not source.mapping(mapping).is_file():
                raise SourceError(
                    f"{place}: files.{number}.feeds.{feed}: there is no {source.mapping(mapping)}"
                )
    return source


def _explain(place: Path, error: ValidationError) -> Iterator[str]:
    """Say per wrong key where it stands and what is wrong with it."""
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"])
        given = "" if fault["type"] == "missing" else f" (given: {fault['input']!r})"
        yield f"{place}: {key}: {fault['msg'].removeprefix('Value error, ')}{given}"


def install(folder: Path, settings: Settings) -> Source:
    """Check a source and copy its YAML and mappings to ``sources_dir/<name>``, the YAML last.

    Args:
        folder: the folder, or its ``source.yml``.
        settings: names ``sources_dir``.

    Returns:
        The source as installed. Done again, it replaces what stood there.

    Raises:
        SourceError: the source cannot be used, or its name belongs to another tenant's source.
    """
    folder = folder.parent if folder.name == SOURCE_FILE else folder
    given = parse(folder)
    target = settings.sources_dir / given.name
    if (target / SOURCE_FILE).is_file():
        standing = parse(target).config
        if (standing.tenant, standing.source) != (given.config.tenant, given.config.source):
            raise SourceError(
                f"{folder / SOURCE_FILE}: name {given.name} is already registered for tenant "
                f"{standing.tenant}, source {standing.source}; set another name"
            )
    for mapping in sorted(given.files_named()):
        _copy(given.mapping(mapping), target / mapping)
    _write(target / _ORIGIN_FILE, str(given.origin).encode())
    _copy(folder / SOURCE_FILE, target / SOURCE_FILE)
    for stale in target.rglob("*.sql"):
        if str(stale.relative_to(target)) not in given.files_named():
            stale.unlink()
    return load_source(given.name, settings)


def load_source(name: str, settings: Settings) -> Source:
    """Return one registered source.

    Raises:
        SourceError: no source of this name is registered, or its folder was damaged.
    """
    folder = settings.sources_dir / name
    if not (folder / SOURCE_FILE).is_file():
        known = ", ".join(
            sorted(found.parent.name for found in settings.sources_dir.glob(f"*/{SOURCE_FILE}"))
        )
        raise SourceError(
            f"no source {name!r} is registered in {settings.sources_dir} (known: {known or 'none'}); "
            f"run python -m include.connectors register FOLDER"
        )
    origin = folder / _ORIGIN_FILE
    return parse(folder, Path(origin.read_text(encoding="utf-8")) if origin.is_file() else None)


def load_sources(settings: Settings) -> list[Source]:
    """Return every registered source by name; reads a few small files, so that DAGs can be made from it."""
    found = sorted(settings.sources_dir.glob(f"*/{SOURCE_FILE}"))
    return [load_source(place.parent.name, settings) for place in found]


def local_day(moment: str, source: Source) -> datetime:
    """Read an interval's bound: a day of the source's zone, or an instant with its offset.

    Raises:
        SourceError: it is neither.
    """
    try:
        instant = datetime.fromisoformat(moment)
    except ValueError as error:
        raise SourceError(
            f"{moment!r} is neither a day (2026-11-01) nor an instant (2026-11-01T00:00Z)"
        ) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=source.zone)


def _copy(origin: Path, target: Path) -> None:
    _write(target, origin.read_bytes())
    shutil.copymode(origin, target)


def _write(target: Path, content: bytes) -> None:
    """Write by rename, so that a DAG that reads meanwhile sees the old file or the new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_bytes(content)
    partial.replace(target)
