"""Is one setting better than another? Differences over seeds, with their uncertainty."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Difference:
    """The mean difference of pairs, with its 95 % interval.

    Attributes:
        mean: average of the differences.
        low: lower end of the interval.
        high: upper end.
        pairs: how many there are.
    """

    mean: float
    low: float
    high: float
    pairs: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero; one without width says nothing."""
        return self.low < self.high and (self.low > 0 or self.high < 0)


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Return by how much one setting exceeds another, each pair trained with the same seeds.

    The interval is that of the paired t-test (Student, *The probable error of a mean*, 1908): it
    takes the differences as normally distributed.

    Args:
        ours: one value a pair, shape (pairs,), at least two.
        theirs: the same of the other setting, in the same order.

    Raises:
        ValueError: there are fewer than two pairs, or not the same number of both.
    """
    from scipy.stats import t

    differences = np.subtract(ours, theirs, dtype=np.float64)
    pairs = len(differences)
    if pairs < 2 or len(ours) != len(theirs):
        raise ValueError(f"two pairs at least are needed, and as many of both; here are {pairs}")
    mean = float(differences.mean())
    error = float(differences.std(ddof=1)) / math.sqrt(pairs)
    width = float(t.ppf(0.975, pairs - 1)) * error
    return Difference(mean, mean - width, mean + width, pairs)
