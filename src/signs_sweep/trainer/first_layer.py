"""The weights of the first layer of a saved network, as images; read without Keras."""

import io
import json
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WEIGHTS = "model.weights.h5"
"""The file of the weights in a `.keras` file."""

_CONFIG = "config.json"

_MOST_UNITS = 64

_UNREADABLE = (
    *(OSError, LookupError, TypeError, ValueError, RuntimeError, StopIteration),
    zipfile.BadZipFile,
)


def _input_shape(config: dict[str, Any]) -> tuple[int, int, int]:
    """Return height, width and channels of the images that a network takes."""
    layers = config["config"]["layers"]
    shapes = (layer["config"].get("batch_shape") for layer in layers)
    _, height, width, channels = next(filter(None, shapes))
    return int(height), int(width), int(channels)


def first_layer(content: bytes) -> tuple[NDArray[np.uint8], str] | None:
    """Return the weights of the first layer that sees the pixels, and what they are.

    Args:
        content: a `.keras` file.

    Returns:
        uint8 of (units, height, width, channels), at most 64, where 128 is a weight of 0 and each
        unit is scaled to its largest weight, and what they are as text; None if the file has no
        such layer, or cannot be read.
    """
    import h5py

    found: dict[str, NDArray[np.float32]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            config = json.loads(archive.read(_CONFIG))
            weights = io.BytesIO(archive.read(_WEIGHTS))
        shape = _input_shape(config)

        def note(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset) and name.endswith("vars/0"):
                sizes = item.shape
                is_dense = len(sizes) == 2 and sizes[0] == np.prod(shape)
                is_convolution = len(sizes) == 4 and sizes[2] == shape[2] and max(sizes[:2]) > 1
                if is_dense or is_convolution:
                    found[name] = item[()]

        with h5py.File(weights) as file:
            file.visititems(note)
    except _UNREADABLE:
        return None
    if not found:
        return None
    kernel = found[min(found)]
    units = kernel.shape[-1]
    images = np.moveaxis(kernel, -1, 0).reshape(
        units, *(shape if kernel.ndim == 2 else kernel.shape[:3])
    )
    images = images[:_MOST_UNITS].astype(np.float64)
    largest = np.abs(images).max(axis=(1, 2, 3), keepdims=True)
    scaled = 128 + 127 * images / np.where(largest > 0, largest, 1)
    kind = (
        "units of the first dense layer" if kernel.ndim == 2 else "filters of the first convolution"
    )
    number = f"{units:,}" if units <= _MOST_UNITS else f"{_MOST_UNITS} of {units:,}"
    return scaled.round().astype(np.uint8), f"{number} {kind}"
