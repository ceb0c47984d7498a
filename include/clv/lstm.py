"""One LSTM for all customers: it reads their histories period by period and corrects what the base expects.

The network says a level and a yearly swing for each customer, on the logarithm of the base. So it may know no
more than the base and still be as good, months further ahead than any it was taught are safe, and a customer
who buys for one season only can be told from one who buys all year.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from include.clv.btyd import Floats
from include.clv.periods import YEAR, year_angle
from include.clv.samples import TINY, Samples, Singles

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
logging.getLogger("tensorflow").setLevel(logging.ERROR)

Head = Literal["tweedie", "lognormal"]
HEADS: tuple[Head, ...] = ("tweedie", "lognormal")

UNITS = 16
CHANNELS = 5
WINDOW = {"month": 24, "week": 40}
"""Periods that the network looks back."""
BATCH = 1024
SMALL_BATCH = 256
MOST_EPOCHS = 20
PATIENCE = 3
MOST_ROWS = 16_000
CALM = 0.1
"""Weight of the squares of the last layer: it says nothing that it was not taught clearly."""
POWER = 1.5
"""Of the Tweedie distribution: between 1, counts of like orders, and 2, values without zeros."""
BOUND = 1.5
"""The logarithm of a customer's factor is kept within, so that nobody is explained by the network alone."""


@dataclass
class Lstm:
    """A trained network and what its inputs are measured in."""

    weights: list[Any]
    head: Head
    window: int
    center: Singles
    spread: Singles
    unit: float
    swings: bool

    @classmethod
    def fit(
        cls, taught: Sequence[tuple[Samples, Floats]], *, head: Head = "tweedie", seed: int = 0
    ) -> "Lstm":
        """Learn from what came after earlier days; the newest of them only says when to stop.

        Args:
            taught: samples and what came of them (customers x periods), oldest first.
            head: what is learnt: the mean of a Tweedie distribution per period, or a zero-inflated lognormal
                distribution of the sum.
            seed: of the first weights and of the batches.
        """
        import keras
        import tensorflow as tf  # type: ignore[import-untyped]

        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
        periods = taught[-1][0].periods
        learnt = list(taught[:-1]) or list(taught)
        features = _plain(np.concatenate([samples.features for samples, _ in learnt]))
        unit = max(float(np.mean([np.abs(came).mean() for _, came in learnt])), TINY)
        years = (taught[-1][0].panel.end - int(taught[-1][0].panel.first.min())) / YEAR
        made = cls(
            weights=[],
            head=head,
            window=WINDOW[periods.unit],
            center=features.mean(axis=0),
            spread=np.maximum(features.std(axis=0), 1e-3),
            unit=unit,
            swings=years >= 2,
        )
        longest = max(came.shape[1] for _, came in taught)
        rng = np.random.default_rng(seed)
        train = made._drawn(learnt, longest, rng, MOST_ROWS)
        test = made._drawn(taught[-1:], longest, rng, MOST_ROWS // 3)
        network = made._network(features.shape[1])
        network.compile(
            optimizer=keras.optimizers.Adam(3e-3), loss=_tweedie if head == "tweedie" else _lognormal
        )
        stop = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
        network.fit(
            train[0],
            train[1],
            validation_data=test,
            epochs=MOST_EPOCHS,
            batch_size=BATCH if len(train[1]) > 8 * BATCH else SMALL_BATCH,
            callbacks=[stop],
            verbose=0,
        )
        made.weights = network.get_weights()
        return made

    @classmethod
    def best(
        cls, taught: Sequence[tuple[Samples, Floats]], *, heads: Sequence[Head] = HEADS, seed: int = 0
    ) -> "Lstm":
        """Learn with each head and return the one that says the newest days best."""
        if len(heads) == 1:
            return cls.fit(taught, head=heads[0], seed=seed)
        samples, came = taught[-1]
        total = came.sum(axis=1)
        scale = max(float(np.abs(total).mean()), TINY)

        def error(made: "Lstm") -> float:
            said = np.maximum(made.forecast(samples)[:, : came.shape[1]].sum(axis=1) / scale, TINY)
            return float(np.mean(said - total / scale * np.log(said)))

        return min((cls.fit(taught, head=head, seed=seed) for head in heads), key=error)

    def forecast(self, samples: Samples) -> Floats:
        """Return the net value of each customer and period."""
        network = self._network(samples.features.shape[1])
        network.set_weights(self.weights)
        said = np.empty_like(samples.base)
        step = 65_536
        for start in range(0, len(samples), step):
            rows = np.arange(start, min(start + step, len(samples)))
            inputs = self._inputs(samples, rows, samples.base.shape[1])
            told = np.asarray(network.predict_on_batch(inputs), dtype=np.float64)
            said[rows] = self._mean(told, samples.base[rows])
        return said

    def _mean(self, told: Floats, base: Floats) -> Floats:
        if self.head == "tweedie":
            return np.asarray(told * self.unit)
        chance, mu, sigma = told[:, 0], told[:, 1], told[:, 2]
        total = chance * np.exp(np.minimum(mu + sigma**2 / 2, 30)) * self.unit
        return np.asarray(base * (total / np.maximum(base.sum(axis=1), TINY))[:, None])

    def _network(self, traits: int) -> Any:
        import keras
        from keras import layers, ops

        sequence = keras.Input((self.window, CHANNELS), name="history")
        static = keras.Input((traits,), name="features")
        base = keras.Input((None, 3), name="ahead")
        read = layers.LSTM(UNITS)(sequence)
        joined = layers.Dense(UNITS, activation="relu")(layers.Concatenate()([read, static]))
        joined = layers.Dropout(0.2)(joined)
        calm = keras.regularizers.L2(CALM)
        told = layers.Dense(3, kernel_initializer="zeros", kernel_regularizer=calm)(joined)

        def tweedie(parts: list[Any]) -> Any:
            said, ahead = parts
            factor = (
                said[:, None, :1]
                + said[:, None, 1:2] * ahead[:, :, 1:2]
                + said[:, None, 2:] * ahead[:, :, 2:]
            )
            return ops.exp(BOUND * ops.tanh(factor[:, :, 0] / BOUND)) * ahead[:, :, 0]

        def lognormal(parts: list[Any]) -> Any:
            said, ahead = parts
            total = ops.maximum(ops.sum(ahead[:, :, :1], axis=1), TINY)
            chance = ops.sigmoid(said[:, :1] + ops.log(total))
            mu = said[:, 1:2] + ops.log(total / chance) - 0.5
            return ops.concatenate([chance, mu, ops.softplus(said[:, 2:] + 0.55)], axis=1)

        head = tweedie if self.head == "tweedie" else lognormal
        return keras.Model([sequence, static, base], layers.Lambda(head)([told, base]))

    def _drawn(
        self, taught: Sequence[tuple[Samples, Floats]], longest: int, rng: np.random.Generator, most: int
    ) -> tuple[list[Singles], Singles]:
        parts, targets = [], []
        for samples, came in taught:
            rows = np.arange(len(samples))
            if len(rows) > most // len(taught):
                rows = rng.choice(len(samples), most // len(taught), replace=False)
            parts.append(self._inputs(samples, rows, longest))
            target = np.full((len(rows), longest), np.nan, dtype=np.float32)
            target[:, : came.shape[1]] = came[rows] / self.unit
            targets.append(target)
        inputs = [np.concatenate([part[k] for part in parts]) for k in range(3)]
        return inputs, np.concatenate(targets)

    def _inputs(self, samples: Samples, rows: Any, longest: int) -> list[Singles]:
        panel, periods = samples.panel, samples.periods
        window = min(self.window, panel.orders.shape[1])
        sequence = np.zeros((len(rows), self.window, CHANNELS), dtype=np.float32)
        value = panel.value[rows, -window:] / max(self.unit, TINY)
        angle = year_angle(panel.edges[-window - 1 :])
        sequence[:, -window:, 0] = np.log1p(panel.orders[rows, -window:])
        sequence[:, -window:, 1] = np.sign(value) * np.log1p(np.abs(value))
        sequence[:, -window:, 2] = panel.first[rows, None] < panel.edges[None, -window:]
        sequence[:, -window:, 3] = np.sin(angle) if self.swings else 0
        sequence[:, -window:, 4] = np.cos(angle) if self.swings else 0
        static = (_plain(samples.features[rows]) - self.center) / self.spread
        edges = periods.ahead(panel.end, longest)
        ahead = np.zeros((len(rows), longest, 3), dtype=np.float32)
        held = min(longest, samples.base.shape[1])
        ahead[:, :held, 0] = np.maximum(samples.base[rows, :held], TINY) / self.unit
        if self.swings:
            ahead[:, :, 1] = np.sin(year_angle(edges))
            ahead[:, :, 2] = np.cos(year_angle(edges))
        return [sequence, np.clip(static, -5, 5).astype(np.float32), ahead]


def _plain(features: Singles) -> Singles:
    """Return features on a scale on which far values are not far."""
    return np.asarray(np.sign(features) * np.log1p(np.abs(features)), dtype=np.float32)


def _tweedie(came: Any, said: Any) -> Any:
    """Quasi-likelihood of the Tweedie distribution; periods of which nothing is known yet do not count."""
    from keras import ops

    known = ops.logical_not(ops.isnan(came))
    target = ops.where(known, came, 0.0)
    mean = ops.maximum(said, 1e-6)
    loss = -target * mean ** (1 - POWER) / (1 - POWER) + mean ** (2 - POWER) / (2 - POWER)
    return ops.sum(ops.where(known, loss, 0.0)) / ops.sum(ops.cast(known, "float32"))


def _lognormal(came: Any, said: Any) -> Any:
    """Log loss of a zero-inflated lognormal distribution of the sum of the known periods."""
    from keras import ops

    total = ops.sum(ops.where(ops.isnan(came), 0.0, came), axis=1)
    chance, mu, sigma = said[:, 0], said[:, 1], ops.maximum(said[:, 2], 0.05)
    some = ops.cast(total > 0, "float32")
    chance = ops.clip(chance, 1e-6, 1 - 1e-6)
    log = ops.log(ops.maximum(total, 1e-6))
    likely = -ops.log(sigma) - (log - mu) ** 2 / (2 * sigma**2)
    return ops.mean(-(some * (ops.log(chance) + likely) + (1 - some) * ops.log(1 - chance)))
