"""What a new day costs: the same day loaded and built onto a short and onto a long history.

``python -m benchmarks.incremental --json`` measures, on each history, a run with nothing new and the run of
one day of 10,000 orders and 100,000 clicks (load and build, tests included), and prints how the day's own
cost and the idle cost grow with the history.
"""

import argparse
import json
import statistics
import time

from benchmarks.history import Shop
from benchmarks.scratch import scratch_warehouse
from include.settings import Settings
from include.transform import build


def measure(shop: Shop, history_days: int, repeats: int = 3) -> tuple[float, float]:
    """Return seconds of (a new day, nothing new) on so many days, each the median of ``repeats``."""
    with scratch_warehouse() as settings:
        shop.load(settings, 0, history_days)
        build(settings, with_tests=False)
        _run(settings)  # the first run after a full build plans and warms what all later ones share
        idle, day = [], []
        for repeat in range(repeats):
            idle.append(_run(settings))
            started = time.monotonic()
            shop.load(settings, history_days + repeat, history_days + repeat + 1)
            _run(settings)
            day.append(time.monotonic() - started)
    return statistics.median(day), statistics.median(idle)


def _run(settings: Settings) -> float:
    started = time.monotonic()
    build(settings)
    return time.monotonic() - started


def main() -> None:
    """Measure both histories and print one JSON object last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000, help="orders of a day")
    parser.add_argument("--clicks", type=int, default=100_000, help="clicks of a day")
    parser.add_argument("--short", type=int, default=30, help="days of the short history")
    parser.add_argument("--long", type=int, default=365, help="days of the long history")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args()
    shop = Shop(options.orders, options.clicks)
    day_short, idle_short = measure(shop, options.short)
    day_long, idle_long = measure(shop, options.long)
    figures = {
        f"day_on_{options.short}_s": round(day_short, 2),
        f"day_on_{options.long}_s": round(day_long, 2),
        f"noop_on_{options.short}_s": round(idle_short, 2),
        f"noop_on_{options.long}_s": round(idle_long, 2),
        "ratio": round((day_long - idle_long) / (day_short - idle_short), 3),
        "noop_ratio": round(idle_long / idle_short, 3),
    }
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
