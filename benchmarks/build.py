"""What the layers cost: a full dbt build against one hand-written statement with the same results.

``python -m benchmarks.build --orders 1000000 --clicks 10000000 --json`` loads a shop's history, builds all
marts anew without tests, runs ``benchmarks/plain.sql`` on the same analysed tables with the same server
settings, and compares ``kol_roi`` and ``daily_aggregates`` cell by cell.
"""

import argparse
import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.history import Shop
from benchmarks.scratch import scratch_warehouse
from include.settings import Settings
from include.transform import build
from include.warehouse import Warehouse, connect

PLAIN_SQL = Path(__file__).with_name("plain.sql")
DAYS = 100
MARTS = {"kol_roi": ("kol_id",), "daily_aggregates": ("day", "channel", "campaign_id")}

Cells = dict[tuple[Any, ...], dict[str, Any]]


def plain(warehouse: Warehouse) -> tuple[float, dict[str, Cells]]:
    """Run the hand-written statement; return its seconds and its rows by mart and key."""
    statement = PLAIN_SQL.read_text()
    started = time.monotonic()
    rows = warehouse.rows(statement)
    seconds = time.monotonic() - started
    found: dict[str, Cells] = {mart: {} for mart in MARTS}
    for mart, row in rows:
        found[mart][tuple(row[name] for name in MARTS[mart])] = row
    return seconds, found


def differences(warehouse: Warehouse, expected: dict[str, Cells]) -> list[str]:
    """Return every cell in which a mart differs from the hand-written statement's rows."""
    wrong = []
    for mart, key in MARTS.items():
        source = "activity_date as day, *" if mart == "daily_aggregates" else "*"
        rows = [
            row for (row,) in warehouse.rows(f"select to_jsonb(m) from (select {source} from marts.{mart}) m")
        ]
        actual = {tuple(row[name] for name in key): row for row in rows}
        if set(actual) != set(expected[mart]):
            wrong.append(f"{mart}: keys differ: {sorted(map(str, set(actual) ^ set(expected[mart])))[:5]}")
        for place in set(actual) & set(expected[mart]):
            for column, value in expected[mart][place].items():
                if not _equal(value, actual[place][column]):
                    wrong.append(
                        f"{mart} {place} {column}: {value} by hand, {actual[place][column]} in the mart"
                    )
    return wrong


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    if one is None or other is None:
        return (one or 0) == 0 and (other or 0) == 0
    return Decimal(str(one)) == Decimal(str(other))


def measure(settings: Settings, orders: int, clicks: int) -> dict[str, Any]:
    """Load the history, time both ways and compare what they give."""
    Shop(orders // DAYS, clicks // DAYS).load(settings, 0, DAYS)
    with connect("admin", settings) as warehouse:
        warehouse.execute("vacuum (analyze)")
    build(settings, with_tests=False, select=["currencies"])  # imports and parse
    started = time.monotonic()
    build(settings, with_tests=False, full_refresh=True)
    build_s = time.monotonic() - started
    with connect("transformer", settings) as warehouse:
        plain_s, expected = plain(warehouse)
        wrong = differences(warehouse, expected)
    for cell in wrong[:20]:
        print(cell)
    return {
        "build_s": round(build_s, 2),
        "plain_sql_s": round(plain_s, 2),
        "ratio": round(build_s / plain_s, 3),
        "identical": not wrong,
    }


def main() -> None:
    """Measure and print one JSON object last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--clicks", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args()
    with scratch_warehouse() as settings:
        figures = measure(settings, options.orders, options.clicks)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:14} {value}")


if __name__ == "__main__":
    main()
