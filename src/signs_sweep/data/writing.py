"""Writing a dataset to its files."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.dataset import Dataset
from signs_sweep.data.layout import FILES, ORIGIN
from signs_sweep.data.origin import Origin
from signs_sweep.errors import DataError
from signs_sweep.process.durable import replacing

_BYTES_WRITTEN = 16_000_000
"""Images are written in pieces of about this size, so that they need not fit into memory."""

_BYTES_IN_CHUNK = 1_000_000
"""Chunks consist of whole images: h5py's own choice divides them, which is read 8 times slower."""


@dataclass(frozen=True, eq=False)
class Part:
    """One of the files of a dataset.

    Attributes:
        images: uint8 of shape (n, height, width, channels); may be mapped from a file.
        labels: int64 of shape (n,).
        groups: names of shape (n,), or None.
        rows: indices of those that belong to this part, int64, in the order in which they are
            written; None for all.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_] | None = None
    rows: NDArray[np.int64] | None = None

    def chosen(self) -> NDArray[np.int64]:
        """Return the indices of the images that belong to this part."""
        return np.arange(len(self.labels)) if self.rows is None else self.rows


def write_dataset(dataset: Dataset, folder: Path) -> None:
    """Write a dataset as `train_signs.h5` and `test_signs.h5`; see `write_parts`.

    Args:
        dataset: the dataset to write, without a given validation set.
        folder: target folder; it is created if necessary, and existing files are replaced.

    Raises:
        DataError: the folder cannot be written to.
    """
    parts = {
        "train": Part(dataset.train_images, dataset.train_labels, dataset.train_groups),
        "test": Part(dataset.test_images, dataset.test_labels, dataset.test_groups),
    }
    write_parts(folder, parts, dataset.classes, drawn=dataset.drawn, origin=dataset.origin)


def write_parts(
    folder: Path,
    parts: Mapping[str, Part],
    classes: Sequence[str],
    *,
    drawn: bool = False,
    origin: Origin | None = None,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Write the files of a dataset.

    A reader never finds a partial file, even while another process writes the same dataset. The
    training set is written last: where it is, the dataset is complete.

    Args:
        folder: target folder; it is created if necessary, and existing files are replaced.
        parts: the parts `train`, `test` and possibly `val`.
        classes: names of the classes.
        drawn: whether the images are drawn by this package.
        origin: where the images come from.
        on_progress: called with the number of images that are written and of all.

    Raises:
        DataError: the folder cannot be written to.
    """
    import h5py

    done, total = 0, sum(len(part.chosen()) for part in parts.values())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(parts, key=("val", "test", "train").index):
            with (
                replacing(folder / FILES[name], has_rivals=True) as aside,
                # Newer than HDF5's default: it has checksums for everything but the values.
                h5py.File(aside, "x", libver=("v108", "v108")) as file,
            ):
                file.attrs["drawn"] = drawn
                if origin is not None:
                    file.attrs[ORIGIN] = np.bytes_(origin.to_json().encode())
                for number in _write_part(file, name, parts[name], classes):
                    done += number
                    on_progress(done, total)
    except OSError as error:
        raise DataError(
            f"cannot write the dataset to {folder}: {_reason(error)}. "
            "Choose a writable folder with enough free space."
        ) from error


def _reason(error: OSError) -> str:
    """Return the reason of an error; the text of HDF5 has internals, such as addresses."""
    return os.strerror(error.errno) if error.errno else "HDF5 cannot write its files"


def _write_part(file: Any, name: str, part: Part, classes: Sequence[str]) -> Iterator[int]:
    """Write the arrays of a part, and yield the number of images of each piece.

    The checksums let a reader notice a damaged file.
    """
    rows = part.chosen()
    others: dict[str, NDArray[Any]] = {
        f"{name}_set_y": part.labels[rows],
        "list_classes": np.array([text.encode() for text in classes]),
    }
    if part.groups is not None:
        others[f"{name}_set_groups"] = np.char.encode(part.groups[rows], "utf-8")
    shape = (len(rows), *part.images.shape[1:])
    of_image = max(prod(shape[1:]), 1)
    a_chunk = max(min(_BYTES_IN_CHUNK // of_image, len(rows)), 1)
    chunks = (a_chunk, *shape[1:]) if prod(shape) else True
    written = file.create_dataset(f"{name}_set_x", shape, np.uint8, chunks=chunks, fletcher32=True)
    step = max(_BYTES_WRITTEN // (a_chunk * of_image), 1) * a_chunk
    for first in range(0, len(rows), step):
        piece = rows[first : first + step]
        written[first : first + step] = part.images[piece]
        yield len(piece)
    for key, array in others.items():
        file.create_dataset(key, data=array, chunks=True, fletcher32=True)
