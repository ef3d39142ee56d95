"""Pictures in a page: what a network classifies, and its weights."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

_GAP = 2
_WIDE = 320
"""A grid of small images is enlarged to about that width in px."""


def picture_png(image: NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 of shape (height, width, channels), as a PNG."""
    from PIL import Image

    if image.shape[2] > 4:
        image = image.mean(axis=2, keepdims=True).astype(np.uint8)
    buffer = BytesIO()
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    picture.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def weights_png(images: NDArray[np.uint8], columns: int) -> bytes:
    """Return images, uint8 of shape (units, height, width, channels), in a grid, as a PNG.

    What is between them is transparent. Images with 1 or 3 channels are shown as they are, others
    as the mean of their channels.
    """
    units, height, width, channels = images.shape
    columns = min(columns, units)
    if channels not in (1, 3):
        images = images.mean(axis=3, keepdims=True).astype(np.uint8)
    images = (np.minimum(images, 251) + 4) // 8 * 8  # Finer steps double the size.
    times = max(_WIDE // (columns * width), 1)
    opaque = np.full((*images.shape[:3], 1), 255, np.uint8)
    cells = np.concatenate((images, opaque), axis=3).repeat(times, axis=1).repeat(times, axis=2)
    _, height, width, channels = cells.shape
    rows = -(-units // columns)
    size = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels)
    grid = np.zeros(size, np.uint8)
    for unit, cell in enumerate(cells):
        top, left = unit // columns * (height + _GAP), unit % columns * (width + _GAP)
        grid[top : top + height, left : left + width] = cell
    return picture_png(grid)
