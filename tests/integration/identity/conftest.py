"""The shop's warehouse, new for each module of tests."""

from collections.abc import Iterator

import pytest

from benchmarks.scratch import scratch_warehouse
from include.settings import Settings
from tests.integration.identity.shop import DAY, bring, rows


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with scratch_warehouse() as made:
        tenant = {
            "name": "Acme", "country_code": "US", "time_zone": "UTC", "reporting_currency": "USD",
            "vat_rate": "0.1", "gross_margin": "0.5", "attribution_window_hours": 720,
            "churn_window_days": 90, "updated_at": DAY.isoformat(),
        }  # fmt: skip
        bring(made, "tenants", [tenant])
        bring(made, "customers", rows(0, 1_000))
        yield made
