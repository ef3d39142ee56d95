"""Is one setting better than another? Differences over seeds, with their uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from signs_sweep.statistics.replicates import half_width


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

    The interval is that of the paired t-test, see `half_width`.

    Args:
        values: metric of the setting, one per pair, shape (pairs,), at least two.
        references: the same of the other setting, in the same order.

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
