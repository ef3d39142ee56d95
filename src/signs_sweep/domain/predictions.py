"""What a trained network predicts for the images that it was not trained on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Predictions:
    """The probabilities of a trained network, in inference mode, for some images.

    Attributes:
        images: position of each image in the training set (for the held-out samples) or in the test
            set, from 0, int64 of shape (n,).
        labels: true class of each image, int64 of shape (n,).
        probabilities: of each class, float32 of shape (n, classes).
    """

    images: "NDArray[np.int64]"
    labels: "NDArray[np.int64]"
    probabilities: "NDArray[np.float32]"

    @property
    def predicted(self) -> "NDArray[np.int64]":
        """The most probable class of each image, the first in case of a tie, int64 of (n,)."""
        predicted: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return predicted

    @property
    def is_correct(self) -> "NDArray[np.bool_]":
        """Whether the most probable class of each image is the true class, bool of shape (n,)."""
        correct: NDArray[np.bool_] = self.predicted == self.labels
        return correct
