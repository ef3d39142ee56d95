"""Datasets as a pair of HDF5 files, in the layout in which the SIGNS photos were published.

`train_signs.h5` holds `train_set_x` (uint8, (n, height, width, channels)), `train_set_y`
(integers, (n,)) and `list_classes` ((classes,)); `test_signs.h5` the same with `test_`.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.dataset import Dataset
from signs_sweep.errors import DataError

TRAIN_FILE = "train_signs.h5"
TEST_FILE = "test_signs.h5"


def read_dataset(train: Path, test: Path, name: str, *, drawn: bool = False) -> Dataset:
    """Read a dataset into memory and check it.

    Args:
        train: file with the training set.
        test: file with the test set.
        name: name of the dataset.
        drawn: whether it is the drawn one. Files that `write_dataset` made know it themselves.

    Returns:
        The dataset, with arrays that cannot be written to.

    Raises:
        DataError: a file is missing, damaged or not in the layout above, or the two do not
            belong together.
    """
    train_images, train_labels, train_classes, train_drawn = _read_part(train, "train")
    test_images, test_labels, test_classes, test_drawn = _read_part(test, "test")
    for what, of_train, of_test in (
        ("images of shape", train_images.shape[1:], test_images.shape[1:]),
        ("the classes", train_classes, test_classes),
    ):
        if of_train != of_test:
            raise DataError(
                f"the training and the test set do not belong together: {train} has {what} "
                f"{_join(of_train)}, {test} has {what} {_join(of_test)}"
            )
    return Dataset(
        name=name,
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        classes=train_classes,
        drawn=drawn or train_drawn or test_drawn,
    )


def write_dataset(dataset: Dataset, folder: Path) -> None:
    """Write a dataset as `train_signs.h5` and `test_signs.h5`.

    Each file is written aside and renamed, so a reader finds a whole file or none, also while
    another process writes the same dataset.

    Args:
        dataset: what to write.
        folder: where to; it is made if need be, and files of these names are replaced.

    Raises:
        DataError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, prefix, images, labels in (
            (TRAIN_FILE, "train", dataset.train_images, dataset.train_labels),
            (TEST_FILE, "test", dataset.test_images, dataset.test_labels),
        ):
            arrays: dict[str, NDArray[Any]] = {
                f"{prefix}_set_x": images,
                f"{prefix}_set_y": labels,
                "list_classes": np.array([text.encode() for text in dataset.classes]),
            }
            _write_file(folder / file, arrays, drawn=dataset.drawn)
    except OSError as error:
        raise DataError(
            f"cannot write the dataset to {folder}: {error.strerror or error}. "
            "Choose a folder that you may write to and that has space left."
        ) from error


def _write_file(path: Path, arrays: Mapping[str, NDArray[Any]], *, drawn: bool) -> None:
    import h5py

    aside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with h5py.File(aside, "x") as file:
            file.attrs["drawn"] = drawn
            for key, array in arrays.items():
                # The checksum lets a reader notice a damaged file.
                file.create_dataset(key, data=array, chunks=True, fletcher32=True)
        with aside.open("rb+") as written:
            os.fsync(written.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _read_part(
    path: Path, prefix: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...], bool]:
    """Read and check one of the two files."""
    import h5py

    if not path.is_file():
        raise DataError(
            f"{path} is {'no file' if path.exists() else 'not there'}. It should hold the "
            f"{prefix} set as HDF5."
        )
    try:
        with h5py.File(path, "r") as file:
            images = _array(file, path, f"{prefix}_set_x")
            labels = _array(file, path, f"{prefix}_set_y")
            classes = _array(file, path, "list_classes")
            drawn = bool(file.attrs.get("drawn", False))
    except OSError as error:
        reason = (
            "it is damaged or was cut short. Fetch or make it again"
            if path.stat().st_size and h5py.is_hdf5(path)
            else "it is not an HDF5 file"
        )
        raise DataError(f"{path} cannot be read: {reason} ({error})") from error
    names = _class_names(classes, path)
    _check_images(images, path, f"{prefix}_set_x")
    _check_labels(labels, path, f"{prefix}_set_y", len(images), len(names))
    labels = labels.astype(np.int64)
    images.flags.writeable = labels.flags.writeable = False
    return images, labels, names, drawn


def _array(file: Any, path: Path, key: str) -> NDArray[Any]:
    import h5py

    if not isinstance(file.get(key), h5py.Dataset):
        nearest = get_close_matches(key, file, n=1)
        raise DataError(
            f"{path} has no array '{key}'. It has: {', '.join(sorted(file)) or 'nothing'}."
            + (f" Is it '{nearest[0]}'? Then rename that one." if nearest else "")
        )
    return np.asarray(file[key][()])


def _class_names(classes: NDArray[Any], path: Path) -> tuple[str, ...]:
    if classes.ndim != 1 or not len(classes):
        raise DataError(
            f"{path}: list_classes has the shape {classes.shape}; it should list the classes, one "
            "name or number each, as in (6,)"
        )
    names = tuple(
        item.decode(errors="replace") if isinstance(item, bytes) else str(item)
        for item in classes.tolist()
    )
    if len(set(names)) < len(names):
        raise DataError(f"{path}: list_classes names a class twice: {', '.join(names)}")
    return names


def _check_images(images: NDArray[Any], path: Path, key: str) -> None:
    if images.ndim != 4:
        hint = f" For grey images that is {(*images.shape, 1)}." if images.ndim == 3 else ""
        raise DataError(
            f"{path}: {key} has the shape {images.shape}; it should be (images, height, width, "
            f"channels).{hint}"
        )
    if images.dtype != np.uint8:
        hint = " Images in [0, 1] are times 255." if images.dtype.kind == "f" else ""
        raise DataError(
            f"{path}: {key} holds {images.dtype}; images should be uint8, from 0 to 255.{hint}"
        )
    if not images.size:
        raise DataError(f"{path}: {key} is empty, its shape is {images.shape}")


def _check_labels(labels: NDArray[Any], path: Path, key: str, images: int, classes: int) -> None:
    if labels.ndim != 1:
        raise DataError(
            f"{path}: {key} has the shape {labels.shape}; it should be ({images},), one label an "
            "image." + (" Store labels.reshape(-1)." if labels.size == images else "")
        )
    if labels.dtype.kind not in "iu":
        raise DataError(f"{path}: {key} holds {labels.dtype}; labels should be integers")
    if len(labels) != images:
        raise DataError(f"{path}: {len(labels):,} labels in {key}, but {images:,} images")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise DataError(
            f"{path}: label {labels[wrong[0]]} of image {wrong[0]} in {key} is out of range. "
            f"Labels count from 0, and list_classes has {classes}: 0 to {classes - 1}."
        )


def _join(values: tuple[object, ...]) -> str:
    return f"({', '.join(map(str, values))})"
