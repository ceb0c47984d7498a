"""What a night's new records cost, beside a full match, and whether both come to the same customers.

``python -m benchmarks.identity_incremental --base 1000000 --new 10000 --json``
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa

from benchmarks.person_warehouse import bring, customers, open_shop, persons
from benchmarks.scratch import scratch_warehouse
from include.identity import match

SMALL_BASE = 100_000
"""Base beside which the increment is measured again."""


def measure(base: int, new: int, seed: int) -> dict[str, float | int]:
    """Match a base, then an increment, then everything anew, in a warehouse of its own."""
    table = persons(base + new, seed)
    with scratch_warehouse() as settings:
        open_shop(settings)
        bring(settings, table.slice(0, base), "base")
        full_s = _timed(lambda: match(settings))
        before = customers(settings)
        bring(settings, table.slice(base), "new")
        increment_s = _timed(lambda: match(settings))
        after = customers(settings)
        match(settings, mode="full")
        whole = customers(settings)
    duck = duckdb.connect()
    for name, content in (("before", before), ("after", after), ("whole", whole)):
        duck.register(name, content)
    duck.register("fresh", pa.table({"record_id": table["record_id"].slice(base)}))
    return {
        "base": base,
        "new": new,
        "full_s": round(full_s, 2),
        "increment_s": round(increment_s, 2),
        "new_pair_jaccard": round(_jaccard(duck), 6),
        "ids_changed": _ids_changed(duck),
    }


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _jaccard(duck: duckdb.DuckDBPyConnection) -> float:
    """Pairs with a new record that both partitions join, of those that either joins."""
    pairs = (
        "select least(a.record_id, b.record_id) as l, greatest(a.record_id, b.record_id) as r from {0} as a"
        " inner join {0} as b on a.customer_id = b.customer_id and a.record_id <> b.record_id"
        " inner join fresh on fresh.record_id = a.record_id group by all"
    )
    both, either = duck.sql(
        f"with x as ({pairs.format('after')}), y as ({pairs.format('whole')})"
        " select (select count(*) from (select * from x intersect select * from y)),"
        " (select count(*) from (select * from x union select * from y))"
    ).fetchall()[0]
    return both / either if either else 1.0


def _ids_changed(duck: duckdb.DuckDBPyConnection) -> int:
    """Standing records of customers that neither won nor lost a record, but have another id than before."""
    (changed,) = duck.sql("""
        with was as (
            select record_id, customer_id, list(record_id) over (partition by customer_id order by record_id
                rows between unbounded preceding and unbounded following) as members
            from before
        ),
        is_now as (
            select record_id, customer_id, list(record_id) over (partition by customer_id order by record_id
                rows between unbounded preceding and unbounded following) as members
            from after
        )
        select count(*) from was inner join is_now using (record_id)
        where was.members = is_now.members and was.customer_id <> is_now.customer_id
    """).fetchall()[0]
    return int(changed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identity_incremental", description=__doc__)
    parser.add_argument("--base", type=int, default=1_000_000, help="standing records")
    parser.add_argument("--new", type=int, default=10_000, help="records that come")
    parser.add_argument("--seed", type=int, default=1, help="of the made-up persons")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    given = parser.parse_args(arguments)
    small = measure(min(SMALL_BASE, given.base), given.new, given.seed)
    figures = measure(given.base, given.new, given.seed)
    figures["increment_100k_s"] = small["increment_s"]
    figures["ratio_1m_to_100k"] = round(figures["increment_s"] / small["increment_s"], 3)
    print(json.dumps(figures) if given.json else "\n".join(f"{k:20}{v}" for k, v in figures.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
