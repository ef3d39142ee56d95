"""Shared by all contestants: the task, and how a contestant reports its measurements.

The task is that of the published series: SIGNS images, 25-12-6, Adam, batches of 32, the four runs
plain, L2, dropout, and both; further runs with other optimizers and layers.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from signs_sweep.data import Dataset, find_source
from signs_sweep.domain import PARAMETERS, Dense, Parameters

BATCH = 32
RATE = 1e-4
_TABLE = Parameters(learning_rate=RATE)
_OPTIMIZERS, _SCHEDULES = PARAMETERS["optimizer"], PARAMETERS["schedule"]
_MOVES = {"shift": 0.1, "rotate": 0.05, "zoom": 0.1}

VARIANTS = {
    "plain": _TABLE,
    "l2": replace(_TABLE, l2=0.01),
    "dropout": replace(_TABLE, keep_prob=0.8),
    "both": replace(_TABLE, l2=0.01, keep_prob=0.8),
}
"""The runs of the series, by name."""

CHOICES = {
    "sgd": replace(_TABLE, optimizer=_OPTIMIZERS.component("sgd", {"momentum": 0.9})),
    "adamw, cosine": replace(
        _TABLE,
        optimizer=_OPTIMIZERS.component("adamw", {}),
        schedule=_SCHEDULES.component("cosine", {}),
    ),
    "batch norm": _TABLE,
    "augmentation": replace(_TABLE, augment=PARAMETERS["augment"].component("", _MOVES)),
}
"""Other choices, by name."""

RUNS = VARIANTS | CHOICES


def model_of(variant: str) -> Dense:
    """Return the network of a variant."""
    return Dense((25, 12), norm="batch" if variant == "batch norm" else "none")


def parse_options() -> argparse.Namespace:
    """Return the command-line options of a contestant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=RUNS)
    return parser.parse_args()


def dataset() -> Dataset:
    """Return the photos if they are available, else the drawn images."""
    return find_source("signs", data_dir=None, spec_folder=Path()).load()


def arrays() -> tuple[Any, Any]:
    """Return training images, float32 in [0, 1], and labels."""
    data = dataset()
    return data.train_images.astype(np.float32) / np.float32(255), data.train_labels


def keras_model(variant: str, steps_per_execution: int = 1) -> Any:
    """Return the network of a variant as usually written in Keras, compiled."""
    import keras

    parameters = RUNS[variant]
    layers: list[Any] = [keras.layers.Input((64, 64, 3))]
    if parameters.augment.name != "none":
        layers += [
            keras.layers.RandomTranslation(_MOVES["shift"], _MOVES["shift"]),
            keras.layers.RandomRotation(_MOVES["rotate"]),
            keras.layers.RandomZoom(_MOVES["zoom"]),
        ]
    layers.append(keras.layers.Flatten())
    for units in (25, 12):
        penalty = keras.regularizers.L2(parameters.l2) if parameters.l2 else None
        layers.append(keras.layers.Dense(units, kernel_regularizer=penalty))
        if variant == "batch norm":
            layers.append(keras.layers.BatchNormalization())
        layers.append(keras.layers.ReLU())
        if parameters.keep_prob < 1:
            layers.append(keras.layers.Dropout(1 - parameters.keep_prob))
    layers.append(keras.layers.Dense(6, "softmax"))
    model = keras.Sequential(layers)
    rate: Any = RATE
    if parameters.schedule.name == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(RATE, parameters.epochs * -(-1080 // BATCH))
    optimizer = {
        "sgd": lambda: keras.optimizers.SGD(rate, momentum=0.9),
        "adamw": lambda: keras.optimizers.AdamW(rate),
    }.get(parameters.optimizer.name, lambda: keras.optimizers.Adam(rate))
    model.compile(
        optimizer(),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    return model


class Clock:
    """Measures the time per epoch of each variant."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def of(self, variant: str, epochs: int) -> Iterator[None]:
        """Time some epochs of a variant."""
        started = time.perf_counter()
        yield
        self.milliseconds[variant] = 1000 * (time.perf_counter() - started) / epochs

    def report(self) -> None:
        """Print milliseconds per epoch by variant, and the peak memory, as JSON."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"milliseconds": self.milliseconds, "peak_mib": round(peak)}))
