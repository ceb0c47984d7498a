"""Reconciliation against the truth, and its cost.

Simulated shops plant breaks of every kind between orders, gateways, couriers, stores and the bank, and note
them. Each must be found with its state, and nothing else be flagged. What the books leave open is no mistake
if it is called ambiguous: there is a rival of the same sender and currency, of about the same amount and
time, that is not in the same state; or payments that no report settles add up to a line in several ways.

``python -m benchmarks.reconcile --shops --seeds 20 --first-seed 1000 --json``

A night over a whole history, from the warehouse to the warehouse, and the night after one more day:

``python -m benchmarks.reconcile --orders 1000000 --json``
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.history import Shop
from benchmarks.matchers import peak_mb
from benchmarks.scratch import scratch_warehouse
from include.demo.truth import newest
from include.demo.world import World, simulate
from include.finance.reconciliation.nightly import reconcile_all
from include.finance.reconciliation.reconcile import Reconciled, reconcile
from include.finance.reconciliation.rules import Rules
from include.settings import Settings
from include.transform import build
from include.warehouse import connect

FEEDS = ("tenants", "orders", "refunds", "payments", "remittances", "pos_sales", "bank_lines")
NEAR_DAYS, NEAR_SHARE = 7, 0.06

_ORDERS = """
select source, order_id, payment_method, currency, gross_amount, paid_at,
    source || ':' || source_customer_id as customer_key,
    not is_test and (cancelled_at is null or cancelled_at >= paid_at) as is_completed
from orders where tenant_id = $tenant and paid_at is not null and gross_amount > 0
"""
_REFUNDS = """
select source, refund_id, order_id, currency, amount, refunded_at from refunds
where tenant_id = $tenant and status = 'succeeded'
"""
_OTHERS = {
    "payments": "payments",
    "remittances": "remittances",
    "sales": "pos_sales",
    "bank_lines": "bank_lines",
}

Record = tuple[str, str]


def facts_of(world: World, tenant: str) -> dict[str, pa.Table]:
    """Return what the systems of a tenant show in the end, as reconciliation takes it."""
    with duckdb.connect() as duck:
        duck.execute("set TimeZone = 'UTC'")
        for feed in FEEDS:
            duck.register(feed, newest(world.feed(feed), feed))
        read = {"orders": _ORDERS, "refunds": _REFUNDS}
        read |= {name: f"select * from {feed} where tenant_id = $tenant" for name, feed in _OTHERS.items()}
        return {name: duck.sql(sql, params={"tenant": tenant}).to_arrow_table() for name, sql in read.items()}


def found_states(result: Reconciled) -> dict[Record, str]:
    """Return the state of each record by side and key, named as the truth names them."""
    found = {("order", row["order_id"]): row["state"] for row in result.orders.to_pylist()}
    for row in result.receipts.to_pylist():
        found[row["side"], row["receipt_id"]] = row["state"]
        if row["side"] == "payment" and row["state"] != "void":
            found["settlement", row["receipt_id"]] = row["bank_state"]
    found |= {("refund", row["refund_id"]): row["state"] for row in result.refunds.to_pylist()}
    for row in result.payouts.to_pylist():
        name = f"{row['source']}:{row['payout_id']}" if row["kind"] == "takings" else row["payout_id"]
        found["payout", name] = row["state"]
    found |= {("bank_line", row["line_id"]): row["state"] for row in result.lines.to_pylist()}
    return found


def true_states(world: World, tenant: str) -> tuple[dict[Record, str], dict[Record, Record]]:
    """Return the planted state of each record, and the payout that each record hangs on."""
    duck = duckdb.connect()
    for name in ("reconciliation", "payouts", "payout_members"):
        duck.register(name, world.truth[name])

    def rows(sql: str) -> list[Any]:
        return duck.execute(sql, {"tenant": tenant}).fetchall()

    true: dict[Record, str] = {}
    hangs: dict[Record, Record] = {}
    reported = dict(rows("select payout_id, is_reported from payouts where tenant_id = $tenant"))
    for side, key, state, owner in rows(
        "select side, key, state, belongs_to from reconciliation where tenant_id = $tenant"
    ):
        if side == "payout" and not reported[key]:
            continue
        true[side, key] = state
        if side in ("payout", "bank_line"):
            hangs[side, key] = ("payout", owner)
    for payment, payout, state in rows(
        "select payment_id, payout_id, state from payout_members join payouts using (tenant_id, payout_id)"
        " where tenant_id = $tenant"
    ):
        true["settlement", payment] = state
        hangs["settlement", payment] = ("payout", payout)
    for order, state in rows(
        "select payout_id, state from payouts where tenant_id = $tenant and kind = 'transfer'"
    ):
        true["order", order] = state
        hangs["order", order] = ("payout", order)
    return true, hangs


class Rivals:
    """Which payouts the bank could not tell from others in another state."""

    def __init__(self, payouts: Sequence[Mapping[str, Any]]) -> None:
        self.of = {row["payout_id"]: row for row in payouts}
        self.groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
        for row in payouts:
            self.groups[row["sender"], row["currency"]].append(row)

    def has(self, payout: str | None) -> bool:
        """Tell whether another payout that looks alike is not in the same state."""
        if payout is None or payout not in self.of:
            return False
        own = self.of[payout]
        return any(
            other["payout_id"] != payout
            and {own["state"], other["state"]} != {"matched"}
            and abs((other["booked_on"] - own["booked_on"]).days) <= NEAR_DAYS
            and abs(other["net_minor"] - own["net_minor"]) <= NEAR_SHARE * abs(own["net_minor"])
            for other in self.groups[own["sender"], own["currency"]]
        )


class LostReports:
    """Which payments without a report could be in a line of the bank or not, by their amounts alone."""

    def __init__(self, world: World, facts: Mapping[str, pa.Table], tenant: str, zone: str) -> None:
        duck = duckdb.connect()
        duck.execute("set TimeZone = 'UTC'")
        duck.register("payments", facts["payments"])
        for name in ("payouts", "payout_members"):
            duck.register(name, world.truth[name])
        rows = duck.execute(
            "select payments.source, payments.currency, cast(timezone($zone, occurred_at) as date),"
            " payment_id,"
            " cast(if(payment_type = 'charge', amount - coalesce(fee_amount, 0), -amount) * 10000 as bigint),"
            " payouts.payout_id, payouts.state = 'matched'"
            " from payments join payout_members as members using (payment_id)"
            " join payouts on payouts.tenant_id = $tenant and payouts.payout_id = members.payout_id"
            " where members.tenant_id = $tenant and payments.payout_id is null and status = 'succeeded'",
            {"tenant": tenant, "zone": zone},
        ).fetchall()
        self.days: dict[str, tuple[Any, ...]] = {}
        self.amounts: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
        self.lines: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
        for *day, payment, net, payout, came in rows:
            self.days[payment] = tuple(day)
            self.amounts[tuple(day)][payment] = net
            if came:
                self.lines[tuple(day)][payout] += net

    def leave_open(self, payment: str, *, in_line: bool) -> bool:
        """Tell whether some line of the payment's day also adds up the other way: without it, or with it."""
        if payment not in self.days:
            return False
        day = self.days[payment]
        lines = self.lines[day].values()
        return adds_up_otherwise(self.amounts[day], payment, lines, in_line=in_line)


def adds_up_otherwise(
    amounts: Mapping[str, int], payment: str, lines: Iterable[int], *, in_line: bool
) -> bool:
    """Tell whether some amounts add up to a line without the payment's or, if it is in none, with it."""
    others = [net for name, net in amounts.items() if name != payment]
    own = 0 if in_line else amounts[payment]
    half = len(others) // 2
    first, second = _sums(others[:half]), _sums(others[half:])
    return any(np.isin(line - own - first, second).any() for line in lines)


def _sums(amounts: Sequence[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return what every subset of some amounts adds up to."""
    sums = np.zeros(1, dtype=np.int64)
    for amount in amounts:
        sums = np.concatenate([sums, sums + amount])
    return sums


def nameless(facts: Mapping[str, pa.Table], true: Mapping[Record, str]) -> set[Record]:
    """Return orders and payments that amount and time connect, where one of the orders has no payment."""
    duck = duckdb.connect()
    duck.register("orders", facts["orders"])
    duck.register("payments", facts["payments"])
    pairs = duck.sql(
        "select o.order_id, p.payment_id from payments p join orders o on o.currency = p.currency"
        " and o.gross_amount = p.amount and abs(epoch(o.paid_at) - epoch(p.occurred_at)) <= 3600"
        " where p.order_id is null and p.status = 'succeeded' and p.payment_type = 'charge'"
    ).fetchall()
    of_payment: dict[str, list[str]] = defaultdict(list)
    for order, payment in pairs:
        of_payment[payment].append(order)
    unpaid = [
        p
        for p, orders in of_payment.items()
        if any(true.get(("order", o)) == "missing_in_gateway" for o in orders)
    ]
    return {("payment", p) for p in unpaid} | {("order", o) for p in unpaid for o in of_payment[p]}


def untied(facts: Mapping[str, pa.Table], result: Reconciled) -> int:
    """Return how many totals by side and currency are not those of the raw rows."""
    wrong = 0
    sides = (
        ("payments", "amount", [r for r in result.receipts.to_pylist() if r["side"] == "payment"]),
        (
            "remittances",
            "collected_amount",
            [r for r in result.receipts.to_pylist() if r["side"] == "remittance"],
        ),
        ("bank_lines", "amount", result.lines.to_pylist()),
        ("orders", "gross_amount", result.orders.to_pylist()),
    )
    for name, column, rows in sides:
        raw, told = Counter[str](), Counter[str]()
        for row in facts[name].to_pylist():
            if row.get("is_completed", True):
                raw[row["currency"]] += row[column]
        for row in rows:
            told[row["currency"]] += row["gross_amount" if name == "orders" else "amount"]
        wrong += sum(raw[currency] != told[currency] for currency in raw | told)
    return wrong


def judge(world: World) -> tuple[Counter[str], list[str]]:
    """Reconcile every tenant of a world and count what was planted, missed and wrongly said."""
    counts: Counter[str] = Counter(
        planted=0, missed=0, wrongly_flagged=0, wrong_state=0, untied_totals=0, ambiguous=0
    )
    told: list[str] = []
    for tenant in world.tenants:
        facts = facts_of(world, tenant.tenant_id)
        result = reconcile(facts, Rules(), as_of=world.last_day, zone=tenant.zone)
        counts["untied_totals"] += untied(facts, result)
        found, (true, hangs) = found_states(result), true_states(world, tenant.tenant_id)
        open_pairs = nameless(facts, true)
        lost = LostReports(world, facts, tenant.tenant_id, tenant.zone)
        rivals = Rivals([r for r in world.truth["payouts"].to_pylist() if r["tenant_id"] == tenant.tenant_id])
        for record, state in sorted(true.items()):
            said = found.get(record)
            if said is None and record[0] == "order":
                continue  # not a completed order
            counts["records"] += 1
            counts["planted"] += state != "matched"
            if said == state or (said == "void" and state == "matched"):
                continue
            if said == "ambiguous" and (
                record in open_pairs
                or rivals.has(hangs.get(record, ("", ""))[1])
                or (record[0] == "settlement" and lost.leave_open(record[1], in_line=state == "matched"))
            ):
                counts["ambiguous"] += 1
                continue
            what = (
                "missed"
                if said in (None, "matched")
                else "wrongly_flagged"
                if state == "matched"
                else "wrong_state"
            )
            counts[what] += 1
            told.append(f"{tenant.tenant_id} {' '.join(record)}: {said}, truly {state}")
    return counts, told


def measure(orders: int, days: int = 100) -> dict[str, Any]:
    """Time the first night over a history and the night after one more day."""
    shop = Shop(orders // days, 2 * orders // days, settles=True)
    with scratch_warehouse() as settings:
        shop.load(settings, 0, days)
        build(settings, with_tests=False)
        first_s, first, peak = _night(settings)
        shop.load(settings, days, days + 1)
        build(settings, with_tests=False)
        next_s, following, _ = _night(settings)
        with connect("transformer", settings) as warehouse:
            counts = {
                name: int(warehouse.value(f"select count(*) from finance.{table}"))
                for name, table in (("payments", "receipt_states"), ("bank_lines", "line_states"))
            }
    return {
        "orders": orders,
        **counts,
        "first_night_s": first_s,
        "first_night_records": first,
        "next_night_s": next_s,
        "next_night_records": following,
        "peak_mb": peak,
    }


def _night(settings: Settings) -> tuple[float, int, int]:
    """Reconcile in a process of its own; return seconds, records looked at and peak memory (MB)."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_reconcile, settings).result()


def _reconcile(settings: Settings) -> tuple[float, int, int]:
    started = time.monotonic()
    nights = reconcile_all(settings)
    return round(time.monotonic() - started, 2), sum(night.looked_at for night in nights), peak_mb()


def main() -> int:
    """Run the benchmark; 1 when anything planted was missed or wrongly said."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reconcile", description=__doc__)
    parser.add_argument("--shops", action="store_true", help="simulated shops against their truth (default)")
    parser.add_argument("--orders", type=int, help="time nights over a history of so many orders instead")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.orders:
        return _tell(measure(given.orders), as_json=given.json)
    total: Counter[str] = Counter()
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        world = simulate(seed, scale=given.scale, clicks_per_order=0, only=FEEDS)
        counts, told = judge(world)
        total += Counter(counts)
        print(f"seed {seed}: {dict(counts)}", *told[:20], sep="\n  ", file=sys.stderr)
    names = ("records", "planted", "missed", "wrongly_flagged", "wrong_state", "untied_totals", "ambiguous")
    figures = {"seeds": given.seeds} | {name: total[name] for name in names}
    _tell(figures, as_json=given.json)
    return 1 if any(figures[name] for name in names[2:6]) else 0


def _tell(figures: Mapping[str, Any], *, as_json: bool) -> int:
    lines = (f"{name:<20} {value}" for name, value in figures.items())
    print(json.dumps(figures) if as_json else "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
