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
        for label in np.unique(labels):
            held_out[_choose(np.flatnonzero(labels == label), int(label), share)] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _choose(members: NDArray[np.int64], label: int, share: float) -> NDArray[np.int64]:
    """Pick the samples of one class that are held out."""
    number = min(int(share * len(members) + 0.5), len(members) - 1)
    if number < 1:
        raise DataError(
            f"validation: {share} cannot hold out a sample of class {label} and keep one: it has "
            f"{len(members)} in the training set. "
            + (
                f"Use a share of at least {1 / len(members):.2g}, or 0 for no validation."
                if len(members) > 1
                else "Use validation: 0, or more images of that class."
            )
        )
    # The smallest integers are the labels, and a seed must not be negative.
    generator = np.random.default_rng([_KEY, abs(label), int(label < 0)])
    return generator.permutation(members)[:number]
