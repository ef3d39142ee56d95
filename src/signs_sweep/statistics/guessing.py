"""Networks that only guess: every image gets the same class.

Where no unit of a hidden layer answers to any sample, every sample gets the same probabilities,
and nothing flows back to the layers below. What is left of the loss is that of guessing (the
entropy of the classes: the logarithm of their number where they are equally frequent) and the
penalty.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_PATIENCE = 15
"""Epochs in a row that must look dead. Of 32 runs at 1e-5 and 3e-5 with and without penalty and
dropout, none that learned later looked so for as long."""

_SAME = 0.01
"""Largest difference of the two losses, as a share: the penalty falls within an epoch."""

_CLOSE = 5e-3
"""How far the loss may be below that of guessing: the held-out classes are not quite even."""

_GUESSES = 1.5
"""Largest accuracy of guessing, as a multiple of that for even classes."""


class DeadWatch:
    """Watches the epochs of one run, in order.

    It sees curves alone: the accuracy on the held-out samples is that of guessing and the same
    epoch after epoch, and the loss is the same on both sets, and not below that of guessing.
    """

    def __init__(self, classes: int) -> None:
        """Begin.

        Args:
            classes: how many there are.
        """
        self._classes = classes
        self._accuracy: float | None = None
        self._alike = 0
        self._last = 0

    def is_dead(self, epoch: int, loss: float, held_out: float, accuracy: float) -> bool:
        """Take in an epoch, in order; return whether the network is dead. Repetitions are ignored.

        Args:
            epoch: number, from 1.
            loss: on the training set, with the penalty.
            held_out: the same on the held-out samples.
            accuracy: on the held-out samples.
        """
        if epoch > self._last:
            self._last = epoch
            is_guess = self._is_guess(loss, held_out, accuracy)
            is_same = accuracy == self._accuracy
            self._alike = self._alike + 1 if is_guess and is_same else int(is_guess)
            self._accuracy = accuracy
        return self._alike >= _PATIENCE

    def _is_guess(self, loss: float, held_out: float, accuracy: float) -> bool:
        return (
            abs(loss - held_out) < _SAME * loss
            and held_out > math.log(self._classes) - _CLOSE
            and accuracy < _GUESSES / self._classes
        )


def guessing_since(
    history: Mapping[str, NDArray[np.float64]],
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
    loss: float,
) -> int | None:
    """Return since which epoch the loss of a network that guesses is that of guessing; else None.

    It guesses if every training image gets the same class, its loss is not below that of guessing,
    and the loss of its last 15 epochs or more was not either. A network that has just begun to
    learn slowly may look the same.

    Args:
        history: by metric (`loss`, and perhaps `val_loss`), one value an epoch, from the first on.
        labels: class of each training image, int64 of shape (n,).
        predicted: class that the trained network gives it, int64 of shape (n,).
        loss: on the training set, in inference mode and without penalty.
    """
    shares = np.bincount(labels) / len(labels)
    guess = -sum(share * math.log(share) for share in shares.tolist() if share) - _CLOSE
    if loss < guess or (predicted != predicted[0]).any():
        return None
    learned = np.zeros(len(history["loss"]), dtype=bool)
    for name in {"loss", "val_loss"} & set(history):
        learned |= history[name] < guess
    since = int(np.flatnonzero(learned)[-1]) + 2 if learned.any() else 1
    return since if len(learned) - since + 1 >= _PATIENCE else None
