"""Shared by all contestants: the task, and how a contestant reports its measurements.

The task is that of the published series: SIGNS images, 25-12-6, Adam, batches of 32, the four runs
plain, L2, dropout, and both.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from signs_sweep.data import Dataset, find_source

BATCH = 32
RATE = 1e-4
VARIANTS = {
    "plain": (0.0, 1.0),
    "l2": (0.01, 1.0),
    "dropout": (0.0, 0.8),
    "both": (0.01, 0.8),
}
"""By name, the L2 factor and the share of outputs that dropout keeps."""


def parse_options() -> argparse.Namespace:
    """Return the command-line options of a contestant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS))
    return parser.parse_args()


def dataset() -> Dataset:
    """Return the photos if they are available, else the drawn images."""
    return find_source("signs", data_dir=None, spec_folder=Path()).load()


def arrays() -> tuple[Any, Any]:
    """Return training images, float32 in [0, 1], and labels."""
    data = dataset()
    return data.train_images.astype(np.float32) / np.float32(255), data.train_labels


def keras_model(l2: float, keep_prob: float, steps_per_execution: int = 1) -> Any:
    """Return the network as usually written in Keras, compiled."""
    import keras

    layers: list[Any] = [keras.layers.Input((64, 64, 3)), keras.layers.Flatten()]
    for units in (25, 12):
        penalty = keras.regularizers.L2(l2) if l2 else None
        layers.append(keras.layers.Dense(units, "relu", kernel_regularizer=penalty))
        if keep_prob < 1:
            layers.append(keras.layers.Dropout(1 - keep_prob))
    layers.append(keras.layers.Dense(6, "softmax"))
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.Adam(RATE),
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
