"""What a trained network predicts for the images that it was not trained on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Answers(NamedTuple):
    """Which images a run classifies correctly: a small part of its predictions.

    Attributes:
        images: position of each image in its set, int32 of shape (n,).
        is_correct: whether the run classifies it correctly, bool of shape (n,).
    """

    images: "NDArray[np.int32]"
    is_correct: "NDArray[np.bool_]"


@dataclass(frozen=True, eq=False)
class Predictions:
    """The probabilities of a trained network, in inference mode, for some images.

    Attributes:
        images: position of each image in the training set (for the held-out samples) or in the test
            set, from 0, int64 of shape (n,).
        labels: true class of each image, int64 of shape (n,).
        probabilities: of each class, float32 of shape (n, classes).
        classes: names of the classes, if they were read from a store that has them; else empty.
    """

    images: "NDArray[np.int64]"
    labels: "NDArray[np.int64]"
    probabilities: "NDArray[np.float32]"
    classes: tuple[str, ...] = ()

    @property
    def predicted(self) -> "NDArray[np.int64]":
        """The most probable class of each image, the first in case of a tie, int64 of (n,)."""
        predicted: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return predicted

    @property
    def answers(self) -> Answers:
        """For which images the most probable class is the true class."""
        return Answers(self.images.astype("int32"), self.predicted == self.labels)
