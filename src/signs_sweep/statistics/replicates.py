"""Statistics over the replicates of a setting, which differ only in their seeds."""

import statistics
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float | None:
    """Return the mean of values, shape (n,); None if there are no values."""
    return statistics.fmean(values) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """Return the sample standard deviation of values, shape (n,); None for fewer than two."""
    return statistics.stdev(values) if len(values) > 1 else None


def half_width(values: Sequence[float]) -> float:
    """Return half the width of the 95 % confidence interval of the mean.

    It is that of the t-test (Student, *The probable error of a mean*, 1908), which assumes that the
    values are normally distributed.

    Args:
        values: shape (n,), at least two.
    """
    from scipy.stats import t

    quantile = t.ppf(0.975, len(values) - 1)
    return float(quantile * statistics.stdev(values) / len(values) ** 0.5)


def aggregate(values: Sequence[float], how: str, *, maximize: bool) -> float:
    """Return the value of a trial of a search from those of its replicates.

    Args:
        values: one per replicate, shape (n,), at least one; two for `lower_bound`.
        how: `mean`, `median`, `min` (the worst value: the largest if lower is better) or
            `lower_bound` (the worse end of the 95 % confidence interval of the mean).
        maximize: whether higher is better.

    Raises:
        ValueError: `how` has a different value.
    """
    sign = 1 if maximize else -1
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
