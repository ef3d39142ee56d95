"""Networks that only guess: every image gets the same class.

If every unit of a hidden layer is zero for every sample, all samples get the same probabilities,
and no gradient reaches the layers below. The loss is then that of guessing (the entropy of the
classes: the logarithm of their number if they are equally frequent) plus the penalty.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_PATIENCE = 15
"""Consecutive epochs that must look dead. Of 32 runs at learning rates 1e-5 and 3e-5, with and
without penalty and dropout, none that learned later looked dead for this long."""

_SAME = 0.01
"""Largest relative difference of the two losses: the penalty decreases within an epoch."""

_CLOSE = 5e-3
"""How far the loss may be below that of guessing: held-out classes are not perfectly balanced."""

_GUESSES = 1.5
"""Largest accuracy of guessing, as a multiple of that for balanced classes."""


class DeadWatch:
    """Watches the epochs of a run, in order, for a dead network.

    It applies the rule of `guessing_since` while a run trains: neither loss has been below that of
    guessing for 15 epochs. Instead of predictions, which are not known before the end, it requires
    that the accuracy on the held-out samples is that of guessing and does not change, and that the
    loss is the same on both sets. With class weights, which only the training loss has, it requires
    instead of the latter that the accuracy on the training samples is that of guessing too.
    """

    def __init__(self, classes: int, *, is_weighted: bool = False) -> None:
        """Watch a run from its first epoch.

        Args:
            classes: number of classes in the data.
            is_weighted: whether the classes have weights in the training loss.
        """
        self._classes = classes
        self._is_weighted = is_weighted
        self._least_loss = _least_loss([1 / classes] * classes)
        self._accuracy: float | None = None
        self._alike = 0

    def is_dead(self, metrics: Mapping[str, float]) -> bool:
        """Add the metrics of the next epoch; return whether the network is dead."""
        loss, held_out, accuracy = (metrics[each] for each in ("loss", "val_loss", "val_accuracy"))
        most = _GUESSES / self._classes
        is_guess = accuracy < most and held_out >= self._least_loss
        if self._is_weighted:
            is_guess &= metrics["accuracy"] < most
        else:
            is_guess &= loss >= self._least_loss and abs(loss - held_out) < _SAME * loss
        is_same = accuracy == self._accuracy
        self._alike = self._alike + 1 if is_guess and is_same else int(is_guess)
        self._accuracy = accuracy
        return self._alike >= _PATIENCE


def _least_loss(shares: Sequence[float]) -> float:
    """Return the loss below which a network does not guess.

    `shares` are those of the classes, each times the weight of the class. Penalty and smoothing of
    labels only increase the loss of guessing.
    """
    total = sum(shares)
    return -sum(each * math.log(each / total) for each in shares if each) - _CLOSE * total


def guessing_since(
    history: Mapping[str, NDArray[np.float64]],
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
    loss: float,
    weights: NDArray[np.floating],
    *,
    is_stopped: bool = False,
) -> int | None:
    """Return the first epoch since which a guessing network has the loss of guessing; else None.

    A network guesses if it gives every training image the same class and its loss is not below that
    of guessing, nor was in the last 15 epochs or more. A network that has only just begun to learn
    slowly may look the same. A run that early stopping ended cannot learn later, however few its
    epochs.

    Args:
        history: by metric (`loss`, optionally `val_loss`), one value per epoch, from the first.
        labels: class of each training image, int64 of shape (n,).
        predicted: class that the trained network predicts for it, int64 of shape (n,).
        loss: on the training set, in inference mode, without penalty and weights of the classes.
        weights: of the classes in `history["loss"]`, of shape (classes,).
        is_stopped: whether early stopping ended the run.
    """
    shares = np.bincount(labels, minlength=len(weights)) / len(labels)
    limit = _least_loss(shares.tolist())
    limits = {"loss": _least_loss((shares * weights).tolist()), "val_loss": limit}
    if loss < limit or (predicted != predicted[0]).any():
        return None
    learned = np.zeros(len(history["loss"]), dtype=bool)
    for name in limits.keys() & history.keys():
        learned |= history[name] < limits[name]
    since = int(np.flatnonzero(learned)[-1]) + 2 if learned.any() else 1
    if is_stopped:
        return min(since, len(learned))
    return since if len(learned) - since + 1 >= _PATIENCE else None
