"""Statistics of paired differences, of two runs and of counts, for data that was fixed beforehand.

They are valid if the results are looked at only a single time: a t-test after every seed from 3 to
30 calls 27 % of equal settings different. `sequential` has tests without this limitation.
"""

import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MOST_FLIPPED = 40


def effect_size(differences: Sequence[float]) -> float | None:
    """Return the mean of differences in their standard deviations (Cohen's d for pairs).

    It is None for fewer than two differences, of shape (pairs,), and if all are equal.
    """
    if len(differences) < 2 or not np.isfinite(differences).all():
        return None
    deviation = statistics.stdev(differences)
    return statistics.fmean(differences) / deviation if deviation else None


def sign_flip(differences: Sequence[float]) -> float | None:
    """Return the two-sided p-value of Fisher's randomization test on the mean of differences.

    It is the share of all assignments of signs whose mean is at least as far from zero, counted
    exactly (Fisher, *The Design of Experiments*, 1935, section 21).

    Args:
        differences: of shape (pairs,), finite.

    Returns:
        the p-value, or None for no pairs, for more than 40, and for values that are not finite.
    """
    values = np.abs(np.asarray(differences, dtype=np.float64))
    if not 0 < len(values) <= _MOST_FLIPPED or not np.isfinite(values).all():
        return None
    # The sums over each half of the pairs; every sum over all is a sum of two of them.
    half = len(values) // 2
    first, second = _signed_sums(values[:half]), np.sort(_signed_sums(values[half:]))
    limit = abs(float(np.sum(differences))) - 1e-9 * max(float(values.sum()), 1e-300)
    above = len(second) - np.searchsorted(second, limit - first, side="left")
    below = np.searchsorted(second, -limit - first, side="right")
    count = int(above.sum()) + int(below.sum()) if limit > 0 else len(first) * len(second)
    return float(count / 2 ** len(values))


def independence(table: Sequence[Sequence[int]]) -> float:
    """Return the two-sided p-value of Fisher's exact test on a table of counts, of shape (2, 2)."""
    from scipy.stats import fisher_exact

    return float(fisher_exact(table).pvalue)


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


def _signed_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of values with every assignment of signs, of shape (2 ** n,)."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums - value, sums + value])
    return sums
