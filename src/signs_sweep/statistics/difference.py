"""Is one setting better than another? Differences over seeds, with their uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from signs_sweep.statistics.replicates import half_width


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

    The interval is that of the paired t-test, see `half_width`.

    Args:
        ours: one value a pair, shape (pairs,), at least two.
        theirs: the same of the other setting, in the same order.

    Raises:
        ValueError: there are fewer than two pairs, or not the same number of both.
    """
    differences = np.subtract(ours, theirs, dtype=np.float64)
    pairs = len(differences)
    if pairs < 2 or len(ours) != len(theirs):
        raise ValueError(f"two pairs at least are needed, and as many of both; here are {pairs}")
    mean = float(differences.mean())
    width = half_width(differences.tolist())
    return Difference(mean, mean - width, mean + width, pairs)
