"""Differences between two settings over seeds and over images at the same time.

Each pair of runs with the same seeds is compared on the same images. A mean over both therefore has
two sources of uncertainty: other seeds would have given other networks, and other images other
questions. The results are valid for a single look.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

_DRAWS = 2000


@dataclass(frozen=True)
class Crossed:
    """The mean difference over seeds and images, and where its uncertainty comes from.

    Attributes:
        low: lower end of the 95 % interval for new seeds and new images.
        high: upper end.
        seeds: share of the variance of the mean, in [0, 1], that is due to the seeds.
        images: share that is due to the images. The rest is due to single networks on single
            images.
    """

    low: float
    high: float
    seeds: float
    images: float


@cache
def _draws(count: int, purpose: int) -> NDArray[np.float64]:
    """Return how much each of some items weighs in each draw, of shape (draws, count)."""
    generator = np.random.default_rng((purpose, count))
    return generator.multinomial(count, np.full(count, 1 / count), _DRAWS) / count


def crossed(differences: NDArray[np.float64]) -> Crossed | None:
    """Return the uncertainty of a mean difference over seeds and images.

    The interval is that of the pigeonhole bootstrap, which draws seeds and images independently
    (Owen, *The pigeonhole bootstrap*, 2007); the draws are always the same. The shares follow from
    the components of variance of a two-way layout with random effects (Searle, Casella and
    McCulloch, *Variance Components*, 1992), where negative estimates count as zero.

    Args:
        differences: of shape (seeds, images), such as 1 where only the first setting is right.

    Returns:
        the result, or None for fewer than two seeds or images.
    """
    seeds, images = differences.shape
    if min(seeds, images) < 2:
        return None
    means = np.einsum("ij,ij->i", _draws(seeds, 0) @ differences, _draws(images, 1))
    low, high = np.quantile(means, [0.025, 0.975])
    mean = differences.mean()
    by_seed, by_image = differences.mean(axis=1), differences.mean(axis=0)
    rest = differences - by_seed[:, np.newaxis] - by_image + mean
    of_rest = float((rest**2).sum() / ((seeds - 1) * (images - 1)))
    variances = np.array(
        [
            max(float(by_seed.var(ddof=1)) - of_rest / images, 0.0) / seeds,
            max(float(by_image.var(ddof=1)) - of_rest / seeds, 0.0) / images,
            of_rest / (seeds * images),
        ]
    )
    shares = variances / variances.sum() if variances.any() else np.zeros(3)
    return Crossed(float(low), float(high), float(shares[0]), float(shares[1]))
