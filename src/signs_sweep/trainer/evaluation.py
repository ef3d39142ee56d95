"""Images with their classes, and a network on them in inference mode."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from signs_sweep.trainer.network import Network

EVALUATED_AT_ONCE = 256
"""Number of samples in a step of an evaluation."""


class LabelledImages:
    """Images with their classes: those in some rows of an array. It must not be modified.

    Attributes:
        images: the array, uint8 of (m, height, width, channels).
        labels: classes of those in the rows, int64 of (n,).
        rows: int64 of (n,).
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        whole: "LabelledImages | None" = None,
    ) -> None:
        """Take all images of an array, with their labels; for `whole`, see `take`."""
        self.images = images
        self.labels = labels
        self._whole = whole
        self.rows = np.arange(len(labels))

    def take(self, rows: NDArray[np.int64]) -> "LabelledImages":
        """Return some of the images. No image is copied, and all share the same tensors."""
        taken = LabelledImages(self.images, self.labels[rows], self._whole or self)
        taken.rows = self.rows[rows]
        return taken

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def tensors(self) -> tuple[Any, Any]:
        """All images of the array, and their labels as int32, as tensors: copied once."""
        import tensorflow as tf

        if self._whole is not None:
            return self._whole.tensors
        return tf.constant(self.images), tf.constant(self.labels.astype(np.int32))


class Evaluation(NamedTuple):
    """A network on some images, in inference mode.

    Attributes:
        loss: mean cross-entropy without penalty.
        predicted: the predicted classes, int64 of (n,).
        probabilities: float32 of (n, classes).
        dead_units: for each hidden layer, the share of its units that are zero for every image.
    """

    loss: float
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    dead_units: Sequence[float]


def evaluate(network: Network, data: LabelledImages) -> Evaluation:
    """Evaluate a network on at least one image, in inference mode."""
    import tensorflow as tf

    losses, predicted, probabilities, active = [], [], [], []
    for first in range(0, len(data), EVALUATED_AT_ONCE):
        chosen = slice(first, first + EVALUATED_AT_ONCE)
        images = network.arrange(data.images[data.rows[chosen]])
        outputs, units = network.respond(tf.constant(images))
        losses.append(np.asarray(network.cross_entropy(data.labels[chosen], outputs)))
        predicted.append(np.argmax(np.asarray(outputs), axis=1))
        probabilities.append(network.probabilities(outputs))
        active.append(units)
    dead = [float(np.mean(~np.any(of_layer, axis=0))) for of_layer in zip(*active, strict=True)]
    loss = float(np.concatenate(losses).mean(dtype=np.float64))
    return Evaluation(loss, np.concatenate(predicted), np.concatenate(probabilities), dead)
