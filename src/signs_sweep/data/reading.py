"""Reading a dataset from its files, and checking it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.arrays import ArrayFile, StoredArray
from signs_sweep.data.dataset import Dataset
from signs_sweep.data.layout import FILES, ORIGIN
from signs_sweep.data.origin import Origin
from signs_sweep.errors import DataError

_ARRAYS = ("x", "y", "groups")
"""Ends of the names of the arrays that a file has for its part."""

_MOST_NAMED = 10
"""Maximum number of names in a message."""

LONGEST_NAME = 10_000
"""Bytes of a name of a class or group."""


def read_dataset(
    train: Path, test: Path, name: str, *, validation: Path | None = None, drawn: bool = False
) -> Dataset:
    """Read a dataset into memory and check it.

    Args:
        train: file with the training set.
        test: file with the test set.
        name: name of the dataset.
        validation: file with the validation set; its images follow those of the training set.
        drawn: whether it is the drawn dataset. Files of `write_dataset` also store this.

    Returns:
        The dataset, with arrays that cannot be written to.

    Raises:
        DataError: a file is missing, damaged, larger than the available memory or not in the
            layout above, there is nothing to learn from it, or the two files do not match.
    """
    of_train, of_test = _read_part(train, "train", test), _read_part(test, "test", train)
    _check_match(train, of_train, test, of_test)
    given = 0
    if validation is not None:
        of_validation = _read_part(validation, "val", train)
        _check_match(train, of_train, validation, of_validation)
        of_train, given = _joined(of_train, of_validation), len(of_validation.labels)
    return Dataset(
        name,
        of_train.images,
        of_train.labels,
        of_test.images,
        of_test.labels,
        of_train.classes,
        drawn or of_train.drawn or of_test.drawn,
        of_train.groups,
        of_test.groups,
        given,
        of_train.origin,
    )


def _check_match(train: Path, of_train: "_Read", other: Path, of_other: "_Read") -> None:
    for what, expected, found in (
        ("images of shape", of_train.images.shape[1:], of_other.images.shape[1:]),
        ("the classes", of_train.classes, of_other.classes),
    ):
        if expected != found:
            raise DataError(
                f"the training set and the {of_other.title} set do not match: {train} has {what} "
                f"{_join(expected)}, {other} has {what} {_join(found)}"
            )
    for file, part in ((train, of_train), (other, of_other)):
        if len(np.unique(part.labels)) == 1:
            raise DataError(
                f"{file}: all labels in {part.name}_set_y are {part.labels[0]}. Images of at least "
                "two classes are needed."
            )


def _joined(first: "_Read", second: "_Read") -> "_Read":
    """Return a training set and a validation set as one."""
    groups = None
    if (first.groups is None) != (second.groups is None):
        raise DataError("only one of the training set and the validation set has groups")
    if first.groups is not None and second.groups is not None:
        groups = _fixed(np.concatenate([first.groups, second.groups]))
    images = _fixed(np.concatenate([first.images, second.images]))
    labels = _fixed(np.concatenate([first.labels, second.labels]))
    return replace(first, images=images, labels=labels, groups=groups)


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class _Read:
    """What was read from one of the files."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: NDArray[np.str_] | None
    drawn: bool
    origin: Origin | None

    @property
    def title(self) -> str:
        return "validation" if self.name == "val" else self.name


def _read_part(path: Path, part: str, other: Path) -> _Read:
    """Read and check one of the files."""
    with ArrayFile(path) as file:
        images, labels, classes = (
            _find(file, key, other) for key in (f"{part}_set_x", f"{part}_set_y", "list_classes")
        )
        names = _read_classes(classes)
        _check_image_type(images)
        read_labels = _read_labels(labels, path, images, len(names))
        groups = file.find(key := f"{part}_set_groups")
        if groups is None and (advice := _advice(file, key, file.names(), other)):
            raise DataError(f"{path} has no array '{key}'.{advice}")
        read_groups = None if groups is None else _read_groups(groups, len(read_labels))
        read_images = images.read()
        # Another program may use this name for a different attribute.
        drawn = isinstance(mark := file.attribute("drawn"), np.bool_) and bool(mark)
        origin = Origin.from_json(file.attribute(ORIGIN))
    _check_pixels(read_images, path, images.name)
    images_read, labels_read = _fixed(read_images), _fixed(read_labels)
    return _Read(part, images_read, labels_read, names, read_groups, drawn, origin)


def _find(file: ArrayFile, key: str, other: Path) -> StoredArray:
    array = file.find(key)
    if array is None:
        names = file.names()
        raise DataError(
            f"{file.path} has no array '{key}'. Its arrays: {_join(names) if names else 'none'}."
            + _advice(file, key, names, other)
        )
    return array


def _advice(file: ArrayFile, key: str, names: Sequence[str], other: Path) -> str:
    """Return what to do about an array that a file does not have, or an empty string."""
    part = key.partition("_")[0]
    others = key.replace(part, "test" if part == "train" else "train")
    if others in names and key != others:
        with ArrayFile(other) as second:
            is_swapped = second.find(key) is not None and not second.find(others)
        if is_swapped:
            return f" The two files are swapped: {other} has this array."
        if not file.path.samefile(other):
            return f" If '{others}' is this array, rename it to '{key}'."
    layout = ("list_classes", *(f"{p}_set_{a}" for p in FILES for a in _ARRAYS))
    nearest = get_close_matches(key, [name for name in names if name not in layout], n=1)
    return f" If '{nearest[0]}' is this array, rename it to '{key}'." if nearest else ""


def _read_classes(classes: StoredArray) -> tuple[str, ...]:
    if classes.shape is None or len(classes.shape) != 1 or not classes.shape[0]:
        hint = " Store list_classes.reshape(-1)." if classes.size else ""
        raise classes.error(
            f"has the shape {classes.shape}; it should be one-dimensional, such as (6,), with a "
            f"name or a number for each class.{hint}"
        )
    if classes.dtype.kind not in "iufb" and not _is_text(classes):
        raise classes.error(
            f"holds {classes.dtype}; it should hold a name or a number for each class. "
            "Store names as np.array([b'cat', b'dog'])."
        )
    names = tuple(map(printable_name, classes.read().tolist()))
    if len(set(names)) < len(names):
        twice = next(name for position, name in enumerate(names) if name in names[:position])
        raise classes.error(f"names a class twice: {_join([twice])}")
    return names


def _is_text(array: StoredArray) -> bool:
    from h5py import check_string_dtype

    if array.dtype.itemsize > LONGEST_NAME:  # For a damaged size, HDF5 may read any memory.
        raise array.error(
            f"has names of {array.dtype.itemsize:,} bytes; at most {LONGEST_NAME:,} are possible"
        )
    return array.dtype.kind in "SU" or check_string_dtype(array.dtype) is not None


def printable_name(value: object) -> str:
    """Return a name that any terminal and page can show: unprintable characters are escaped."""
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _check_image_type(images: StoredArray) -> None:
    shape = images.shape or ()
    if len(shape) != 4:
        grey = f" Store grey images as images[..., None], of shape {(*shape, 1)}."
        raise images.error(
            f"has the shape {images.shape}; it should be (images, height, width, channels)."
            + (grey if len(shape) == 3 else "")
        )
    if images.dtype != np.uint8:
        raise images.error(problem_of_type(images.dtype))
    if not images.size:
        raise images.error(f"is empty: its shape is {shape}")


def problem_of_type(dtype: np.dtype[Any]) -> str:
    """Return what is wrong with images of a type that is not uint8, and what to store."""
    hint = " If the values already have this range, store images.astype('uint8')."
    if dtype.kind == "f":
        hint += " If they range from 0 to 1, store (images * 255).round().astype('uint8')."
    elif dtype.kind == "b":
        hint = " Store images.astype('uint8') * 255."
    return f"holds {dtype}; images should be uint8, from 0 to 255." + (
        hint if dtype.kind in "iufb" else ""
    )


def _check_pixels(images: NDArray[np.uint8], path: Path, key: str) -> None:
    """Refuse images that are all the same, which is a mistake of the program that wrote them."""
    if images.min() == images.max():
        raise DataError(
            f"{path}: every pixel of every image in {key} is {images.flat[0]}. Write the array "
            "again; there is nothing to learn from these images."
        )
    if len(images) > 1 and all(np.array_equal(image, images[0]) for image in images):
        raise DataError(
            f"{path}: all {len(images):,} images in {key} are the same. Write the array again; "
            "there is nothing to learn from these images."
        )


def _read_labels(
    labels: StoredArray, path: Path, images: StoredArray, classes: int
) -> NDArray[np.int64]:
    key, number = labels.name, (images.shape or (0,))[0]
    if labels.shape is None or len(labels.shape) != 1:
        hint = ""
        if labels.size == number:
            hint = " Store labels.reshape(-1)."
        elif labels.shape == (number, classes):
            hint = " Store labels.argmax(axis=1)."
        raise labels.error(
            f"has the shape {labels.shape}; it should be ({number},), one label for each image."
            + hint
        )
    if labels.dtype.kind not in "iufb":
        raise labels.error(f"holds {labels.dtype}; labels should be integers")
    if labels.shape != (number,):
        raise DataError(f"{path}: {labels.shape[0]:,} labels in {key}, but {number:,} images")
    values = labels.read()
    if values.dtype.kind not in "iu":
        numbers = values.astype(np.float64)
        odd = np.flatnonzero(~np.isfinite(numbers) | (numbers != np.trunc(numbers)))
        reason = f", and label {values[odd[0]]} of image {odd[0]} is not" if len(odd) else ""
        hint = "" if len(odd) else ". Store labels.astype('int64')."
        raise labels.error(f"holds {values.dtype}; labels should be integers{reason}{hint}")
    wrong = np.flatnonzero((values < 0) | (values >= classes))
    if len(wrong):
        is_from_one = values.min() == 1 and values.max() == classes
        raise DataError(
            f"{path}: label {values[wrong[0]]} of image {wrong[0]} in {key} is out of range. "
            f"Labels count from 0, and list_classes has {classes} classes: 0 to {classes - 1}."
            + (" Store labels - 1." if is_from_one else "")
        )
    return values.astype(np.int64)


def _read_groups(groups: StoredArray, number: int) -> NDArray[np.str_]:
    if groups.shape != (number,):
        hint = f" Store groups.reshape({number})." if groups.size == number else ""
        raise groups.error(
            f"has the shape {groups.shape}; it should be ({number},), one group for each image."
            + hint
        )
    if groups.dtype.kind not in "iu" and not _is_text(groups):
        hint = " Store groups.astype('int64')." if groups.dtype.kind in "fb" else ""
        raise groups.error(f"holds {groups.dtype}; groups should be integers or names.{hint}")
    names = np.array([printable_name(value) for value in groups.read().tolist()])
    unnamed = np.flatnonzero(names == "")
    if len(unnamed):
        raise groups.error(
            f"has no group for {len(unnamed):,} images; the first is image {unnamed[0]}. Store a "
            "different name for each image that belongs to no group."
        )
    names.flags.writeable = False
    return names


def _join(values: Sequence[object]) -> str:
    """Return names for a message: the first of many, each cut to fit a line."""
    shown = [printable_name(value)[:40] for value in values[:_MOST_NAMED]]
    rest = len(values) - len(shown)
    return f"({', '.join(shown)}{f', and {rest:,} more' if rest else ''})"
