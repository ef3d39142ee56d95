"""Holding out a part of the training set for validation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from signs_sweep.errors import DataError

_KEY = 20_180_731
"""Key of the generators. It is constant, so that equal arguments always give the same split."""


def split_rows(
    labels: NDArray[np.integer],
    groups: NDArray[np.str_] | None,
    fraction: float,
    *,
    folds: int = 0,
    seed: int = 0,
    names: Sequence[str] = (),
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the images into two parts with every class in about the same proportion.

    Without folds, `seed` is the number of a random split, and a larger fraction holds out all
    images that a smaller fraction holds out, unless there are groups. With folds, the images are
    divided into so many parts of about the same size: the fold `seed % folds` of the random
    partition `seed // folds` is held out.

    Without groups, the counts of a class in two folds differ by at most 1, and so do the sizes of
    the folds. With groups, the counts are as close as the groups permit.

    Args:
        labels: integers of shape (n,), the class of each image.
        groups: shape (n,), the group of each image, or None. No group is in both parts.
        fraction: fraction of every class to hold out, in [0, 1), ignored if there are folds.
            Without groups the number of images is rounded to the nearest integer, and at least
            one image of every class stays for training.
        folds: number of folds, at least 2, or 0 for none.
        seed: which of the splits, 0 or more.
        names: names of the classes for messages, by label; without them, labels are shown.

    Returns:
        Indices of the images to train on and of the held-out images, int64, ascending.

    Raises:
        DataError: the fraction or the number of folds is out of range, or there are not enough
            images or groups for it.
    """
    if folds < 0 or folds == 1:
        raise DataError(f"split has {folds} folds; expected at least 2")
    if not folds and not 0 <= fraction < 1:
        raise DataError(f"validation is {fraction}; expected a fraction in [0, 1)")
    if groups is not None and (folds or fraction > 0):
        is_held_out = _divide(labels, groups, fraction, folds, seed, names)
    elif folds:
        is_held_out = _partition(labels, folds, seed // folds, names) == seed % folds
    else:
        is_held_out = _hold_out(labels, fraction, seed, names)
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)


def _hold_out(
    labels: NDArray[np.integer], fraction: float, seed: int, names: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which images are held out, the same fraction of every class."""
    is_held_out = np.zeros(len(labels), dtype=bool)
    classes, sizes = np.unique(labels, return_counts=True)
    # The smallest class comes first: if a sample of it can be held out, so it is for every class.
    for size, label in sorted(zip(sizes.tolist(), classes.tolist(), strict=True)):
        number = min(int(fraction * size + 0.5), size - 1)
        if fraction > 0 and number < 1:
            raise DataError(
                f"validation: {fraction} cannot hold out a sample of {_class(label, names)} and "
                f"train on another: the training set has {size} of this class. "
                + (
                    f"Use a fraction of at least {1 / size:.2g}, or 0 for no validation."
                    if size > 1
                    else "Use validation: 0, or more images of this class."
                )
            )
        # The smallest integers are the labels, and a seed must not be negative.
        key = [_KEY, abs(label), int(label < 0)]
        # The first split is the one from before there were others.
        generator = np.random.default_rng([*key, seed] if seed else key)
        members = generator.permutation(np.flatnonzero(labels == label))
        is_held_out[members[:number]] = True
    return is_held_out


def _partition(
    labels: NDArray[np.integer], folds: int, number: int, names: Sequence[str]
) -> NDArray[np.int64]:
    """Return the fold of each image, in a random partition without groups."""
    classes, sizes = np.unique(labels, return_counts=True)
    if (least := sizes.min()) < folds:
        raise DataError(
            f"split: {{folds: {folds}}} needs at least {folds} images of every class: the training "
            f"set has {least} of {_class(classes[sizes.argmin()], names)}. Use "
            + (f"folds: {least}, or " if least > 1 else "")
            + "more images of this class."
        )
    order = _generator(number).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    parts = np.empty(len(labels), dtype=np.int64)
    # Consecutive images have different folds, also across the border between two classes.
    parts[order] = np.arange(len(labels)) % folds
    return parts


def _divide(
    labels: NDArray[np.integer],
    groups: NDArray[np.str_],
    fraction: float,
    folds: int,
    seed: int,
    class_names: Sequence[str],
) -> NDArray[np.bool_]:
    """Return which images are held out, with every group in only one part.

    Each group, large ones first, goes to the part that keeps the sum of
    (images of a class in a part / images of the class)^2 / share of the part the smallest.
    """
    shares = np.full(folds, 1 / folds) if folds else np.array([fraction, 1 - fraction])
    classes, class_of = np.unique(labels, return_inverse=True)
    names, group_of = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), dtype=np.int64)
    np.add.at(counts, (group_of, class_of), 1)
    totals, sizes = counts.sum(axis=0), counts.sum(axis=1)
    generator = _generator(seed // folds if folds else seed)
    # Groups rarely have equal sizes: in exact order of size, all divisions would be the same.
    order = np.argsort(-sizes * (1 + generator.random(len(names))), kind="stable")
    part_of = np.empty(len(names), dtype=np.int64)
    filled = np.zeros((len(shares), len(classes)), dtype=np.int64)
    for group in order:
        added = counts[group]
        costs = ((2 * filled + added) * added / totals**2).sum(axis=1) / shares
        # Rounded, so that the order of a sum does not decide between equal parts: the emptier does.
        part = np.lexsort((filled.sum(axis=1) / shares, costs.round(12)))[0]
        filled[part] += added
        part_of[group] = part
    called = [_class(label, class_names) for label in classes]
    _check_groups(filled, counts, called, fraction, folds)
    is_held_out: NDArray[np.bool_] = part_of[group_of] == (seed % folds if folds else 0)
    return is_held_out


def _check_groups(
    filled: NDArray[np.int64],
    counts: NDArray[np.int64],
    classes: Sequence[str],
    fraction: float,
    folds: int,
) -> None:
    """Check every part that may be held out, so that a partition has the same error in all folds.

    Args:
        filled: images by part and class. Without folds, the first part is held out.
        counts: images by group and class.
        classes: how messages call the classes.
        fraction: the fraction to hold out without folds.
        folds: number of folds, or 0.
    """
    written = f"split: {{folds: {folds}}}" if folds else f"validation: {fraction}"
    otherwise = "leave out split" if folds else "use validation: 0"
    amount, total = len(counts), int(counts.sum())
    if amount < len(filled):
        fewer = f"Use folds: {amount}" if 1 < amount < folds else "Use more groups"
        raise DataError(
            f"{written} needs at least {len(filled)} groups: the training set has {amount}. "
            f"{fewer}, or {otherwise}."
        )
    held_out = filled[: folds or 1]
    if not held_out.sum(axis=1).all():
        raise DataError(
            f"{written} would hold out nothing: the smallest of the {amount:,} groups has "
            f"{counts.sum(axis=1).min():,} of the {total:,} images. Use a larger fraction, or "
            f"{otherwise.removeprefix('use ')}."
        )
    missing = np.flatnonzero((held_out == counts.sum(axis=0)).any(axis=0))
    if len(missing):
        number = np.count_nonzero(counts[:, missing[0]])
        where = "1 group" if number == 1 else f"{number} groups that are held out together"
        raise DataError(
            f"{written} would leave no image of {classes[missing[0]]} to train on: its "
            f"images are all in {where}. Use images of this class from more groups, or {otherwise}."
        )


def _class(label: int, names: Sequence[str]) -> str:
    """Return how messages call a class, such as `class 'cat'`."""
    return f"class '{names[label][:40]}'" if names else f"class {label}"


def _generator(number: int) -> np.random.Generator:
    """Return the generator of a partition, or of a division of groups."""
    return np.random.default_rng([_KEY, number, 2])
