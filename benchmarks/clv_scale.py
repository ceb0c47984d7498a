"""How long a million customers take: to train on, and to forecast twelve months of, warehouse included."""

import argparse
import json
import logging
import resource
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd

from benchmarks.scratch import scratch_warehouse
from include.clv.nightly import forecast
from include.clv.train import train
from include.feeds.load import csv_stream
from include.settings import Settings
from include.warehouse import connect

LAST = date(2026, 6, 30)
DAYS = 3 * 365
ORDERS_A_DAY = 1 / 60
LIFETIME = 200.0
TRIED_SERIES = 20
CHUNK = 250_000
TABLES = """
    create table intermediate.int_tenants__published (
        tenant_id text, country_code text, reporting_currency text, as_of_date date
    );
    create table intermediate.int_orders__events (
        tenant_id text, customer_id text, event_date date, event_type text, channel text,
        reporting_net_amount numeric(20, 4)
    );
    create table intermediate.int_products__purchases (
        tenant_id text, customer_id text, product_id text, first_bought_date date
    );
    create table intermediate.int_products__catalogue (tenant_id text, product_id text, category text);
"""


def events(customers: int) -> Iterator[pd.DataFrame]:
    """Yield events of customers who come over three years, buy at rates of their own, and leave."""
    rng = np.random.default_rng(7)
    first = np.datetime64(LAST) - DAYS + 1
    for start in range(0, customers, CHUNK):
        count = min(CHUNK, customers - start)
        begins = rng.integers(0, DAYS, count)
        active = np.minimum(DAYS - begins, np.maximum(rng.exponential(LIFETIME, count), 1))
        repeats = rng.poisson(rng.gamma(1.0, ORDERS_A_DAY, count) * active)
        who = np.concatenate([np.arange(count), np.repeat(np.arange(count), repeats)])
        later = np.repeat(begins, repeats) + rng.random(repeats.sum()) * np.repeat(active, repeats)
        days = np.concatenate([begins, later]).astype(np.int64)
        worth = rng.lognormal(3.5, 0.5, count)[who] * rng.lognormal(0, 0.4, len(who))
        back = rng.random(len(who)) < 0.04
        yield pd.DataFrame(
            {
                "customer": np.concatenate([who, who[back]]) + start,
                "day": first + np.concatenate([days, np.minimum(days[back] + 3, DAYS - 1)]),
                "kind": np.repeat(["completion", "refund"], [len(who), back.sum()]),
                "amount": np.round(np.concatenate([worth, -worth[back]]), 2),
            }
        )


def fill(settings: Settings, customers: int) -> int:
    """Put the events into a warehouse as the models between staging and marts have them; return how many."""
    duck, rows = duckdb.connect(), 0
    with connect("transformer", settings) as warehouse:
        warehouse.execute(TABLES)
        warehouse.execute(
            "insert into intermediate.int_tenants__published values ('acme', 'VN', 'USD', %s)", [LAST]
        )
        for table in events(customers):
            duck.register("made", table)
            select = (
                "select 'acme', 'shop:' || customer, cast(day as date), kind,"
                " case customer % 4 when 0 then 'store' when 1 then 'kol' else 'direct' end, amount from made"
            )
            columns = (
                "tenant_id", "customer_id", "event_date", "event_type", "channel", "reporting_net_amount",
            )  # fmt: skip
            rows += warehouse.bulk_load("intermediate.int_orders__events", columns, csv_stream(duck, select))
        warehouse.execute("analyze intermediate.int_orders__events")
    return rows


def prophet_each() -> float:
    """Return the seconds that Prophet takes for the monthly series of one customer."""
    for name in ("prophet", "cmdstanpy", "prophet.plot"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    from prophet import Prophet

    rng = np.random.default_rng(1)
    months = pd.date_range(LAST - timedelta(days=DAYS), periods=36, freq="MS")
    begun = 0.0
    for number in range(TRIED_SERIES + 1):
        if number == 1:  # the first one also loads Stan
            begun = time.perf_counter()
        told = pd.DataFrame({"ds": months, "y": rng.poisson(0.4, 36) * 30.0})
        model = Prophet(weekly_seasonality=False, daily_seasonality=False, uncertainty_samples=0)
        model.fit(told).predict(model.make_future_dataframe(12, freq="MS"))
    return (time.perf_counter() - begun) / TRIED_SERIES


def main() -> int:
    """Measure training and scoring in one process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    logging.disable(logging.INFO)
    with scratch_warehouse() as settings:
        rows = fill(settings, told.customers)
        begun = time.perf_counter()
        trained = train(settings)
        train_s = time.perf_counter() - begun
        print(*trained, sep="\n", file=sys.stderr, flush=True)
        begun = time.perf_counter()
        done = forecast(settings)
        score_s = time.perf_counter() - begun
        print(*done, sep="\n", file=sys.stderr, flush=True)
    figures = {
        "customers": done[0].customers,
        "events": rows,
        "train_s": round(train_s, 1),
        "score_s": round(score_s, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "prophet_per_customer_s": round(prophet_each() * told.customers, 0),
    }
    print(json.dumps(figures) if told.json else "\n".join(f"{k:<24} {v}" for k, v in figures.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
