"""The landing zone: files as a source gave them, never changed, each with a manifest beside it."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

import fsspec
from fsspec.implementations.local import LocalFileSystem

from include.settings import Settings, get_settings

MANIFEST = ".manifest.json"
Step = Callable[[str], None]
_CHUNK = 1 << 20


class LandingError(RuntimeError):
    """A file cannot be landed, or what was landed is not what its manifest says."""


@dataclass(frozen=True)
class LandedFile:
    """One file of the landing zone, as its manifest describes it.

    ``path`` is relative to the landing zone. ``feeds`` names the mapping of each feed that the file fills;
    mappings stand in ``sources_dir/<registration>``, and two are built in for files that have the contract's
    columns already: ``contract`` (JSON Lines) and ``columns`` (Parquet or CSV). ``kind`` is ``data``, or
    ``release`` for corrected rows, which join the pull that they came from instead of replacing it.
    """

    tenant_id: str
    source: str
    name: str
    path: str
    interval_start: datetime
    interval_end: datetime
    sequence: int
    landing_seq: int
    sha256: str
    bytes: int
    feeds: Mapping[str, str]
    format: Literal["csv", "jsonl", "parquet"]
    registration: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str = "UTC"
    cursor: str | None = None
    lookback_days: int | None = None
    delivery_id: str | None = None
    kind: Literal["data", "release"] = "data"
    landed_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def land(
    content: Path | bytes | BinaryIO,
    *,
    tenant_id: str,
    source: str,
    name: str,
    interval_start: datetime,
    interval_end: datetime,
    feeds: Mapping[str, str],
    file_format: Literal["csv", "jsonl", "parquet"],
    registration: str | None = None,
    options: Mapping[str, Any] | None = None,
    time_zone: str = "UTC",
    cursor: str | None = None,
    lookback_days: int | None = None,
    delivery_id: str | None = None,
    kind: Literal["data", "release"] = "data",
    landing_seq: int | None = None,
    settings: Settings | None = None,
    step: Step | None = None,
) -> LandedFile:
    """Put a file into the landing zone, once.

    The same content under the same tenant, source, name and interval (or the same delivery) is landed
    already: what stands is returned. Other content of the same name and interval is its next version and gets
    the next sequence, so that the sequence does not depend on the order in which different files arrive.

    Args:
        content: a local path, bytes, or a binary stream.
        tenant_id: organisation that the file belongs to.
        source: name of the source system.
        name: what the file is called at its source, the same on every machine.
        interval_start: first instant that the file is for (aware).
        interval_end: the instant after the last (aware).
        feeds: feed to the mapping's file name.
        file_format: csv, jsonl or parquet.
        registration: folder of ``sources_dir`` where the mappings stand.
        options: how a CSV is written (``records.open_records``).
        time_zone: zone of the source's local times and days.
        cursor: column of the file whose largest value is recorded with each load.
        lookback_days: how many days before the interval a pull of slices covers too.
        delivery_id: the source's own id of the delivery, if it gives one.
        kind: ``release`` for rows corrected by hand.
        landing_seq: given only where a file belongs to an earlier landing (releases).
        settings: where the landing zone is.
        step: called with the name of each boundary passed; tests kill the process there.

    Raises:
        LandingError: when the interval is empty or naive.
    """
    settings = settings or get_settings()
    if interval_start.tzinfo is None or interval_end.tzinfo is None or interval_start >= interval_end:
        raise LandingError(f"{name}: {interval_start} to {interval_end} is no interval of aware instants")
    step = step or (lambda _: None)
    start, end = interval_start.astimezone(UTC), interval_end.astimezone(UTC)
    root = Root(settings.landing_url)
    folder = f"{tenant_id}/{source}/{start:%Y%m%dT%H%M%SZ}_{end:%Y%m%dT%H%M%SZ}"
    with root.writing(folder) as draft:
        digest, size = draft.write(content)
        step("landing written")
        siblings = [m for m in manifests(settings, folder) if m.name == name and m.kind == kind]
        for known in siblings:
            same = known.sha256 == digest or (delivery_id is not None and known.delivery_id == delivery_id)
            if same:
                return known
        sequence = 1 + max((known.sequence for known in siblings), default=0)
        suffix = "".join(Path(name).suffixes[-2:] if name.endswith(".gz") else Path(name).suffixes[-1:])
        short = hashlib.sha256(f"{kind}\0{name}\0{digest}".encode()).hexdigest()[:16]
        landed = LandedFile(
            tenant_id=tenant_id,
            source=source,
            name=name,
            path=f"{folder}/{sequence:04d}-{short}{suffix}",
            interval_start=start,
            interval_end=end,
            sequence=sequence,
            landing_seq=int(end.timestamp()) * 1000 + min(sequence, 999)
            if landing_seq is None
            else landing_seq,
            sha256=digest,
            bytes=size,
            feeds=dict(feeds),
            format=file_format,
            registration=registration,
            options=dict(options or {}),
            time_zone=time_zone,
            cursor=cursor,
            lookback_days=lookback_days,
            delivery_id=delivery_id,
            kind=kind,
        )
        draft.publish(landed.path)
        step("landing renamed")
        root.write_text(landed.path + MANIFEST, json.dumps(asdict(landed), default=_iso, indent=1))
        step("manifest written")
    return landed


def manifests(settings: Settings | None = None, folder: str = "") -> Iterator[LandedFile]:
    """Yield every landed file of a folder or of all, by path; without a manifest a file does not exist."""
    settings = settings or get_settings()
    root = Root(settings.landing_url)
    for path in root.find(folder, MANIFEST):
        yield read_manifest(root.read_text(path))


def read_manifest(text: str) -> LandedFile:
    """Make a landed file of its manifest's text."""
    said = json.loads(text)
    for instant in ("interval_start", "interval_end", "landed_at"):
        said[instant] = datetime.fromisoformat(said[instant])
    return LandedFile(**said)


def fetch(landed: LandedFile, target: Path, settings: Settings | None = None) -> Path:
    """Return a local path of a landed file; it is copied to ``target`` where the landing zone is remote.

    Raises:
        LandingError: when the file is gone or has another size than its manifest says.
    """
    settings = settings or get_settings()
    root = Root(settings.landing_url)
    return root.local(landed.path, target, landed.bytes)


def moved(landed: LandedFile, **changes: Any) -> LandedFile:
    """Return a copy of a landed file's description with some of it changed."""
    return replace(landed, **changes)


class Root:
    """The landing zone's place: a local folder or any fsspec URL."""

    def __init__(self, url: str) -> None:
        self.fs, self.base = fsspec.url_to_fs(url)
        self.is_local = isinstance(self.fs, LocalFileSystem)

    def writing(self, folder: str) -> "_Draft":
        """Open a draft in a folder; it disappears unless it is published."""
        return _Draft(self, folder)

    def full(self, path: str) -> str:
        """Return a path with the root before it."""
        return f"{self.base}/{path}" if path else str(self.base)

    def find(self, folder: str, suffix: str) -> list[str]:
        """Return the paths below a folder that end as asked, sorted, relative to the root."""
        if not self.fs.isdir(self.full(folder)):
            return []
        prefix = self.full("").rstrip("/") + "/"
        return sorted(p.removeprefix(prefix) for p in self.fs.find(self.full(folder)) if p.endswith(suffix))

    def read_text(self, path: str) -> str:
        """Return a small file's text."""
        return bytes(self.fs.cat_file(self.full(path))).decode()

    def write_text(self, path: str, text: str) -> None:
        """Write a small file whole: by rename where the file system is local."""
        if not self.is_local:
            self.fs.pipe_file(self.full(path), text.encode())
            return
        partial = Path(self.full(path) + ".partial")
        with partial.open("wb") as out:
            out.write(text.encode())
            out.flush()
            os.fsync(out.fileno())
        partial.rename(self.full(path))
        _sync_folder(partial.parent)

    def local(self, path: str, target: Path, size: int) -> Path:
        """Return a local copy of a file, the file itself where it is local."""
        place = self.full(path)
        if not self.fs.exists(place):
            raise LandingError(f"{path} has a manifest and is gone from the landing zone; restore it")
        if self.fs.size(place) != size:
            raise LandingError(
                f"{path} has {self.fs.size(place)} bytes, its manifest says {size}; restore it"
            )
        if self.is_local:
            return Path(place)
        self.fs.get_file(place, str(target))
        return target


class _Draft:
    """A file on its way into the landing zone: written beside its place, hashed, then renamed."""

    def __init__(self, root: Root, folder: str) -> None:
        self._root = root
        self._folder = folder
        self._place = Path(root.full(folder) if root.is_local else "/tmp") / f".draft-{os.urandom(8).hex()}"

    def __enter__(self) -> "_Draft":
        self._place.parent.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._place.unlink(missing_ok=True)

    def write(self, content: Path | bytes | BinaryIO) -> tuple[str, int]:
        """Copy the content; returns its sha256 and size in bytes."""
        digest = hashlib.sha256()
        with self._place.open("wb") as out:
            for chunk in _chunks(content):
                digest.update(chunk)
                out.write(chunk)
            size = out.tell()
            out.flush()
            os.fsync(out.fileno())
        return digest.hexdigest(), size

    def publish(self, path: str) -> None:
        """Give the file its final name."""
        if self._root.is_local:
            self._place.rename(self._root.full(path))
            _sync_folder(self._place.parent)
        else:
            self._root.fs.put_file(str(self._place), self._root.full(path))


def _chunks(content: Path | bytes | BinaryIO) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
    elif isinstance(content, Path):
        with content.open("rb") as stream:
            yield from _chunks(stream)
    else:
        while chunk := content.read(_CHUNK):
            yield chunk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot stand in a manifest")
