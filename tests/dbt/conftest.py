"""What the dbt suite shares: two shops in a database of their own, built once, and the tests' SQL."""

from typing import Any

import pytest

from include.finance.reconciliation.nightly import reconcile_all
from include.settings import Settings
from tests.dbt import scenario
from tests.dbt.dbt_runs import results_of


@pytest.fixture(scope="session")
def shops(warehouse_settings: Settings) -> Settings:
    """Give a warehouse with both shops, built from nothing with every data test passing, and reconciled."""
    settings = scenario.in_own_database(warehouse_settings, "dbt_shops")
    scenario.load_and_build(settings)
    reconcile_all(settings)
    return settings


@pytest.fixture(scope="session")
def data_tests(shops: Settings) -> dict[str, Any]:
    """Give the result of each data test by its name; each has the SQL that was run."""
    results = results_of(shops, "test", "--select", "test_type:data")
    return {name: result for name, result in results.items() if result.node.resource_type == "test"}
