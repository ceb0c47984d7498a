"""The loader judges the rules of contracts in DuckDB; the gates must be able to judge them too."""

import pytest

from include.settings import Settings
from include.warehouse import connect, load_contracts


@pytest.mark.parametrize("feed", sorted(name for name, each in load_contracts().items() if each.rules))
def test_the_warehouse_can_judge_every_rule(warehouse_settings: Settings, feed: str) -> None:
    with connect("loader", warehouse_settings) as warehouse:
        for rule in load_contracts()[feed].rules:
            # The gates' queries are templates, in which braces are places to fill.
            assert "{" not in rule.check
            assert warehouse.rows(f"select 1 from raw.{feed} where not ({rule.check})") == []
