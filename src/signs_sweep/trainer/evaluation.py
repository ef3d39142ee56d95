"""Images with their classes, and a network on them in inference mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from signs_sweep.trainer.network import Network

EVALUATED_AT_ONCE = 256
"""Number of samples in a step of an evaluation."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with their classes.

    Attributes:
        images: uint8 of (n, height, width, channels).
        labels: int64 of (n,).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def tensors(self) -> tuple[Any, Any]:
        """The images, and the labels as int32, as tensors: copied once."""
        import tensorflow as tf

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
        outputs, units = network.respond(tf.constant(network.arrange(data.images[chosen])))
        losses.append(np.asarray(network.cross_entropy(data.labels[chosen], outputs)))
        predicted.append(np.argmax(np.asarray(outputs), axis=1))
        probabilities.append(network.probabilities(outputs))
        active.append(units)
    dead = [float(np.mean(~np.any(of_layer, axis=0))) for of_layer in zip(*active, strict=True)]
    loss = float(np.concatenate(losses).mean(dtype=np.float64))
    return Evaluation(loss, np.concatenate(predicted), np.concatenate(probabilities), dead)
