"""Networks that cannot learn any more.

Where no unit of a hidden layer answers to any sample, every sample gets the same probabilities,
and nothing flows back to the layers below. What is left of the loss is that of guessing, the
logarithm of the number of classes where these are equally frequent, and the penalty.
"""

import math

from signs_sweep.records import Progress

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
        self._epochs = 0

    def dies_at(self, progress: Progress) -> int | None:
        """Take in more epochs; return the first (1-based) at which it is dead, or None."""
        curves = [progress.metrics[name].tolist() for name in ("loss", "val_loss", "val_accuracy")]
        epochs = zip(*curves, strict=True)
        for epoch, (loss, held_out, accuracy) in enumerate(epochs, start=progress.first_epoch):
            is_guess = self._is_guess(loss, held_out, accuracy)
            is_same = accuracy == self._accuracy
            self._epochs = self._epochs + 1 if is_guess and is_same else int(is_guess)
            self._accuracy = accuracy
            if self._epochs >= _PATIENCE:
                return epoch
        return None

    def _is_guess(self, loss: float, held_out: float, accuracy: float) -> bool:
        return (
            abs(loss - held_out) < _SAME * loss
            and held_out > math.log(self._classes) - _CLOSE
            and accuracy < _GUESSES / self._classes
        )
