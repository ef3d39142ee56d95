"""Images and labels that are arrays: `.npz` files with the names of Keras."""

import warnings
import zipfile
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.reading import problem_of_type
from signs_sweep.errors import DataError
from signs_sweep.importing.files import reading
from signs_sweep.importing.items import PARTS, Collection, Item
from signs_sweep.process.memory import available_memory, gigabytes

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGEST_HEADER = 65_536
"""Bytes of the header of an array. NumPy reads one of any length that the file states."""

Arrays = Mapping[str, tuple[NDArray[Any], NDArray[Any]]]
"""By part, images of shape (n, height, width) or (n, height, width, channels), and labels."""


def read_npz(path: Path) -> Collection:
    """Return the images of an `.npz` file.

    It has `x_train` and `y_train`, and possibly `x_test`, `y_test`, `x_val` and `y_val`.

    Raises:
        DataError: the file is missing, damaged or has other arrays, or its images or labels have
            the wrong type or shape.
    """
    return collect(npz_arrays(path), str(path))


def npz_arrays(path: Path) -> Arrays:
    """Return the arrays of an `.npz` file as they are stored.

    Raises:
        DataError: it cannot be read, or has other arrays.
    """
    with reading(path), zipfile.ZipFile(path) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # About headers of old versions of NumPy.
        names = sorted(name.removesuffix(".npy") for name in archive.namelist())
        found = [part for part in PARTS if f"x_{part}" in names]
        missing = {f"{axis}_{part}" for part in ("train", *found) for axis in "xy"} - set(names)
        if missing:
            raise DataError(
                f"{path} has no array {' and no array '.join(sorted(missing))}. Its arrays: "
                f"{', '.join(names[:10]) or 'none'}. Store np.savez({path.name!r}, "
                "x_train=..., y_train=..., x_test=..., y_test=...)."
            )
        return {part: _pair(archive, path, f"x_{part}", f"y_{part}") for part in found}


def _pair(
    archive: zipfile.ZipFile, path: Path, x: str, y: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    return _array(archive, path, x), _array(archive, path, y)


def _array(archive: zipfile.ZipFile, path: Path, name: str) -> NDArray[Any]:
    """Read an array, after its header: that says how much memory it takes."""
    from numpy.lib import format as npy

    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        first = BytesIO(file.read(_LONGEST_HEADER))
        version = npy.read_magic(first)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = header(first)
    if dtype.hasobject:
        raise DataError(
            f"{path}: {name} holds Python objects, which are not read since they can contain "
            "programs. Store images as uint8 of the same size, and labels as integers."
        )
    if prod(shape) * dtype.itemsize != info.file_size - first.tell():
        raise ValueError(f"{name} is truncated")
    check_memory(path, info.file_size)
    with archive.open(info) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


def check_memory(path: Path, size: int) -> None:
    """Check that a number of bytes fits into memory.

    Raises:
        DataError: it does not.
    """
    available = available_memory()
    if available is not None and size > available:
        raise DataError(
            f"{path} needs {gigabytes(size)} of memory, but only {gigabytes(available)} is "
            "available. Use fewer images, or a machine with more memory."
        )


def collect(
    arrays: Arrays,
    source: str,
    *,
    classes: tuple[str, ...] | None = None,
    licence: str = "",
    citation: str = "",
) -> Collection:
    """Return arrays as a collection. Images keep their size and channels.

    Without a test set, the training images are to be split.

    Args:
        arrays: the arrays of each part.
        source: where they come from.
        classes: names of the labels 0, 1, ...; None if labels are names, or have none.
        licence: licence of the images.
        citation: how to cite them.

    Raises:
        DataError: images or labels have the wrong type or shape.
    """
    items: list[Item] = []
    shapes: dict[str, tuple[int, ...]] = {}
    for part, (stored, labels) in arrays.items():
        images = _checked_images(stored, f"{source}: x_{part}")
        names = _names(labels, len(images), classes, f"{source}: y_{part}")
        shapes[f"x_{part}"] = images.shape[1:]
        goal = None if part == "train" and "test" not in arrays else part
        items += (
            Item(f"x_{part}[{row}]", name, goal, None, partial(_picture, images, row))
            for row, name in enumerate(names)
        )
    if len(set(shapes.values())) > 1:
        sizes = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(f"{source}: the shapes of the images differ: {sizes}. Store equal shapes.")
    height, width, channels = shapes["x_train"]
    return Collection(
        tuple(items),
        classes,
        source,
        size=(height, width),
        channels=1 if channels == 1 else 3,
        licence=licence,
        citation=citation,
    )


def _picture(images: NDArray[np.uint8], row: int) -> "Image":
    from PIL import Image

    image = images[row]
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def _checked_images(images: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if images.dtype != np.uint8:
        raise DataError(f"{name} {problem_of_type(images.dtype)}")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4) or not images.size:
        raise DataError(
            f"{name} has the shape {images.shape}; it should be (images, height, width) or "
            "(images, height, width, channels) with 1, 3 or 4 channels."
        )
    return images


def _names(
    labels: NDArray[Any], number: int, classes: tuple[str, ...] | None, name: str
) -> list[str]:
    """Return the name of the class of each image."""
    if labels.ndim == 2 and labels.shape[1] > 1 and len(labels) == number:
        labels = _from_one_hot(labels, name)
    if labels.shape not in ((number,), (number, 1)):
        raise DataError(
            f"{name} has the shape {labels.shape}; it should be ({number},), one label for each "
            "image, or one-hot."
        )
    values = labels.reshape(-1)
    if values.dtype.kind == "S":
        return [value.decode(errors="backslashreplace") for value in values.tolist()]
    if values.dtype.kind == "U":
        return list(map(str, values.tolist()))
    if values.dtype.kind not in "iu":
        hint = " Store labels.astype('int64')." if values.dtype.kind in "fb" else ""
        raise DataError(f"{name} holds {values.dtype}; labels should be integers or names.{hint}")
    if classes is None:
        return list(map(str, values.tolist()))
    wrong = np.flatnonzero((values < 0) | (values >= len(classes)))
    if len(wrong):
        raise DataError(
            f"{name}: label {values[wrong[0]]} of image {wrong[0]} is not from 0 to "
            f"{len(classes) - 1}"
        )
    return [classes[value] for value in values.tolist()]


def _from_one_hot(labels: NDArray[Any], name: str) -> NDArray[np.int64]:
    if labels.dtype.kind in "iufb":
        is_one = labels == 1
        wrong = np.flatnonzero((is_one.sum(axis=1) != 1) | ((labels != 0) & ~is_one).any(axis=1))
        if not len(wrong):
            return np.asarray(is_one.argmax(axis=1), np.int64)
        raise DataError(
            f"{name} has the shape {labels.shape}, but row {wrong[0]} is not one-hot: it should "
            "have a single 1, and else zeros."
        )
    raise DataError(f"{name} holds {labels.dtype}; labels should be integers or names.")
