"""The files connector: which files an interval asks for, found in a folder or behind a URL."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import fsspec

from include.connectors.registry import FileEntry, Source, SourceError
from include.settings import Settings

_INTERVAL = re.compile(r"\{(start|end)(?::([^{}]+))?\}")
_GLOB = re.compile(r"[*?\[]")
_UNITS = (("hour", "HI"), ("day", "djDFx"), ("month", "mbB"), ("year", "Yy"))
_NO_UNIT = "MSfsTRrXcpUWVGaAuw"
"""Fields of a pattern that follow no hour, day, month or year, so that nothing can be cut by them."""
_DEFAULT_FORMAT = "%Y-%m-%d"


@dataclass(frozen=True)
class FoundFile:
    """One file that a source gives for an interval."""

    entry: int
    """Number of the entry in the source's ``files``."""
    url: str
    """Where it lies."""
    name: str
    """What it is called in messages and in the landing zone, the same on every machine."""
    start: datetime
    end: datetime
    """Interval that the file belongs to: instants in UTC."""


@dataclass(frozen=True)
class MissingFile:
    """A file that the pattern asks for and the source does not have."""

    entry: int
    url: str
    start: datetime
    end: datetime


def find(
    source: Source, start: datetime, end: datetime, settings: Settings
) -> tuple[list[FoundFile], list[MissingFile]]:
    """Find the files of an interval.

    A pattern that names ``{start}`` alone is asked once per hour, day, month or year that the interval
    touches, whichever its finest field is, and each file belongs to its own hour, day, month or year: a range
    taken in one go lands exactly what its days land one by one. A pattern that also names ``{end}``, or
    neither, is asked once for the interval as given.

    Args:
        source: the registered source.
        start: first instant (aware).
        end: instant after the last (aware).
        settings: fills the ``${VARIABLES}`` of paths.

    Returns:
        The files in the order of the entries, each entry's by interval and name, and what is missing.

    Raises:
        SourceError: the interval is empty or naive, or a path cannot be expanded.
    """
    if start.tzinfo is None or end.tzinfo is None or start >= end:
        raise SourceError(
            f"source {source.name}: {start} to {end} is no interval; give aware instants, start first"
        )
    found: list[FoundFile] = []
    missing: list[MissingFile] = []
    for number, entry in enumerate(source.config.files):
        path, named = source.expand(entry.path, settings)
        seen: set[str] = set()
        for piece_start, piece_end in _pieces(entry, start, end, source.zone):
            url = _fill(path, piece_start, piece_end, source.zone)
            if url in seen:
                continue
            seen.add(url)
            name = _fill(named, piece_start, piece_end, source.zone)
            here = list(_existing(url, name))
            found += [FoundFile(number, place, label, piece_start, piece_end) for place, label in here]
            if not here:
                missing.append(MissingFile(number, url, piece_start, piece_end))
    return found, missing


def _pieces(
    entry: FileEntry, start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """Cut the interval into the periods that the pattern distinguishes."""
    fields = _INTERVAL.findall(entry.path)
    formats = "".join(form or _DEFAULT_FORMAT for _, form in fields)
    letters = set(re.findall(r"%-?([A-Za-z])", formats))
    unit = next((unit for unit, own in _UNITS if letters & set(own)), None)
    if unit is None or letters & set(_NO_UNIT) or any(bound == "end" for bound, _ in fields):
        yield start.astimezone(UTC), end.astimezone(UTC)
        return
    piece = _floor(start, unit, zone)
    while piece < end:
        after = _after(piece, unit, zone)
        yield piece, after
        piece = after


def _floor(instant: datetime, unit: str, zone: ZoneInfo) -> datetime:
    """Return the first instant of the local hour, day, month or year."""
    local = instant.astimezone(zone)
    if unit == "hour":
        # Counted back on the clock's own hour, so that both passes of an ambiguous hour keep their instant.
        past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return instant.astimezone(UTC) - past
    first = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "month":
        first = first.replace(day=1)
    if unit == "year":
        first = first.replace(month=1, day=1)
    return first.astimezone(UTC)


def _after(piece: datetime, unit: str, zone: ZoneInfo) -> datetime:
    """Return the first instant of the next local hour, day, month or year."""
    if unit == "hour":
        return piece + timedelta(hours=1)
    beyond = {"day": 1, "month": 31, "year": 366}[unit]
    local = piece.astimezone(zone)
    return _floor(local.replace(hour=12) + timedelta(days=beyond), unit, zone)


def _fill(path: str, start: datetime, end: datetime, zone: ZoneInfo) -> str:
    bounds = {"start": start.astimezone(zone), "end": end.astimezone(zone)}
    return _INTERVAL.sub(lambda match: bounds[match[1]].strftime(match[2] or _DEFAULT_FORMAT), path)


def _existing(url: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the place and name of each file that a path or glob stands for, by name."""
    filesystem, place = fsspec.url_to_fs(url)
    if not _GLOB.search(url):
        if filesystem.isfile(place):
            yield url, name
        return
    fixed = re.split(r"[*?\[]", place, maxsplit=1)[0].rpartition("/")[0]
    named = re.split(r"[*?\[]", name, maxsplit=1)[0].rpartition("/")[0]
    for match in sorted(filesystem.glob(place)):
        if filesystem.isfile(match):
            label = match.removeprefix(fixed).lstrip("/")
            yield filesystem.unstrip_protocol(match), f"{named}/{label}" if named else label
