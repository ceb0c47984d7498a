"""A page for each trained model: what it is, how well earlier days were forecast, and three pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from include.clv.warehouse import Candidate, History

INK, FAINT, STRONG = "#1f2933", "#9aa5b1", "#0b7285"
COLUMNS = ("bias", "curve_mape", "wape", "spearman", "ngini", "decile_wape")


@dataclass(frozen=True)
class Card:
    """The card of one model."""

    of: Candidate

    def text(self) -> str:
        """Return the card as Markdown."""
        model = self.of.packed.model
        pareto = model.members.base.pareto
        weights = ", ".join(
            f"{name} {weight:.2f}" for name, weight in model.blend.weights.items() if weight > 0.005
        )
        lines = [
            f"# Forecast model {self.of.version} of {self.of.tenant.tenant_id}",
            "",
            f"Trained on what was known on {self.of.tenant.as_of}: {model.customers:,} customers,"
            f" {model.orders:,} orders, {model.years:.1f} years. It is {self.of.status}: {self.of.reason}.",
            "",
            f"- **Method** `{model.method}`: {_METHODS[model.method]}",
            f"- **Weights** {weights}; level x {model.blend.level:.3f}, slope {model.blend.slope:.3f},"
            f" season of the {model.members.season.kind} to the power of {model.members.season.power:.1f}",
            f"- **Pareto/NBD** r {pareto.r:.3f}, alpha {pareto.alpha:.1f} days, s {pareto.s:.3f},"
            f" beta {pareto.beta:.1f} days",
            "",
            "## How earlier days were forecast",
            "",
        ]
        if not model.trials:
            return "\n".join([*lines, "No earlier day has enough before and after it to be judged.", ""])
        for trial in model.trials:
            day = np.datetime64(trial.end, "D")
            lines += [
                f"From {day}, {trial.ahead} {model.members.task.periods.unit}s ahead:",
                "",
                f"| model | {' | '.join(COLUMNS)} |",
                f"|---|{'---|' * len(COLUMNS)}",
                *(
                    f"| {name} | {' | '.join(_cell(getattr(metrics, column)) for column in COLUMNS)} |"
                    for name, metrics in trial.metrics.items()
                ),
                "",
            ]
        pictures = (
            "![Sum by month](curve.png) ![Tenths of customers](deciles.png) ![Lorenz curve](lorenz.png)"
        )
        return "\n".join([*lines, f"Pictures are of the newest of these days.\n\n{pictures}", ""])

    def write(self, folder: Path, history: History) -> Path:
        """Write the card and its pictures into a folder; return it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "card.md").write_text(self.text())
        if trials := self.of.packed.model.trials:
            newest = max(trials, key=lambda trial: trial.end)
            self._draw(folder, history, newest.end, newest.ahead)
        return folder

    def _draw(self, folder: Path, history: History, day: int, ahead: int) -> None:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        forecast = self.of.packed.forecast(history, day, ahead)
        said, came = forecast.value, forecast.samples.came(history.orders)
        unit = self.of.packed.model.members.task.periods.unit
        plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
        begun, currency = np.datetime64(day, "D"), self.of.tenant.currency

        figure, (axes, sums) = plt.subplots(1, 2, figsize=(8.5, 3.2), layout="constrained")
        low, high = forecast.spread.group(said.sum(axis=0)[None, :])
        steps = np.arange(1, ahead + 1)
        axes.fill_between(
            steps, low[0], high[0], color=STRONG, alpha=0.15, linewidth=0, label="80 % interval"
        )
        for place, table in ((axes, lambda row: row), (sums, np.cumsum)):
            place.plot(steps, table(said.sum(axis=0)), color=STRONG, label="forecast")
            place.plot(steps, table(came.sum(axis=0)), color=INK, marker="o", markersize=3, label="came")
            place.set(xlabel=f"{unit}s ahead", ylabel=currency)
            place.set_ylim(bottom=min(0, place.get_ylim()[0]))
        axes.set_title(f"Net value by {unit} after {begun}")
        sums.set_title("The same, summed up")
        axes.legend(frameon=False)
        figure.savefig(folder / "curve.png", dpi=120)

        figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
        total, real = said.sum(axis=1), came.sum(axis=1)
        tenths = np.array_split(np.argsort(total, kind="stable"), 10)
        place = np.arange(10)
        axes.bar(place - 0.2, [total[part].sum() for part in tenths], 0.4, color=STRONG, label="forecast")
        axes.bar(place + 0.2, [real[part].sum() for part in tenths], 0.4, color=FAINT, label="came")
        axes.set(title="Tenths of customers, by forecast", xlabel="tenth", ylabel=currency)
        axes.set_xticks(place, [str(k + 1) for k in place])
        axes.legend(frameon=False)
        figure.savefig(folder / "deciles.png", dpi=120)

        figure, axes = plt.subplots(figsize=(3.6, 3.2), layout="constrained")
        share = np.arange(len(total) + 1) / max(len(total), 1)
        for order, color, label in ((total, STRONG, "by forecast"), (real, INK, "by what came")):
            gained = np.append(0, np.cumsum(real[np.argsort(-order, kind="stable")]))
            axes.plot(share, gained / (gained[-1] or 1), color=color, label=label)
        axes.plot([0, 1], [0, 1], color=FAINT, linestyle=":", label="by chance")
        axes.set(title="Who brings how much", xlabel="share of customers", ylabel="share of net value")
        axes.legend(frameon=False)
        figure.savefig(folder / "lorenz.png", dpi=120)
        plt.close("all")


_METHODS = {
    "blend": "buy-till-you-die, Prophet, boosted trees, one LSTM and cells",
    "series_and_btyd": "no LSTM, which needs two years: buy-till-you-die, Prophet, boosted trees and cells",
    "rfm": "too few customers bought again to learn rates from: what customers of the same cell of recency,"
    " orders and order value brought",
}


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3f}"
