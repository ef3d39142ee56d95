"""Events of runs, made by hand: what a test does not care about has a plain value."""

from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from signs_sweep.domain import Failed, Finished, Progress, Run, Started, Stopped

FINAL = MappingProxyType(
    {
        "final_train_loss": 0.25,
        "final_train_accuracy": 0.75,
        "test_loss": 0.5,
        "test_accuracy": 0.625,
    }
)


def started(run: Run | str, worker: int = 0) -> Started:
    return Started(_id(run), worker, 0.0, {"keras": "3.0", "python": "3.11"})


def progress(run: Run | str, first: int = 1, count: int = 1, **curves: ArrayLike) -> Progress:
    """Return epochs with the given curves, or with a loss of 1 / epoch."""
    metrics = {name: np.asarray(values, float) for name, values in curves.items()}
    count = len(next(iter(metrics.values()))) if metrics else count
    epochs = np.arange(first, first + count)
    metrics = metrics or {"loss": 1 / epochs, "accuracy": epochs / 10}
    return Progress(_id(run), first, metrics, epochs * 1000)


def finished(run: Run | str, **metrics: float) -> Finished:
    """Return the end of a run with the given metrics, or with FINAL."""
    confusion = np.array([[3, 1], [2, 4]])
    return Finished(_id(run), 9.0, 8.5, metrics or FINAL, confusion, b"\x00model")


def failed(run: Run | str, message: str = "it broke", *, is_crash: bool = False) -> Failed:
    return Failed(_id(run), 9.0, message, is_crash=is_crash)


def stopped(run: Run | str) -> Stopped:
    return Stopped(_id(run), 9.0)


def _id(run: Run | str) -> str:
    return run if isinstance(run, str) else run.run_id
