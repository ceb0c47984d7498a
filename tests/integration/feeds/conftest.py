"""A database of its own for the tests of the loader, with the feeds of the small universe."""

from pathlib import Path

import pytest

from include.settings import Settings
from include.warehouse import prepare
from tests.integration.feeds.universe import CONTRACTS, empty


@pytest.fixture(scope="session")
def universe_settings(warehouse_settings: Settings) -> Settings:
    settings = warehouse_settings.model_copy(update={"warehouse_database": "sokol_universe"})
    prepare(settings.model_copy(update={"warehouse_database": "sokol_universe_prepared"}), CONTRACTS)
    empty(settings)
    return settings


@pytest.fixture
def universe(universe_settings: Settings, tmp_path: Path) -> Settings:
    """Give an empty universe with a landing zone of its own."""
    empty(universe_settings)
    return universe_settings.model_copy(update={"landing_url": str(tmp_path / "landing")})
