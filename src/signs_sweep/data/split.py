"""Holding out a part of the training set for validation."""

import numpy as np
from numpy.typing import NDArray

from signs_sweep.errors import DataError

_KEY = 20_180_731
"""Key of the generators. A constant, so that every run and every seed sees the same split."""


def stratified_split(
    labels: NDArray[np.integer], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the samples in two, each class in the same proportion.

    The split depends on the arguments alone. A larger share holds out all that a smaller one does.

    Args:
        labels: integers of shape (n,), the class of each sample.
        share: part of every class to hold out, in [0, 1). The number of samples is rounded to the
            nearest, and at least one stays for training.

    Returns:
        Indices of the samples to train on and of those held out, int64, ascending.

    Raises:
        DataError: the share is out of range, or too small for the smallest class.
    """
    if not 0 <= share < 1:
        raise DataError(f"validation is {share}, but a share to hold out lies in [0, 1)")
    held_out = np.zeros(len(labels), dtype=bool)
    if share > 0:
        found, sizes = np.unique(labels, return_counts=True)
        smallest = int(sizes.argmin())
        _check_share(share, int(found[smallest]), int(sizes[smallest]))
        for label in found:
            held_out[_choose(np.flatnonzero(labels == label), int(label), share)] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _number(share: float, members: int) -> int:
    """Return how many samples of a class are held out."""
    return min(int(share * members + 0.5), members - 1)


def _check_share(share: float, label: int, members: int) -> None:
    """Check that a sample can be held out of the smallest class, and so of each."""
    if _number(share, members) < 1:
        raise DataError(
            f"validation: {share} cannot hold out a sample of class {label} and keep one: it has "
            f"{members} in the training set. "
            + (
                f"Use a share of at least {1 / members:.2g}, or 0 for no validation."
                if members > 1
                else "Use validation: 0, or more images of that class."
            )
        )


def _choose(members: NDArray[np.int64], label: int, share: float) -> NDArray[np.int64]:
    """Pick the samples of one class that are held out."""
    number = _number(share, len(members))
    # The smallest integers are the labels, and a seed must not be negative.
    generator = np.random.default_rng([_KEY, abs(label), int(label < 0)])
    return generator.permutation(members)[:number]
