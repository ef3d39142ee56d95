"""Differences between two settings over seeds, splits and images at the same time.

Each pair of runs with the same seeds and the same split is compared on the same images. A mean over
all of them therefore has up to three sources of uncertainty: other seeds would have given other
networks, other splits other training images, and other images other questions. The results are
valid for a single look.
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

_DRAWS = 2000
_MOST_WEIGHTS = 20_000_000
"""Beyond this number, there are fewer draws: they would need gigabytes."""


@dataclass(frozen=True)
class Crossed:
    """The mean difference over seeds, splits and images, and where its uncertainty comes from.

    The shares are of the variance of the mean, each in [0, 1]. The rest is due to interactions,
    such as single networks on single images. With a single split or a single image its uncertainty
    is unknown: it is part of neither the interval nor the variance.

    Attributes:
        low: lower end of the 95 % interval for new seeds, new splits and new images.
        high: upper end.
        seeds: share that is due to the seeds.
        splits: share that is due to the splits, or None with a single split.
        images: share that is due to the images, or None with a single image.
    """

    low: float
    high: float
    seeds: float
    splits: float | None
    images: float | None


def crossed(differences: NDArray[np.float64]) -> Crossed | None:
    """Return the uncertainty of a mean difference over seeds, splits and images.

    The interval is that of the pigeonhole bootstrap, which draws seeds, splits and images
    independently (Owen, *The pigeonhole bootstrap*, 2007; Owen and Eckles, *Bootstrapping data
    arrays of arbitrary order*, 2012); the draws are always the same. The shares follow from the
    components of variance of a balanced layout with random effects (Searle, Casella and McCulloch,
    *Variance Components*, 1992), where negative estimates count as zero.

    Args:
        differences: of shape (seeds, splits, images), such as 1 where only the first setting is
            right.

    Returns:
        the result, or None for fewer than two seeds, or for a single split with a single image.
    """
    seeds, splits, images = differences.shape
    if seeds < 2 or max(splits, images) < 2:
        return None
    draws = min(_DRAWS, _MOST_WEIGHTS // max(differences.shape))
    of_seeds, of_splits = _draws(seeds, 0, draws), _draws(splits, 2, draws)
    of_images = _draws(images, 1, draws)
    of_networks = (of_seeds[:, :, np.newaxis] * of_splits[:, np.newaxis]).reshape(draws, -1)
    means = np.einsum("ij,ij->i", of_networks @ differences.reshape(-1, images), of_images)
    low, high = np.quantile(means, [0.025, 0.975])
    shares = _shares(differences)
    return Crossed(float(low), float(high), shares[0], shares.get(1), shares.get(2))


@cache
def _draws(count: int, purpose: int, draws: int) -> NDArray[np.float64]:
    """Return how much each of some items weighs in each draw, of shape (draws, count)."""
    generator = np.random.default_rng((purpose, count))
    return generator.multinomial(count, np.full(count, 1 / count), draws) / count


def _shares(values: NDArray[np.float64]) -> dict[int, float]:
    """Return the share of the variance of the mean that is due to each axis of two or more."""
    axes = [axis for axis, size in enumerate(values.shape) if size > 1]
    if values.min() == values.max():
        return dict.fromkeys(axes, 0.0)
    effects = [each for size in range(len(axes)) for each in combinations(axes, size + 1)]
    squares = {effect: _mean_square(values, effect) for effect in effects}
    # What an effect adds to the variance of the mean, times the number of values. The expected mean
    # square of an effect is the sum of its own and those of all interactions that contain it.
    variances = {
        effect: max(
            sum(
                (-1) ** (len(other) - len(effect)) * square
                for other, square in squares.items()
                if set(effect) <= set(other)
            ),
            0.0,
        )
        for effect in effects
    }
    total = sum(variances.values())
    return {axis: variances[axis,] / total for axis in axes}


def _mean_square(values: NDArray[np.float64], effect: tuple[int, ...]) -> float:
    """Return the mean square of a main effect, or of an interaction, in an analysis of variance."""
    count, freedom = values.size, 1
    for axis, size in enumerate(values.shape):
        mean = values.mean(axis=axis, keepdims=True)
        values = values - mean if axis in effect else mean
        freedom *= size - 1 if axis in effect else 1
    return float((values**2).sum()) * (count // values.size) / freedom
