"""How good forecasts of customers are: on CDNOW, on any file of transactions, on shops that are known."""

import argparse
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import clv_files
from benchmarks.clv_shops import shops
from include.clv.baselines import naive
from include.clv.evaluate import Metrics, curve_mape, evaluate, normalised_gini, randomised_pit
from include.clv.model import Forecast, Model, Task, cohort_numbers
from include.clv.panel import Orders
from include.clv.periods import Periods
from include.clv.spread import group_sums
from include.demo.world import LAST_DAY

Floats = npt.NDArray[np.float64]

LSTM_SEEDS = 5
SHOP_SCALE = 4.0
"""100,000 persons: of fewer, chance alone would make the sums of a year differ by more than a few percent."""
AHEAD = 12
COVER_BACK = (12, 15, 18)
"""Months before the end from which the coverage of intervals is judged."""


def numbered(day: date) -> int:
    """Return the number of a day."""
    return (day - date(1970, 1, 1)).days


def said_by_all(orders: Orders, end: int, model: Model) -> tuple[Forecast, dict[str, Floats]]:
    """Return the forecast and the table of each model, yardsticks and blend included."""
    forecast = model.forecast(orders, end)
    said = {
        "naive": naive(forecast.samples.panel, model.members.task.periods, model.members.task.ahead),
        **forecast.members,
        "blend": forecast.value,
    }
    return forecast, said


def lstm_said(orders: Orders, model: Model, forecast: Forecast, seed: int = 0) -> Floats:
    """Return what a network says, also of a history that is too short for the blend to listen to it."""
    members = model.members
    task = replace(members.task, seed=seed, learners=("lstm",))
    return replace(members, task=task).taught(orders).forecast(forecast.samples)["lstm"]


def prophet_curve(orders: Orders, end: int, model: Model) -> Floats:
    """Return what Prophet says of all customers together, by period."""
    members = model.members
    season = replace(members.season, kind="tenant", power=1.0)
    samples = replace(members, season=season).samples(orders.until(end), end, members.task.ahead)
    return np.asarray(samples.base.sum(axis=0))


def figures(said: Mapping[str, Floats], prophet: Floats, came: Floats) -> dict[str, float | None]:
    """Return ``<model>_<metric>`` of every model; of Prophet the metrics of sums alone."""
    found: dict[str, float | None] = {}
    for name in ("naive", "rfm", "btyd", "lstm", "gbm", "blend"):
        if name in said:
            found |= _named(name, evaluate(said[name], came))
    total = float(came.sum())
    found["prophet_bias"] = float(prophet.sum()) / total - 1 if total else None
    found["prophet_curve_mape"] = curve_mape(prophet, came.sum(axis=0))
    return found


def _named(name: str, metrics: Metrics) -> dict[str, float | None]:
    return {f"{name}_{metric}": value for metric, value in metrics.__dict__.items()}


def on_file(
    orders: Orders, end: int, horizon: int, learners: tuple[str, ...] = ("gbm", "lstm")
) -> dict[str, Any]:
    """Forecast what comes within so many days after one, and measure it."""
    known = orders.until(end)
    if not len(known):
        raise clv_files.FileError(f"no transaction by {np.datetime64(end, 'D')}")
    periods, ahead = Periods.filling(horizon, end - int(known.day.min()) + 1)
    model = Model.fit(known, end, Task(periods, ahead, learners=learners))
    forecast, said = said_by_all(known, end, model)
    if "lstm" in learners and "lstm" not in said:
        said["lstm"] = lstm_said(known, model, forecast)
    came = forecast.samples.came(orders)
    return {
        "customers": len(forecast.samples),
        "orders": model.orders,
        "periods_ahead": ahead,
        "method": model.method,
        **{f"weight_{name}": weight for name, weight in model.blend.weights.items()},
        **figures(said, prophet_curve(orders, end, model), came),
        "customers_cover": _inside(forecast, came),
    }


def on_cdnow() -> dict[str, Any]:
    """Measure on CDNOW: on the papers' customers, and under ``master_`` on all."""
    orders, ids = clv_files.cdnow()
    found: dict[str, Any] = {}
    sample = clv_files.papers_sample()
    if sample is None:
        print(
            "the list of the papers' customers cannot be downloaded: all customers are used", file=sys.stderr
        )
    for prefix, some in (("", sample), ("master_", None)):
        chosen = clv_files.only(orders, ids, some) if some else orders
        if some is None and prefix and sample is None:
            continue
        found |= {
            prefix + name: value
            for name, value in _cdnow(chosen, seeds=LSTM_SEEDS if not prefix else 1).items()
        }
    return found


def _cdnow(orders: Orders, seeds: int) -> dict[str, Any]:
    end, periods = numbered(clv_files.CALIBRATION_END), Periods("week")
    model = Model.fit(orders, end, Task(periods, clv_files.WEEKS_AHEAD))
    known = orders.until(end)
    forecast, said = said_by_all(known, end, model)
    lstms = [lstm_said(known, model, forecast, seed) for seed in range(seeds)]
    said["lstm"] = lstms[0]
    came = forecast.samples.came(orders)
    pareto = model.members.base.pareto
    found: dict[str, Any] = {
        "customers": len(forecast.samples),
        "method": model.method,
        **{f"weight_{name}": weight for name, weight in model.blend.weights.items()},
        **figures(said, prophet_curve(orders, end, model), came),
        "btyd_r": pareto.r,
        "btyd_alpha_weeks": pareto.alpha / 7,
        "btyd_s": pareto.s,
        "btyd_beta_weeks": pareto.beta / 7,
        "customers_cover": _inside(forecast, came),
    }
    judged = [evaluate(table, came) for table in lstms]
    found["lstm_seeds"] = seeds
    found["lstm_worst_curve_mape"] = max(metrics.curve_mape or 0.0 for metrics in judged)
    found["lstm_worst_spearman"] = min(metrics.spearman or 0.0 for metrics in judged)
    return found


def on_shops(seeds: int, first_seed: int, scale: float) -> dict[str, Any]:
    """Measure on simulated shops; every figure is that of the worst seed."""
    worlds = []
    for seed in range(first_seed, first_seed + seeds):
        worlds.append(_shops(seed, scale))
        print(f"seed {seed}: {json.dumps(_rounded(worlds[-1]))}", file=sys.stderr, flush=True)
    worst: dict[str, Any] = {"seeds": seeds, "scale": scale}
    for name in worlds[0]:
        values = [world[name] for world in worlds]
        if "cover" in name:
            worst[name] = float(np.mean(values))
            worst[f"{name}_worst"] = max(values, key=lambda value: abs(value - 0.8))
        elif name.endswith("_bias"):
            worst[name] = max(values, key=abs)
        else:
            low = name.endswith(("ngini", "spearman", "pearson", "_of_oracle", "customers"))
            worst[name] = min(values) if low else max(values)
    return worst


def _shops(seed: int, scale: float) -> dict[str, Any]:
    """Forecast each shop of one world by itself, and measure their customers together."""
    periods, last = Periods("month"), numbered(LAST_DAY)
    end = periods.shift(last, -AHEAD)
    tables: dict[str, list[Floats]] = {}
    oracle, prophets, cames, pits = [], [], [], []
    cover: dict[str, list[Floats]] = {"tenant": [], "cohort": []}
    for shop in shops(seed, scale):
        for back in COVER_BACK:
            day = periods.shift(last, -back)
            known = shop.orders.until(day)
            learners = ("gbm", "lstm") if back == AHEAD else ()
            model = Model.fit(known, day, Task(periods, AHEAD, shop.country, learners=learners))
            forecast, said = said_by_all(known, day, model)
            came = forecast.samples.came(shop.orders)
            for kind, inside in _covered(forecast, came).items():
                cover[kind].append(inside)
            pits.append(_pit(forecast, came))
            if back != AHEAD:
                continue
            for name, table in said.items():
                tables.setdefault(name, []).append(table)
            cames.append(came)
            prophets.append(prophet_curve(known, day, model))
            oracle.append(shop.oracle(end, periods.ahead(end, AHEAD)))
    came = np.concatenate(cames)
    joined = {name: np.concatenate(parts) for name, parts in tables.items()}
    best = normalised_gini(np.concatenate(oracle).sum(axis=1), came.sum(axis=1)) or 1.0
    pit = np.concatenate(pits)
    return {
        "customers": len(came),
        **figures(joined, np.sum(prophets, axis=0), came),
        "oracle_ngini": best,
        "ngini_of_oracle": (normalised_gini(joined["blend"].sum(axis=1), came.sum(axis=1)) or 0.0) / best,
        "tenant_cover": float(np.mean(np.concatenate(cover["tenant"]))),
        "cohort_cover": float(np.mean(np.concatenate(cover["cohort"]))),
        "customers_cover": float(np.mean((pit >= 0.1) & (pit <= 0.9))),
        "customers_pit_distance": float(np.abs(np.sort(pit) - (np.arange(len(pit)) + 0.5) / len(pit)).max()),
    }


def _covered(forecast: Forecast, came: Floats) -> dict[str, Floats]:
    """Return for months of the tenant and of its cohorts whether what came lies in the 80 % interval."""
    cohorts, _ = cohort_numbers(forecast.samples.panel.first)
    found = {}
    for kind, groups in (("tenant", np.zeros_like(cohorts)), ("cohort", cohorts)):
        low, high = forecast.spread.group(group_sums(forecast.value, groups))
        real = group_sums(came, groups)
        found[kind] = ((real >= low) & (real <= high)).ravel().astype(np.float64)
    return found


def _pit(forecast: Forecast, came: Floats) -> Floats:
    return randomised_pit(*forecast.totals.below(came.sum(axis=1)))


def _inside(forecast: Forecast, came: Floats) -> float:
    pit = _pit(forecast, came)
    return float(np.mean((pit >= 0.1) & (pit <= 0.9)))


def _rounded(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--dataset", choices=["cdnow"])
    what.add_argument("--transactions", type=Path, help="CSV with customer_id, date, amount")
    what.add_argument("--shops", action="store_true")
    parser.add_argument("--calibration-end", type=date.fromisoformat)
    parser.add_argument("--horizon-days", type=int)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--scale", type=float, default=SHOP_SCALE)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    logging.disable(logging.INFO)
    try:
        if told.transactions:
            if not told.calibration_end or not told.horizon_days or told.horizon_days < 1:
                parser.error("--transactions needs --calibration-end and --horizon-days")
            orders = clv_files.transactions(told.transactions)
            found = on_file(orders, numbered(told.calibration_end), told.horizon_days)
        elif told.shops:
            found = on_shops(told.seeds, told.first_seed, told.scale)
        else:
            found = on_cdnow()
    except (clv_files.FileError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    found = _rounded(found)
    if told.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:<28} {value}" for name, value in found.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
