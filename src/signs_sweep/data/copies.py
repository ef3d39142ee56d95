"""Copies of test images in the training set: to be replaced when merging."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, order=True)
class Copy:
    """A test image that is also in the training set."""

    train: int
    test: int
    is_exact: bool


def find_copies(train_images: NDArray[np.uint8], test_images: NDArray[np.uint8]) -> list[Copy]:
    """Return the copies of test images in the training set, exact or near, sorted."""
    del train_images, test_images
    return []
