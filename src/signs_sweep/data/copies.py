"""Near copies: to be replaced when merging."""

import numpy as np
from numpy.typing import NDArray


def find_copies(
    train_images: NDArray[np.uint8], test_images: NDArray[np.uint8]
) -> list[tuple[int, int]]:
    """Return pairs of a training image and a test image that are nearly the same."""
    del train_images, test_images
    return []
