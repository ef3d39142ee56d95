"""Holding out a part of the training set for validation."""

import numpy as np
from numpy.typing import NDArray

from signs_sweep.errors import DataError

_KEY = 20_180_731
"""Key of the generators. It is constant, so that the split is the same for all runs and seeds."""


def stratified_split(
    labels: NDArray[np.integer], fraction: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the samples into two parts with every class in the same proportion.

    The split depends only on the arguments. A larger fraction holds out all samples that a smaller
    fraction holds out.

    Args:
        labels: integers of shape (n,), the class of each sample.
        fraction: fraction of every class to hold out, in [0, 1). The number of samples is rounded
            to the nearest integer, and at least one sample stays for training.

    Returns:
        Indices of the samples to train on and of the held-out samples, int64, ascending.

    Raises:
        DataError: the fraction is out of range, or too small for the smallest class.
    """
    if not 0 <= fraction < 1:
        raise DataError(f"validation is {fraction}; expected a fraction in [0, 1)")
    held_out = np.zeros(len(labels), dtype=bool)
    classes, sizes = np.unique(labels, return_counts=True)
    # The smallest class comes first: if a sample of it can be held out, so it is for every class.
    for size, label in sorted(zip(sizes.tolist(), classes.tolist(), strict=True)):
        number = min(int(fraction * size + 0.5), size - 1)
        if fraction > 0 and number < 1:
            raise DataError(
                f"validation: {fraction} cannot hold out a sample of class {label} and train on "
                f"another: the training set has {size} of this class. "
                + (
                    f"Use a fraction of at least {1 / size:.2g}, or 0 for no validation."
                    if size > 1
                    else "Use validation: 0, or more images of this class."
                )
            )
        # The smallest integers are the labels, and a seed must not be negative.
        generator = np.random.default_rng([_KEY, abs(label), int(label < 0)])
        members = generator.permutation(np.flatnonzero(labels == label))
        held_out[members[:number]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
