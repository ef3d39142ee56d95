"""The diagnosis of a finished run, from its curves; docs/diagnosis.md explains the rules."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import Condition, Diagnosis, History

FEWEST_EPOCHS = 10
"""Shorter runs have no diagnosis, unless they collapsed."""

PARTS = 5
"""The last of so many equal parts of the epochs is the end of a run."""

OSCILLATION = 0.03
"""Least standard deviation of the accuracy around its trend, at the end of an oscillating run."""

IMPROVEMENT = 0.01
"""Least increase of the mean accuracy from the part before to the end, if a run still improves."""

GAP = 0.1
"""Least gap between the accuracies of a run that overfits; it also exceeds the training error."""

RISE = 1.05
"""An overfitting run overfits since its lowest validation loss if the loss rose by this factor."""

FITTED = 0.9
"""Least accuracy on the training set of a run that does not underfit."""


def diagnose(
    history: History,
    metrics: Mapping[str, float],
    guessing_since: int | None,
    *,
    was_continued: bool = False,
) -> Diagnosis | None:
    """Return what became of a run that reached its end; None if it is too short to know.

    Args:
        history: `loss` and `accuracy`, with held-out samples `val_loss` and `val_accuracy`; one
            value per epoch, from the first to the one whose weights are kept.
        metrics: `final_train_accuracy` in inference mode, and `test_accuracy` if it was tested.
        guessing_since: see `signs_sweep.statistics.guessing.guessing_since`.
        was_continued: whether it was trained further, without becoming better.
    """
    train, unseen = metrics["final_train_accuracy"], metrics.get("test_accuracy")
    has_held_out = "val_accuracy" in history
    if has_held_out:
        unseen = float(history["val_accuracy"][-1])
    gap = None if unseen is None else train - unseen
    if guessing_since is not None:
        return Diagnosis(Condition.COLLAPSED, guessing_since, gap)
    curve = history["val_accuracy" if has_held_out else "accuracy"]
    if len(curve) < FEWEST_EPOCHS:
        return None
    size = len(curve) // PARTS
    end, before = curve[-size:], curve[-2 * size : -size]
    overfits = gap is not None and gap >= max(GAP, 1 - train)
    if _deviation_from_trend(end) >= OSCILLATION:
        return Diagnosis(Condition.OSCILLATES, gap=gap)
    since = _lowest_before_rise(history["val_loss"]) if has_held_out else None
    is_past_its_best = was_continued or (overfits and (since is not None or not has_held_out))
    if end.mean() - before.mean() >= IMPROVEMENT and not is_past_its_best:
        return Diagnosis(Condition.IMPROVING, gap=gap)
    if overfits:
        return Diagnosis(Condition.OVERFITS, since, gap)
    return Diagnosis(Condition.LEARNED if train >= FITTED else Condition.UNDERFITS, gap=gap)


def _deviation_from_trend(values: NDArray[np.float64]) -> float:
    """Return the standard deviation of values around their regression line."""
    epochs = np.arange(len(values))
    trend = np.polynomial.Polynomial.fit(epochs, values, 1)
    return float(np.sqrt(np.sum((values - trend(epochs)) ** 2) / max(len(values) - 2, 1)))


def _lowest_before_rise(losses: NDArray[np.float64]) -> int | None:
    """Return the epoch (1-based) of the lowest loss; None if it has hardly risen by the end."""
    lowest, before = int(losses.argmin()), len(losses) - len(losses) // PARTS
    has_risen = lowest < before and losses[before:].mean() >= RISE * losses[lowest]
    return lowest + 1 if has_risen else None
