"""Arranging pictures: their classes, groups and parts."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data import split_rows
from signs_sweep.data.reading import LONGEST_NAME
from signs_sweep.errors import DataError
from signs_sweep.importing.items import Collection, Item, printable

_MOST_NAMED = 10
"""Classes in a message."""

Rows = NDArray[np.int64]
"""Indices of pictures, ascending."""


def classes_of(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the classes in order: numbers by value, and then the others."""

    def key(name: str) -> tuple[bool, int, str]:
        is_number = name.isascii() and name.isdecimal()
        return not is_number, int(name[:18]) if is_number else 0, name

    return tuple(sorted(set(labels), key=key))


def class_names(collection: Collection) -> dict[str, str]:
    """Return the name of the class of each label, as files and terminals can hold it.

    Raises:
        DataError: a name is too long, two classes would have the same name, or a label is not one
            of the classes of the collection.
    """
    names: dict[str, str] = {}
    first: dict[str, str] = {}
    for label in collection.classes or dict.fromkeys(item.label for item in collection.items):
        name = names[label] = printable(label)
        _check_length("class", name)
        written = label if collection.classes else normalize("NFC", label)
        if (other := first.setdefault(name, written)) != written:
            raise DataError(
                f"the classes {ascii(other)[:60]} and {ascii(written)[:60]} would have the same "
                "name in the files, where special characters are escaped. Rename one of them."
            )
    for item in collection.items:
        if item.label not in names:
            raise DataError(
                f"{item.name} has the class '{printable(item.label)[:40]}', which is not among the "
                f"{len(names):,} classes of {collection.source}"
            )
    return names


def groups_of(items: Sequence[Item]) -> NDArray[np.str_] | None:
    """Return the group of each picture, its own if it has none; None if no picture has a group.

    Raises:
        DataError: the name of a group is too long.
    """
    if all(item.group is None for item in items):
        return None
    names = [item.group or item.name for item in items]
    for name in names:
        _check_length("group", name)
    return np.array(names)


def _check_length(kind: str, name: str) -> None:
    if (size := len(name.encode())) > LONGEST_NAME:
        raise DataError(
            f"the name of the {kind} '{name[:40]}...' has {size:,} bytes; at most "
            f"{LONGEST_NAME:,} are possible"
        )


def split_off_test(
    rows: Rows,
    labels: NDArray[np.int64],
    groups: NDArray[np.str_] | None,
    classes: Sequence[str],
    fraction: float,
    seed: int,
) -> tuple[Rows, Rows]:
    """Split pictures into a training set and a test set, with every class in both.

    If the groups of a class are too large for its fraction, the smallest is in the test set.

    Args:
        rows: the pictures to split.
        labels: label of each picture, also of those that are not split.
        groups: likewise; no group is divided.
        classes: names of the classes.
        fraction: fraction of every class for the test set.
        seed: which of the splits.

    Raises:
        DataError: a class has too few pictures or groups.
    """
    units = rows if groups is None else rows[_first_of_each(labels[rows], groups[rows])]
    least = max(2, ceil(0.5 / fraction)) if groups is None else 2
    sizes = np.bincount(labels[units], minlength=len(classes))
    small = np.flatnonzero((sizes > 0) & (sizes < least))
    if len(small):
        kind = "picture" if groups is None else "group"
        found = [
            f"class '{classes[label][:40]}' has {size} {kind}{'s' if size > 1 else ''}"
            for label, size in zip(small[:_MOST_NAMED], sizes[small], strict=False)
        ]
        rest = [f"{len(small) - len(found):,} more have too few"] * (len(small) > len(found))
        lost = int(np.isin(labels, small).sum() - np.isin(labels[rows], small).sum())
        raise DataError(
            f"{', '.join(found + rest)}; a test set of {fraction:g} of each class needs at least "
            f"{least}"
            + (
                f" ({lost:,} more are unreadable, dropped as copies, or in the validation set)"
                if lost
                else ""
            )
            + ". Add some"
            + (", choose a larger --test" if sizes[small].max() > 1 else "")
            + f", or remove the class{'es' if len(small) > 1 else ''}."
        )
    try:
        train, test = split_rows(
            labels[rows], None if groups is None else groups[rows], fraction, seed=seed
        )
    except DataError as error:
        raise DataError(
            f"no test set of {fraction:g} can be split off: groups of pictures are not divided. "
            "Choose another --test or --seed, add the column split, or leave out the column group."
        ) from error
    if groups is None:
        return rows[train], rows[test]
    return _with_every_class(rows[train], rows[test], labels, groups, classes)


def _with_every_class(
    train: Rows,
    test: Rows,
    labels: NDArray[np.int64],
    groups: NDArray[np.str_],
    classes: Sequence[str],
) -> tuple[Rows, Rows]:
    """Move a group of each class that the test set lacks there, if possible its smallest."""
    while len(missing := np.setdiff1d(labels[train], labels[test])):
        label = missing[0]
        names, sizes = np.unique(groups[train[labels[train] == label]], return_counts=True)
        for name in names[np.argsort(sizes, kind="stable")]:
            moved = groups[train] == name
            # Not the last group of a different class.
            if not len(np.setdiff1d(labels[train[moved]], labels[train[~moved]])):
                train, test = train[~moved], np.sort(np.append(test, train[moved]))
                break
        else:
            shown = ", ".join(name[:40] for name in names[:5].tolist())
            raise DataError(
                f"class '{classes[label][:40]}' has no group for the test set: each of its "
                f"{len(names)} groups ({shown}) is needed in the training set. Add some, or choose "
                "another --test or --seed."
            )
    return train, test


def _first_of_each(labels: NDArray[np.int64], groups: NDArray[np.str_]) -> Rows:
    """Return the index of the first picture of each group of each class."""
    _, numbers = np.unique(groups, return_inverse=True)
    _, first = np.unique(np.stack([labels, numbers]), axis=1, return_index=True)
    return first


def without_repeats(rows: Rows, labels: NDArray[np.int64], digests: Sequence[bytes]) -> Rows:
    """Return the pictures without those whose image an earlier picture of the class has, too."""
    first: dict[tuple[int, bytes], int] = {}
    for row in rows.tolist():
        first.setdefault((int(labels[row]), digests[row]), row)
    return np.array(sorted(first.values()), np.int64)


def contradictions(rows: Rows, labels: Sequence[str], digests: Sequence[bytes]) -> list[list[int]]:
    """Return the pictures with equal images of which not all have the same label, by image."""
    by_image: dict[bytes, list[int]] = {}
    for row in rows.tolist():
        by_image.setdefault(digests[row], []).append(row)
    return [equal for equal in by_image.values() if len({labels[row] for row in equal}) > 1]


def check_groups(
    parts: Mapping[str, Rows], groups: NDArray[np.str_] | None, items: Sequence[Item]
) -> None:
    """Check that no group is in two parts.

    Raises:
        DataError: a group is.
    """
    seen: dict[str, tuple[str, str]] = {}
    if groups is None:
        return
    for part, rows in parts.items():
        for row in rows:
            earlier, name = seen.setdefault(groups[row], (part, items[row].name))
            if earlier != part:
                raise DataError(
                    f"group '{groups[row]}' is in two parts: {name} is in {earlier}, and "
                    f"{items[row].name} in {part}. Change the parts, or leave out the groups."
                )


def check_parts(
    parts: Mapping[str, Rows],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    digests: Sequence[bytes],
) -> None:
    """Check that each part has something to learn from, as a reader of the dataset requires.

    Raises:
        DataError: a part has pictures of fewer than two classes, or all its images are the same, or
            no class is both in the training set and in the test set.
    """
    lost = sum(map(bool, digests)) - sum(map(len, parts.values()))
    dropped = f" ({lost:,} were dropped as copies)" if lost else ""
    if "train" not in parts:
        raise DataError(f"all pictures are in {' and '.join(parts)}: there is no training set")
    for part, rows in parts.items():
        found = [classes[label] for label in np.unique(labels[rows])]
        if len(found) < 2:
            only = f" of class '{found[0]}'" if found else ""
            raise DataError(
                f"the {part} set has {len(rows):,} pictures{only}{dropped}; pictures of at least "
                "two classes are needed"
            )
        if len({digests[row] for row in rows}) == 1:
            raise DataError(f"all {len(rows):,} images of the {part} set are the same{dropped}")
    in_train, in_test = (np.unique(labels[parts[part]]) for part in ("train", "test"))
    if not len(np.intersect1d(in_train, in_test)):
        alike = similar(classes)
        raise DataError(
            f"no class is in both the training set ({_some(classes, in_train)}) and the test set "
            f"({_some(classes, in_test)}){dropped}."
            + (f" Some names differ only in case or spaces: {alike}." if alike else "")
            + " Give the classes the same names in both."
        )


def similar(classes: Iterable[str]) -> str:
    """Return the first names of classes that differ only in case or surrounding spaces."""
    by_name: dict[str, list[str]] = {}
    for name in classes_of(classes):
        by_name.setdefault(name.strip().casefold(), []).append(f"'{printable(name)[:40]}'")
    alike = [" and ".join(names) for names in by_name.values() if len(names) > 1]
    return ", ".join(alike[:_MOST_NAMED])


def _some(classes: Sequence[str], labels: NDArray[np.int64]) -> str:
    """Return the names of the first of some classes, each cut to fit a line."""
    names = [classes[label][:40] for label in labels[:5]]
    return ", ".join((*names, "...") if len(labels) > len(names) else names)
