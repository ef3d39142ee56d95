"""Copies of test images in the training set: the same image, or nearly the same."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, order=True)
class Copy:
    """A test image that is also in the training set.

    Attributes:
        train: index of the training image.
        test: index of the test image.
        is_exact: whether the two have the same pixels.
    """

    train: int
    test: int
    is_exact: bool


def find_copies(train_images: NDArray[np.uint8], test_images: NDArray[np.uint8]) -> list[Copy]:
    """Return the copies of test images in the training set, exact or near, sorted.

    Args:
        train_images: uint8 of shape (n, height, width, channels); may be mapped from a file.
        test_images: uint8 of shape (m, height, width, channels).
    """
    raise NotImplementedError
