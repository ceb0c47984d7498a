"""How fast and how right a record is resolved online against standing customers.

``python -m benchmarks.resolve --records 1000000 --json``
"""

import argparse
import json
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.person_warehouse import TENANT, bring, customers, open_shop, persons
from benchmarks.scratch import scratch_warehouse
from include.identity import Resolver, match
from include.warehouse import connect

ASKED = (
    "first_name", "last_name", "email", "phone", "birth_date", "street", "city", "postcode", "country",
    "loyalty_card",
)  # fmt: skip


def measure(records: int, calls: int, seed: int) -> dict[str, float | int]:
    """Ask for records that the warehouse does not hold; their persons may stand in it or not."""
    table = persons(records + calls, seed)
    standing, asked = table.slice(0, records), table.slice(records).to_pylist()
    with scratch_warehouse() as settings:
        open_shop(settings)
        bring(settings, standing, "standing")
        match(settings)
        found = customers(settings)
        with connect("loader", settings) as warehouse:
            resolver = Resolver(warehouse)
            answers, seconds = [], []
            for record in asked:
                said = {column: record.get(column) for column in ASKED}
                started = time.perf_counter()
                answers.append(
                    resolver.resolve(TENANT, said, log=False).customer_id if any(said.values()) else None
                )
                seconds.append(time.perf_counter() - started)
    person = dict(zip(standing["record_id"].to_pylist(), standing["person"].to_pylist(), strict=True))
    members: dict[str, list[str]] = {}
    for record_id, customer in zip(
        found["record_id"].to_pylist(), found["customer_id"].to_pylist(), strict=True
    ):
        members.setdefault(customer, []).append(person[record_id])
    of_person: dict[str, int] = {}
    for one in person.values():
        of_person[one] = of_person.get(one, 0) + 1
    joined = [members[answer] if answer else [] for answer in answers]
    right = sum(own.count(record["person"]) for own, record in zip(joined, asked, strict=True))
    told = sum(map(len, joined))
    true = sum(of_person.get(record["person"], 0) for record in asked)
    return {
        "records": records,
        "calls": calls,
        "p50_ms": round(float(np.percentile(seconds, 50)) * 1000, 1),
        "p95_ms": round(float(np.percentile(seconds, 95)) * 1000, 1),
        "pair_precision": round(right / told, 5) if told else 1.0,
        "pair_recall": round(right / true, 5) if true else 1.0,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resolve", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="standing records")
    parser.add_argument("--calls", type=int, default=1_000, help="records that are asked for")
    parser.add_argument("--seed", type=int, default=1, help="of the made-up persons")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    given = parser.parse_args(arguments)
    figures = measure(given.records, given.calls, given.seed)
    print(json.dumps(figures) if given.json else "\n".join(f"{k:20}{v}" for k, v in figures.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
