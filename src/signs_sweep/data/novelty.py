"""A stub, in the place of the rule that marks images that are unlike the training data."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class NoveltyRule:
    """Marks images whose mean is outside of the range in the training set.

    Attributes:
        limits: smallest and largest mean of a training image, float64 of (2,).
    """

    limits: NDArray[np.float64]

    @classmethod
    def fit(cls, images: NDArray[np.uint8]) -> "NoveltyRule":
        """Return the rule for training images, uint8 of (n, height, width, channels)."""
        means = images.mean((1, 2, 3))
        return cls(np.array([means.min(), means.max()]))

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return how unlike the training data images are, (n,)."""
        means = images.mean((1, 2, 3))
        outside: NDArray[np.float64] = np.maximum(self.limits[0] - means, means - self.limits[1])
        return outside

    def flags(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which images are unlike the training data, (n,)."""
        return self.scores(images) > 0

    def to_bytes(self) -> bytes:
        """Return the rule as the content of a file."""
        file = io.BytesIO()
        np.savez_compressed(file, limits=self.limits)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "NoveltyRule":
        """Return the rule that `to_bytes` gave."""
        with np.load(io.BytesIO(content)) as arrays:
            return cls(arrays["limits"])
