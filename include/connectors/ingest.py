"""Register a source, then extract and load one interval of it: what the DAGs' tasks do."""

import gzip
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO, cast

import fsspec

from include.connectors.files import FoundFile, find
from include.connectors.registry import Source, SourceError, install, load_source, parse
from include.feeds import landing
from include.feeds.landing import LandedFile
from include.feeds.load import LoadResult, load_file, load_landed
from include.feeds.mapping import BUILT_IN
from include.feeds.records import FileError
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect, load_contracts

OWN_SOURCE = "sokol"
"""Source of the rows that the project itself lands: tenants' settings, tokens, decisions."""

# Settings belong to no day. They land under one interval that never moves, so that a replay has them and a
# later registration is the next version of the same file.
_SETTINGS_START = datetime(1970, 1, 1, tzinfo=UTC)
_SETTINGS_END = datetime(1970, 1, 2, tzinfo=UTC)
_CHUNK = 1 << 20
_COMPRESSION_LEVEL = 1


class IngestError(RuntimeError):
    """Some files could not be taken, the others were; the text names each with its reason."""


@dataclass(frozen=True)
class Registered:
    """What a registration did: the source as installed, and the load of its tenant's settings, if any."""

    source: Source
    settings_load: LoadResult | None


def register(path: Path, settings: Settings | None = None) -> Registered:
    """Install a source and load its tenant's settings; done again, it changes what was changed in the YAML.

    Args:
        path: folder with a ``source.yml``, or the file itself.
        settings: where to install it, and which warehouse holds the tenant.

    Returns:
        The source, and the load.

    Raises:
        SourceError: the YAML, a mapping or a feed's name cannot be used.
        IngestError: the tenant's settings break the contract of ``tenants``.
    """
    settings = settings or get_settings()
    given = parse(path.parent if path.is_file() else path)
    known = load_contracts()
    for number, entry in enumerate(given.config.files):
        if unknown := sorted(set(entry.feeds) - set(known)):
            raise SourceError(
                f"{given.folder}: files.{number}.feeds: there is no feed {', '.join(unknown)}; "
                f"there are {', '.join(sorted(known))}"
            )
    source = install(path, settings)
    return Registered(source, _load_tenant(source, settings))


def _load_tenant(source: Source, settings: Settings) -> LoadResult | None:
    """Land and load the row of ``tenants`` that the source gives."""
    given = source.config.tenant_settings
    if given is None:
        return None
    row = {"time_zone": source.config.time_zone, **given}
    landed = landing.land(
        (json.dumps(row, sort_keys=True) + "\n").encode(),
        tenant_id=source.config.tenant,
        source=OWN_SOURCE,
        name="tenant_settings.jsonl",
        interval_start=_SETTINGS_START,
        interval_end=_SETTINGS_END,
        feeds={"tenants": BUILT_IN},
        file_format="jsonl",
        settings=settings,
    )
    with connect("loader", settings) as warehouse:
        result = load_file(warehouse, landed, "tenants", settings=settings)
        if result.rows_quarantined:
            reasons = warehouse.value(
                "select reason from ops.quarantine where load_id = %s", [result.load_id]
            )
            raise IngestError(
                f"source {source.name}: tenant_settings: {reasons}; correct source.yml and register again"
            )
    return result


def extract(
    source_name: str, start: datetime, end: datetime, settings: Settings | None = None
) -> list[LandedFile]:
    """Land the files that a source has for an interval, unchanged; plain text is compressed.

    Args:
        source_name: name of the registration.
        start: first instant (aware).
        end: instant after the last (aware).
        settings: where the registrations and the landing zone are.

    Returns:
        The files as landed, also those that were landed before.

    Raises:
        SourceError: the source is not registered, or the interval or a path cannot be used.
        IngestError: a required file is missing or a file cannot be read; the others were landed.
    """
    settings = settings or get_settings()
    source = load_source(source_name, settings)
    found, missing = find(source, start, end, settings)
    failures = [
        f"{absent.url} is missing; bring it, or set required: false in source.yml"
        for absent in missing
        if source.config.files[absent.entry].required
    ]
    landed: list[LandedFile] = []
    for file in found:
        try:
            landed.append(_land(source, file, settings))
        except (OSError, ValueError, RuntimeError) as error:
            failures.append(f"{file.url}: {error}")
    _raise_together(source_name, "not landed", failures)
    return landed


def load(
    source_name: str, start: datetime, end: datetime, settings: Settings | None = None
) -> list[LoadResult]:
    """Load what a source has landed for an interval into the feeds.

    Args:
        source_name: name of the registration.
        start: first instant (aware).
        end: instant after the last (aware).
        settings: where the landing zone and the warehouse are.

    Returns:
        One result per file and feed, also those that were loaded before (``skipped``). A file that cannot be
        read gives none once its source has sent it again.

    Raises:
        SourceError: the source is not registered.
        IngestError: a file or a mapping cannot be used; everything else was loaded.
    """
    settings = settings or get_settings()
    source = load_source(source_name, settings)
    results: list[LoadResult] = []
    failures: list[str] = []
    files = list(landed_files(source, start, end, settings))
    newest = {(file.interval_start, file.interval_end, file.name): file.sequence for file in files}
    with connect("loader", settings) as warehouse:
        for file in files:
            try:
                results += load_landed(warehouse, file, settings=settings)
            except FileError as error:
                # A file that arrived damaged is made good by its next version, not by anything done here.
                if file.sequence == newest[file.interval_start, file.interval_end, file.name]:
                    failures.append(str(error))
            except (ValueError, landing.LandingError):
                done, failed = _load_feed_by_feed(warehouse, file, settings)
                results += done
                failures += failed
    _raise_together(source_name, "not loaded", failures)
    return results


def landed_files(source: Source, start: datetime, end: datetime, settings: Settings) -> Iterator[LandedFile]:
    """Yield the landed files of a source whose interval touches [start, end), in landing order.

    Only the folders of these intervals are opened, so that a day costs what a day costs.
    """
    root = landing.Root(settings.landing_url)
    found: list[LandedFile] = []
    for system in source.systems():
        base = f"{source.config.tenant}/{system}"
        if not root.fs.isdir(root.full(base)):
            continue
        for place in root.fs.ls(root.full(base), detail=False):
            folder = str(place).rstrip("/").rpartition("/")[2]
            first, _, last = folder.partition("_")
            if _instant(first) < end and _instant(last) > start:
                found += landing.manifests(settings, f"{base}/{folder}")
    found = [landed for landed in found if landed.registration == source.name]
    yield from sorted(found, key=lambda landed: (landed.landing_seq, landed.path))


def _load_feed_by_feed(
    warehouse: Warehouse, file: LandedFile, settings: Settings
) -> tuple[list[LoadResult], list[str]]:
    """Load a file of which some feed failed, each feed by itself: one mapping does not stop another."""
    results: list[LoadResult] = []
    failures: list[str] = []
    for feed, mapping in file.feeds.items():
        try:
            results += load_landed(warehouse, replace(file, feeds={feed: mapping}), settings=settings)
        except (ValueError, landing.LandingError) as error:
            failures.append(f"{feed}: {error}")
    return results, failures


def _land(source: Source, file: FoundFile, settings: Settings) -> LandedFile:
    entry = source.config.files[file.entry]
    is_text = entry.format != "parquet"
    with fsspec.open(file.url, "rb") as opened, _compressed(opened, is_text) as (content, was_plain):
        return landing.land(
            content,
            tenant_id=source.config.tenant,
            source=entry.source or source.config.source,
            name=f"{file.name}.gz" if was_plain else file.name,
            interval_start=file.start,
            interval_end=file.end,
            feeds=entry.feeds,
            file_format=entry.format,
            registration=source.name,
            options=entry.options,
            time_zone=source.config.time_zone,
            cursor=entry.cursor,
            lookback_days=entry.lookback_days,
            settings=settings,
        )


@contextmanager
def _compressed(opened: IO[bytes], is_text: bool) -> Iterator[tuple[BinaryIO, bool]]:
    """Give the bytes to land: as they are, or compressed where they are plain text."""
    head = opened.read(2)
    opened.seek(0)
    if not is_text or head == b"\x1f\x8b":
        yield cast(BinaryIO, opened), False
        return
    with tempfile.TemporaryFile() as packed:
        # No name and no time in the header: the same content gives the same bytes, and is landed once.
        with gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, packed, mtime=0) as stream:
            while chunk := opened.read(_CHUNK):
                stream.write(chunk)
        packed.seek(0)
        yield cast(BinaryIO, packed), True


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _raise_together(source_name: str, what: str, failures: Sequence[str]) -> None:
    if failures:
        listed = "\n".join(f"- {failure}" for failure in failures)
        raise IngestError(f"source {source_name}: {len(failures)} {what}, everything else was:\n{listed}")
