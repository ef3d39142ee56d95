"""Tests of paired differences that stay valid however often they are looked at and extended.

The null hypothesis is that exchanging the two results within a pair changes nothing, so that given
their absolute values, the signs of the differences are independent and fair. An e-process is then a
product of bets on these signs: it starts at 1 and, under the null hypothesis, ever reaches `1 /
error` with probability at most `error` (Ville 1939). It assumes no distribution, and is exact with
ties, discrete values and outliers. The two that are averaged here bet on the share of positive
signs and on the signs of large differences (the sequential ranks of Reynolds 1975). References:
Ramdas et al., *Game-theoretic statistics and safe anytime-valid inference*, 2023; Vovk and Wang,
*Merging sequential e-values via martingales*, 2024.

All functions are pure. Differences are in the order of their seeds; infinite values are permitted.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BETS = np.array([0.2, 0.4, 0.6, 0.8, 0.95])
"""The shares of the capital that the second process bets, on positive and on negative signs."""

SHARE_OF_VALUES = 0.9
"""The share of a comparison's error for the metric; the rest is for the share that fails to learn.

With it, and an error of 0.05, a single comparison can still be decided after seven pairs.
"""

_DECIMALS = 12
"""Differences are rounded, so that equal differences of accuracies are ties."""

_EXACT_PAIRS = 62
"""Pairs up to which `centre` tries every shift at which a rank changes."""

_MOST_STEPS = _EXACT_PAIRS * (_EXACT_PAIRS + 1) // 2

_MOST_PAIRS = 16 * _EXACT_PAIRS
"""Pairs that `centre` and `least_pairs` consider, since the time grows with their square."""


_MOST_COMPARED = 1_000_000
"""Values that are compared together: more need more memory, fewer more calls."""


def evidence(differences: ArrayLike) -> NDArray[np.float64]:
    """Return the evidence that exchanging the results within pairs would matter.

    Args:
        differences: of shape (..., pairs), in the order of the pairs along the last axis.

    Returns:
        E after each pair, of the same shape. Under the null hypothesis, the probability that it is
        ever at least `1 / error` is at most `error`.
    """
    rounded = np.round(np.asarray(differences, dtype=np.float64), _DECIMALS)
    signs = np.sign(rounded)
    with np.errstate(over="ignore"):
        return np.asarray((_of_signs(signs) + _of_ranks(signs, np.abs(rounded))) / 2)


def evidence_of_signs(differences: ArrayLike) -> NDArray[np.float64]:
    """Return the evidence of the signs alone, as for `evidence`; zeros do not count."""
    with np.errstate(over="ignore"):
        return _of_signs(np.sign(np.asarray(differences, dtype=np.float64)))


def _of_signs(signs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a mixture of bets on the share of positive signs, with weights beta(1/2, 1/2)."""
    from scipy.special import betaln

    positive = np.cumsum(signs > 0, axis=-1)
    negative = np.cumsum(signs < 0, axis=-1)
    logs = betaln(positive + 0.5, negative + 0.5) - betaln(0.5, 0.5)
    return np.asarray(np.exp(logs + (positive + negative) * np.log(2)))


def _of_ranks(signs: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of products of bets, each in proportion to the rank of a difference."""
    bets = signs * _sequential_ranks(sizes)
    total = np.zeros_like(bets)
    for share in (*_BETS, *-_BETS):
        total += np.exp(np.cumsum(np.log1p(share * bets), axis=-1))
    return total / (2 * len(_BETS))


def _sequential_ranks(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the midrank of each value among those up to it, divided by their number."""
    ranks = np.empty_like(sizes)
    count = sizes.shape[-1]
    at_once = max(_MOST_COMPARED // max(sizes.size, 1), 1)
    for first in range(0, count, at_once):
        end = min(first + at_once, count)
        last, values = sizes[..., first:end, np.newaxis], sizes[..., np.newaxis, :end]
        is_before = np.tri(end - first, end, first, dtype=bool)
        below = ((values < last) & is_before).sum(axis=-1)
        equal = ((values == last) & is_before).sum(axis=-1)
        ranks[..., first:end] = (below + (equal + 1) / 2) / np.arange(first + 1, end + 1)
    return ranks


def first_threshold(comparisons: int, error: float) -> float:
    """Return the evidence that the first of several comparisons needs, see `holm`."""
    return max(comparisons, 1) / (SHARE_OF_VALUES * error)


def least_pairs(threshold: float) -> int:
    """Return the smallest number of pairs with which the evidence can reach a threshold."""
    return int(np.searchsorted(_largest_evidence(), threshold)) + 1


@cache
def _largest_evidence() -> NDArray[np.float64]:
    """Return the evidence of pairs that all favour the same setting, ever more."""
    return evidence(np.arange(1, _MOST_PAIRS + 1))


def centre(
    differences: ArrayLike, threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a confidence sequence for the centre of symmetry of the differences.

    After each pair, it is the hull of all shifts whose evidence has always been below the
    threshold: with probability at least `1 - 1 / threshold`, it contains the centre after every
    pair. It has no meaning for differences that are not symmetric. Further pairs do not change the
    earlier ends.

    Args:
        differences: of shape (pairs,), finite.
        threshold: of the evidence, above 1.

    Returns:
        the lower and the upper ends, each of shape (pairs,), infinite as long as there is no limit;
        NaN if every shift is rejected. After 62 pairs, ends are rounded outwards; pairs after the
        first 992 do not count.
    """
    values = np.asarray(np.round(np.asarray(differences), _DECIMALS), dtype=np.float64)
    low, high = np.empty(len(values)), np.empty(len(values))
    begin, end = 0, _EXACT_PAIRS
    while begin < min(len(values), _MOST_PAIRS):
        # Beyond the first stage, the shifts of all pairs before it are tried.
        ends = _stage(values[:end], values[: begin or end], threshold, is_exact=begin == 0)
        low[begin:end], high[begin:end] = (each[begin:] for each in ends)
        begin, end = end, 2 * end
    low[_MOST_PAIRS:], high[_MOST_PAIRS:] = low[_MOST_PAIRS - 1 :][:1], high[_MOST_PAIRS - 1 :][:1]
    return low, high


def _stage(
    values: NDArray[np.float64],
    known: NDArray[np.float64],
    threshold: float,
    *,
    is_exact: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends after each of some values, for shifts that follow from the known values."""
    # The evidence changes only where a shifted difference is zero, or two have equal sizes.
    rows, columns = np.triu_indices(len(known))
    steps = np.unique(np.round((known[rows] + known[columns]) / 2, _DECIMALS))
    if len(steps) > _MOST_STEPS:
        steps = steps[np.linspace(0, len(steps) - 1, _MOST_STEPS).astype(int)]
    between = (steps[:-1] + steps[1:]) / 2
    shifts = np.sort(np.concatenate([[steps[0] - 1], steps, between, [steps[-1] + 1]]))
    # Even positions are between two steps and stand for all shifts there, odd positions are steps.
    lowest = np.maximum.accumulate(evidence(values - shifts[:, np.newaxis]), axis=-1)
    is_possible = lowest < threshold
    first = np.argmax(is_possible, axis=0)
    last = len(shifts) - 1 - np.argmax(is_possible[::-1], axis=0)
    if not is_exact:
        first, last = np.maximum(first - 2, 0), np.minimum(last + 2, len(shifts) - 1)
    ends = np.concatenate([[-np.inf], steps, [np.inf]])
    is_empty = ~is_possible.any(axis=0)
    low = np.where(is_empty, np.nan, ends[(first + 1) // 2])
    high = np.where(is_empty, np.nan, ends[last // 2 + 1])
    return low, high


def holm(
    largest: Sequence[float], weights: Sequence[float], error: float, rest: float = 0.0
) -> tuple[list[bool], list[float]]:
    """Return which of several null hypotheses are rejected, by the largest evidence of each so far.

    It is Holm's procedure with weights (*A simple sequentially rejective multiple test procedure*,
    1979): whatever the dependence between them, and however often they are extended, the
    probability that a true hypothesis is ever rejected is at most `error`. More pairs of any
    hypothesis can only reject more.

    Args:
        largest: the largest evidence so far, by hypothesis.
        weights: the share of the error that each hypothesis has at first, above 0. A rejected
            hypothesis passes its share on to the others.
        error: in (0, 1).
        rest: the share of further hypotheses, which have no evidence yet. With it, the shares
            have the sum 1.

    Returns:
        by hypothesis, whether it is rejected, and the evidence that this needed or needs.
    """
    values, shares = np.asarray(largest), np.asarray(weights, dtype=np.float64)
    thresholds = np.full(len(values), np.inf)
    is_open = np.ones(len(values), dtype=bool)
    while is_open.any():
        thresholds[is_open] = (shares[is_open].sum() + rest) / (shares[is_open] * error)
        is_over = is_open & (values >= thresholds)
        if not is_over.any():
            break
        is_open &= ~is_over
    return (~is_open).tolist(), thresholds.tolist()


def pairs_until(
    differences: ArrayLike, threshold: float, margin: float | None, level: float, most: int
) -> int | None:
    """Estimate the number of pairs after which a comparison will be decided.

    It is decided if the evidence reaches the threshold, or that for a shift by the margin to both
    sides reaches the level. Further differences are assumed to repeat the known ones.

    Args:
        differences: of shape (pairs,), at least one.
        threshold: of the evidence.
        margin: half the width of the interval of differences that count as equivalent, or None.
        level: of the evidence for a shift.
        most: the largest number of pairs to consider.

    Returns:
        the number, including the known pairs, or None if it is above `most`.
    """
    known = np.asarray(differences, dtype=np.float64)
    repeated = np.resize(known, most)
    differs = evidence(repeated) >= threshold
    if margin is not None and np.isfinite(known).all():
        is_below = np.maximum.accumulate(evidence(repeated - margin)) >= level
        is_above = np.maximum.accumulate(evidence(repeated + margin)) >= level
        differs |= is_below & is_above
    later = np.flatnonzero(differs[len(known) :])
    return int(later[0]) + len(known) + 1 if len(later) else None


def probability_of_verdict(effect: float, pairs: int, threshold: float) -> float:
    """Return how likely the evidence for a true difference reaches a threshold in time.

    It is estimated from 2,000 series of normally distributed differences, always the same.

    Args:
        effect: the true difference, in standard deviations of a paired difference.
        pairs: number of pairs.
        threshold: of the evidence.
    """
    series = np.random.default_rng(0).standard_normal((2000, pairs)) + effect
    return float((evidence(series) >= threshold).any(axis=-1).mean())
