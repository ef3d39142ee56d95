"""Numbers for several replicates of a setting, which differ in their seeds alone."""

import statistics
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float | None:
    """Return the mean of values, shape (n,); None of no values."""
    return statistics.fmean(values) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation of a sample, shape (n,); None of fewer than two values."""
    return statistics.stdev(values) if len(values) > 1 else None


def half_width(values: Sequence[float]) -> float:
    """Return how far the 95 % interval of the mean reaches from it to either side.

    It is that of the t-test (Student, *The probable error of a mean*, 1908), which takes the values
    as normally distributed.

    Args:
        values: shape (n,), at least two.
    """
    from scipy.stats import t

    quantile = t.ppf(0.975, len(values) - 1)
    return float(quantile * statistics.stdev(values) / len(values) ** 0.5)


def aggregate(values: Sequence[float], how: str, *, maximize: bool) -> float:
    """Return the value of a point of a search.

    Args:
        values: one a replicate, shape (n,), at least one; two for `lower_bound`.
        how: `mean`, `median`, `min` (the worst of them, which is the largest where less is better)
            or `lower_bound` (the end of the 95 % interval of the mean on the side of the worse).
        maximize: whether more is better.

    Raises:
        ValueError: there is no such way.
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
    raise ValueError(f"values are not aggregated by '{how}'")
