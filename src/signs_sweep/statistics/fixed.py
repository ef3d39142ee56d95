"""Tests for a number of seeds or images that was fixed before the results were known.

Each is valid for a single look at the data. Repeated after further seeds, they call equal settings
different far more often than their level says.
"""

import numpy as np
from numpy.typing import NDArray


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the two-sided p-value of McNemar's test, exact, of two runs on the same images.

    If the two are equally accurate, each is right on half of the discordant images, those on which
    only one of them is right (McNemar, *Note on the sampling error of the difference between
    correlated proportions or percentages*, 1947; the exact form is a binomial test). It compares
    the two trained networks, not their settings, and is valid for a single look.

    Args:
        first: whether a run is right on each image, bool of shape (n,).
        second: the same for the other run.

    Returns:
        The p-value; 1.0 without discordant images.

    Raises:
        ValueError: the shapes differ.
    """
    from scipy.stats import binomtest

    if first.shape != second.shape:
        raise ValueError(f"the runs have different images: {first.shape} and {second.shape}")
    wins, losses = int((first & ~second).sum()), int((~first & second).sum())
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
