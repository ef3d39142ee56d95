"""Pictures in a page: what a network classifies, and its weights."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

_GAP = 2
_GROUND = 128
"""A weight of 0."""

_SMALLEST = 320


def picture_png(image: NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 of shape (height, width, channels), as a PNG."""
    from PIL import Image

    if image.shape[2] not in (1, 3, 4):
        image = image.mean(axis=2, keepdims=True).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(
        buffer, "png", optimize=True
    )
    return buffer.getvalue()


def weights_png(images: NDArray[np.uint8], columns: int) -> bytes:
    """Return images, uint8 of shape (units, height, width, channels), side by side as a PNG."""
    units, height, width, channels = images.shape
    rows = -(-units // columns)
    size = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels)
    grid = np.full(size, _GROUND, np.uint8)
    for unit, image in enumerate(images):
        top, left = unit // columns * (height + _GAP), unit % columns * (width + _GAP)
        grid[top : top + height, left : left + width] = image
    times = -(-_SMALLEST // grid.shape[1])
    return picture_png(grid.repeat(times, axis=0).repeat(times, axis=1))
