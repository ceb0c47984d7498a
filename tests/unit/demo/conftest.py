"""One small world for all tests of the simulation."""

import pytest

from include.demo.world import World, simulate

SEED = 11


@pytest.fixture(scope="session")
def small_world() -> World:
    """Give a world of about 750 persons and 30 days."""
    return simulate(SEED, scale=0.03, days=30, clicks_per_order=2)
