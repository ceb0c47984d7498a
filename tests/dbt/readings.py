"""What the tests of marts share: landing more, reading the marts, holding them against the same made anew."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from include.settings import Settings
from include.transform import build
from include.warehouse import connect, fingerprint
from tests.dbt import scenario
from tests.oracle.rows import Row


def told(settings: Settings, start: date, end: date, **feeds: Sequence[Row]) -> None:
    """Land rows by feed as one interval and build with all tests."""
    scenario.load(settings, feeds, start, end)
    build(settings)


def rows(settings: Settings, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return what a query finds as the transformer."""
    with connect("transformer", settings) as warehouse:
        return warehouse.rows(query, list(values))


def fingerprints(settings: Settings, marts: Sequence[str]) -> dict[str, Any]:
    """Return what some marts hold, as a count and a hash for each."""
    with connect("transformer", settings) as warehouse:
        found = fingerprint(warehouse, "marts")
    return {mart: found[mart] for mart in marts}


def same_made_anew(settings: Settings, marts: Sequence[str]) -> None:
    """Make everything anew; some marts must hold what they held."""
    before = fingerprints(settings, marts)
    build(settings, full_refresh=True, with_tests=False)
    assert fingerprints(settings, marts) == before
