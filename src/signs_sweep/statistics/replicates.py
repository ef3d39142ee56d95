"""Statistics over replicates, which differ only in their seeds: of a setting, and between two."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def mean(values: Sequence[float]) -> float | None:
    """Return the mean of values, shape (n,); None if there are no values."""
    return statistics.fmean(values) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """Return the sample standard deviation of values, shape (n,).

    It is None for fewer than two, and if a value is infinite.
    """
    return statistics.stdev(values) if len(values) > 1 and np.isfinite(values).all() else None


def half_width(values: Sequence[float]) -> float:
    """Return half the width of the 95 % confidence interval of the mean.

    It is that of the t-test (Student, *The probable error of a mean*, 1908), which assumes that the
    values, shape (n,) and at least two, are normally distributed.
    """
    from scipy.special import stdtrit  # As `scipy.stats.t.ppf`, which takes a second to import.

    quantile = stdtrit(len(values) - 1, 0.975)
    return float(quantile * statistics.stdev(values) / len(values) ** 0.5)


def aggregate(values: Sequence[float], how: str, *, maximize: bool, splits: int = 1) -> float:
    """Return the value of a trial of a search from those of its replicates.

    Args:
        values: one per run, shape (n,), at least one replicate; two for `lower_bound`.
        how: `mean`, `median`, `min` (the worst value: the largest if lower is better) or
            `lower_bound` (the worse end of the 95 % confidence interval of the mean).
        maximize: whether higher is better.
        splits: number of successive runs that are a replicate, whose value is their mean.

    Raises:
        ValueError: `how` has a different value.
    """
    sign = 1 if maximize else -1
    if splits > 1:
        starts = range(0, len(values), splits)
        values = [statistics.fmean(values[start : start + splits]) for start in starts]
    match how:
        case "mean":
            return statistics.fmean(values)
        case "median":
            return statistics.median(values)
        case "min":
            return sign * min(sign * value for value in values)
        case "lower_bound":
            return statistics.fmean(values) - sign * half_width(values)
    raise ValueError(f"unknown way to aggregate values: '{how}'")


@dataclass(frozen=True)
class Difference:
    """The mean difference of pairs, with its 95 % confidence interval.

    Attributes:
        mean: average of the differences.
        low: lower end of the interval.
        high: upper end.
        pairs: number of pairs.
    """

    mean: float
    low: float
    high: float
    pairs: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes zero; an interval without width is not clear."""
        return self.low < self.high and (self.low > 0 or self.high < 0)


def paired_difference(values: Sequence[float], references: Sequence[float]) -> Difference:
    """Return by how much a setting exceeds another, each pair trained with the same seeds.

    Both are metrics of shape (pairs,), at least two, in the same order. The interval is that of the
    paired t-test, see `half_width`.

    Raises:
        ValueError: there are fewer than two pairs, or the numbers of values differ.
    """
    differences = np.subtract(values, references, dtype=np.float64)
    pairs = len(differences)
    if pairs < 2 or len(values) != len(references):
        raise ValueError(f"at least two pairs are needed, each with both values; got {pairs}")
    mean = float(differences.mean())
    width = half_width(differences.tolist())
    return Difference(mean, mean - width, mean + width, pairs)
