"""Procedures that decide which of two settings is better while their seeds arrive.

A procedure receives comparisons, and returns the verdict that it would reach after each seed, int64
of (..., SEEDS): `BETTER`, `WORSE`, `DIFFERENT`, `FAILING` or `OPEN`. The first that is not `OPEN`
counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signs_sweep.statistics.sequential import (
    SHARE_OF_VALUES,
    evidence,
    evidence_of_signs,
    holm,
)

SEEDS = 30
EVERY_SEED = range(3, SEEDS + 1)
ERROR = 0.05

BETTER, OPEN, WORSE = 1, 0, -1
_WEIGHTS = (SHARE_OF_VALUES, 1 - SHARE_OF_VALUES)

DIFFERENT = 2
"""Different, but not clear in which direction: the mean and the majority disagree."""

FAILING = 3
"""The metric is undecided, but different shares of the runs fail to learn."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Comparisons of two settings, in the order of the seeds; each of shape (..., SEEDS).

    Attributes:
        values: correct test images of the first setting.
        references: those of the second setting, with which the first is compared.
        failing: 1 if only the run of the second setting failed to learn, -1 if only that of the
            first, else 0.
    """

    values: Numbers
    references: Numbers
    failing: Numbers


Procedure = Callable[[Pairs], Numbers]


def higher(pairs: Pairs) -> Numbers:
    """Compare the latest results."""
    return np.sign(pairs.values - pairs.references)


def higher_best(pairs: Pairs) -> Numbers:
    """Compare the best results so far."""
    best = (np.maximum.accumulate(each, axis=-1) for each in (pairs.values, pairs.references))
    return np.sign(np.subtract(*best))


def t_test(pairs: Pairs) -> Numbers:
    """Apply the paired t-test at the level `ERROR`.

    In integers, so that differences that are all equal have a deviation of exactly zero; they are
    significant, unless they are zero.
    """
    from scipy.stats import t

    differences, count = pairs.values - pairs.references, np.arange(1, SEEDS + 1)
    total = np.cumsum(differences, axis=-1)
    spread = count * np.cumsum(differences**2, axis=-1) - total**2
    limit = t.ppf(1 - ERROR / 2, np.maximum(count - 1, 1))
    is_significant = (count > 1) & (total**2 * (count - 1) > limit**2 * spread)
    return np.where(is_significant, np.sign(total), OPEN)


def sequential(pairs: Pairs) -> Numbers:
    """Decide as this package does if a spec has two settings, without a margin."""
    differences = pairs.values - pairs.references
    by_mean = np.sign(np.cumsum(differences, axis=-1))
    by_majority = np.sign(np.cumsum(np.sign(differences), axis=-1))
    direction = np.where(by_mean * by_majority > 0, by_mean, DIFFERENT)
    of_values = np.maximum.accumulate(evidence(differences), axis=-1)
    of_failing = np.maximum.accumulate(evidence_of_signs(pairs.failing), axis=-1)
    verdicts = np.full_like(differences, OPEN)
    is_high = np.maximum(of_values, of_failing)[..., -1] >= 1 / ERROR
    for index in zip(*np.nonzero(is_high), strict=True):
        looks = zip(of_values[index], of_failing[index], strict=True)
        decided = np.array([holm(largest, _WEIGHTS, ERROR)[0] for largest in looks])
        is_decided, is_failing = decided.T
        if is_decided.any():
            first = int(np.argmax(of_values[index] >= 1 / ERROR))
            verdicts[index][np.argmax(is_decided)] = direction[index][first]
        elif is_failing.any():
            verdicts[index][np.argmax(is_failing)] = FAILING
    return verdicts


def looked_at(seeds: Sequence[int], procedure: Procedure) -> Procedure:
    """Return the procedure that looks only after these numbers of seeds."""
    is_look = np.isin(np.arange(1, SEEDS + 1), seeds)
    return lambda pairs: np.where(is_look, procedure(pairs), OPEN)


PROCEDURES: Mapping[str, Procedure] = {
    "one seed": looked_at([1], higher),
    "best of the seeds, after every seed": looked_at(EVERY_SEED, higher_best),
    "best of 30 seeds": looked_at([30], higher_best),
    "t-test after every seed": looked_at(EVERY_SEED, t_test),
    "t-test at a fixed 5 seeds": looked_at([5], t_test),
    "t-test at a fixed 30 seeds": looked_at([30], t_test),
    "signs-sweep, after every seed": looked_at(EVERY_SEED, sequential),
}
