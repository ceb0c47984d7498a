"""The week's training: a challenger for each tenant, champion only if it forecasts no worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from include.clv import tracking
from include.clv import warehouse as store
from include.clv.cards import Card
from include.clv.evaluate import Metrics, evaluate
from include.clv.model import Model, Task, ThinDataError, Trial
from include.clv.warehouse import EPOCH, Candidate, History, Packed, Tenant, Trait
from include.settings import Settings, get_settings

MOST_CHANNELS, MOST_CATEGORIES = 6, 10
WORSE = 1.05
SLACK = 0.005
"""By how much more than the champion a challenger may miss and still be taken: a factor, and in all."""
HIGH_SHARE, MEDIUM_SHARE = 0.2, 0.3
"""Shares of a tenant's customers in the high and the medium segment on the day of training."""


@dataclass(frozen=True)
class Trained:
    """What became of one tenant's training."""

    tenant_id: str
    model_version: str | None
    status: str
    reason: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.tenant_id}: {self.model_version or 'no model'} is {self.status}, {self.reason}"


def train(settings: Settings | None = None, *, tenants: Sequence[str] = ()) -> list[Trained]:
    """Train a challenger for each tenant and let it take the champion's place if it is not worse.

    Args:
        settings: where the warehouse is.
        tenants: ids; all that are published when left out.
    """
    settings = settings or get_settings()
    with store.alone(settings) as (loader, transformer):
        return [
            _train(loader, transformer, tenant, settings) for tenant in store.tenants(transformer, tenants)
        ]


def _train(loader: Any, transformer: Any, tenant: Tenant, settings: Settings) -> Trained:
    shards = store.shards(transformer, tenant, settings.clv_shard_customers)
    history = store.read(transformer, tenant, shards=shards)
    end = (tenant.as_of - EPOCH).days
    traits = common_traits(history)
    task = Task(country=tenant.country, traits=history.traits(traits), segments=history.segments(traits))
    try:
        model = Model.fit(history.orders, end, task)
    except ThinDataError as error:
        return Trained(tenant.tenant_id, None, "not trained", str(error))
    packed = Packed(model, traits, thresholds(model.forecast(history.orders, end).value.sum(axis=1)))
    version = f"{tenant.as_of:%Y%m%d}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    standing = store.champion(loader, tenant.tenant_id)
    status, reason = judge(model, standing and standing[1], history)
    candidate = Candidate(tenant, version, packed, status, reason)
    card = Card(candidate)
    folder = card.write(settings.home / "clv" / "cards" / tenant.tenant_id / version, history)
    run = tracking.log(settings, candidate, folder)
    store.keep(loader, candidate, figures=figures(model), card=card.text(), tracking_run=run)
    return Trained(tenant.tenant_id, version, status, reason)


def common_traits(history: History) -> tuple[Trait, ...]:
    """Return the channels by which most customers came, and the categories that most bought first."""
    channels = _most_common(history.channels, MOST_CHANNELS)
    categories = _most_common(history.categories, MOST_CATEGORIES)
    return (*(("channel", name) for name in channels), *(("category", name) for name in categories))


def _most_common(names: Any, most: int) -> list[str]:
    told, counts = np.unique(names[names != ""].astype(str), return_counts=True)
    return [name for _, name in sorted(zip(-counts, told.tolist(), strict=True))[:most]]


def thresholds(value: Any) -> tuple[float, float]:
    """Return the smallest 12-month net value of the high and of the medium segment."""
    high, medium = np.quantile(value, [1 - HIGH_SHARE, 1 - HIGH_SHARE - MEDIUM_SHARE])
    return float(high), float(medium)


def judge(model: Model, standing: Packed | None, history: History) -> tuple[str, str]:
    """Return whether a challenger becomes champion, and why.

    Both are judged by what they say of earlier days, of which they had seen nothing later when they said it.
    """
    if standing is None:
        return "champion", "the first model"
    if not model.trials:
        if standing.model.trials:
            return "refused", "no earlier day can be judged, and the champion was judged by some"
        return "champion", "no earlier day can be judged, neither of this model nor of the champion"
    new = [trial.metrics["blend"] for trial in model.trials]
    old = [former_metrics(standing, history, trial) for trial in model.trials]
    mine, theirs = error(new), error(old)
    if mine <= WORSE * theirs + SLACK:
        return "champion", f"error {mine:.3f} on {len(new)} earlier days, the former champion's {theirs:.3f}"
    return "refused", f"error {mine:.3f} on {len(new)} earlier days, the champion's is {theirs:.3f}"


def former_metrics(standing: Packed, history: History, trial: Trial) -> Metrics:
    """Return how well a standing model forecasts an earlier day of a challenger.

    Of a day before its training it has seen the end; there counts what was said of the nearest of its own
    earlier days, by members that had not.
    """
    if trial.end < standing.model.members.end and standing.model.trials:
        nearest = min(standing.model.trials, key=lambda own: abs(own.end - trial.end))
        return nearest.metrics["blend"]
    forecast = standing.forecast(history, trial.end, trial.ahead)
    return evaluate(forecast.value, forecast.samples.came(history.orders))


def error(metrics: Sequence[Metrics]) -> float:
    """Return one figure to compare models by: what they miss of tenths of customers, of months, of the order.

    The mean over days of the decile WAPE, the monthly MAPE and the distance of the normalised Gini from 1.
    """
    return float(np.mean([(m.decile_wape or 0) + (m.curve_mape or 0) + 1 - (m.ngini or 0) for m in metrics]))


def figures(model: Model) -> dict[str, Any]:
    """Return the metrics of every model, the mean over the earlier days."""
    told: dict[str, Any] = {"earlier_days": len(model.trials)}
    if not model.trials:
        return told
    for name in model.trials[0].metrics:
        rows: list[Mapping[str, Any]] = [trial.metrics[name].__dict__ for trial in model.trials]
        for metric in rows[0]:
            values = [row[metric] for row in rows if row[metric] is not None]
            told[f"{name}_{metric}"] = float(np.mean(values)) if values else None
    return told
