"""The learning rate of every step, with the formulas of `keras.optimizers.schedules`."""

import math

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import Parameters


def rates(parameters: Parameters, first: int, epochs: int, steps: int) -> NDArray[np.float32]:
    """Return the learning rate of the steps of some epochs, float32 of (epochs, steps).

    With a warmup, the rate rises linearly from 0 and the schedule begins after it.

    Args:
        parameters: those of a run.
        first: number of epochs before them.
        epochs: number of epochs.
        steps: steps per epoch.
    """
    options = parameters.options("schedule")
    warmup = options["warmup"] * steps
    step = np.arange(first * steps, (first + epochs) * steps, dtype=np.float64)
    after = np.maximum(step - warmup, 0)
    shares = _shares(parameters, after, steps)
    shares[step < warmup] = step[step < warmup] / max(warmup, 1)
    return (parameters.learning_rate * shares).astype(np.float32).reshape(epochs, steps)


def _shares(parameters: Parameters, step: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Return the rates of steps after the warmup, as shares of `learning_rate`."""
    options = parameters.options("schedule")
    name = parameters.schedule.name
    if name == "constant":
        return np.ones_like(step)
    if name in ("step", "exponential"):
        passed = step / (options["decay_epochs"] * steps)
        passed = np.floor(passed) if name == "step" else passed
        return np.asarray(options["decay_rate"] ** passed, np.float64)
    length = max(parameters.epochs - options["warmup"], 1) * steps
    left = 1 - np.minimum(step / length, 1)
    if name == "cosine":
        left = 0.5 * (1 - np.cos(math.pi * left))
    return np.asarray((1 - options["end"]) * left + options["end"], np.float64)
