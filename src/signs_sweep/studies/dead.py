"""Networks that cannot learn any more.

Where no unit of a hidden layer answers to any sample, every sample gets the same probabilities,
and nothing flows back to the layers below. What is left of the loss is that of guessing, the
logarithm of the number of classes where these are equally frequent, and the penalty.
"""

import math

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
