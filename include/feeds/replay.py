"""Replay: make ``raw`` and ``ops`` again from what lies in the landing zone."""

import random
from collections.abc import Callable, Mapping
from typing import Literal

from include.feeds.landing import LandedFile, manifests
from include.feeds.load import LoadResult, in_order, load_landed, register_file
from include.settings import Settings, get_settings
from include.warehouse.contracts import Contract, load_contracts
from include.warehouse.postgres import Warehouse

Order = Literal["landing", "random"]


def replay(
    warehouse: Warehouse,
    *,
    settings: Settings | None = None,
    contracts: Mapping[str, Contract] | None = None,
    order: Order = "landing",
    seed: int = 0,
    tell: Callable[[LandedFile, list[LoadResult]], None] | None = None,
) -> list[LoadResult]:
    """Register every landed file and load it into all its feeds; what stands already is skipped.

    Args:
        warehouse: a connection as the loader, to a prepared warehouse.
        settings: where the landing zone and the mappings are.
        contracts: the contracts; the project's when left out.
        order: by landing sequence, or random to show that the order does not matter; books come first, in the
            order in which they were landed.
        seed: of the random order.
        tell: called after each file.

    Returns:
        A result per file and feed.
    """
    settings = settings or get_settings()
    landed_files = sorted(manifests(settings), key=lambda m: (m.landing_seq, m.path))
    for landed in landed_files:
        register_file(warehouse, landed)
    if order == "random":
        random.Random(seed).shuffle(landed_files)
    results: list[LoadResult] = []
    for landed in in_order(landed_files, load_contracts() if contracts is None else contracts):
        loaded = load_landed(warehouse, landed, settings=settings, contracts=contracts)
        results += loaded
        if tell:
            tell(landed, loaded)
    return results
