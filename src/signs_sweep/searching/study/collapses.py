"""Which trials of a search collapsed, and where in the space they are."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from signs_sweep.domain import Result, TrialEnd, TrialState, as_text
from signs_sweep.searching.study.space import Space
from signs_sweep.spec import Categories, Range
from signs_sweep.statistics.single_look import independence

_ERROR = 0.05
"""Probability of reporting a cut if collapses do not depend on the point."""

_MOST_CUTS = 100
"""Cuts of a range, spread evenly over its values if there are more."""

_SEVERAL = 3
"""Collapsed trials from which it is reported that no cut separates them."""


def collapsed_trials(ends: Sequence[TrialEnd], results: Mapping[str, Result]) -> frozenset[int]:
    """Return the numbers of the trials that collapsed.

    These are trials of which at least half of the runs failed to learn (they collapsed or
    diverged), and trials that were pruned because their network could no longer learn. Runs that
    neither finished nor diverged do not count.

    Args:
        ends: how the trials of a search ended.
        results: the available results, by run_id.
    """
    collapsed = set()
    for end in ends:
        known = [results[run_id] for run_id in end.trial.run_ids if run_id in results]
        failed = [each.failed_to_learn for each in known if each.failed_to_learn is not None]
        if end.is_dead or (failed and 2 * sum(failed) >= len(failed)):
            collapsed.add(end.trial.number)
    return frozenset(collapsed)


class _Cut(NamedTuple):
    """A division of the trials in two.

    Attributes:
        inside: what the trials inside have in common, as the beginning of a sentence.
        outside: the same for the others.
        is_inside: for each trial, whether it is inside.
    """

    inside: str
    outside: str
    is_inside: list[bool]


def describe_collapses(
    space: Space, ends: Sequence[TrialEnd], collapsed: Collection[int]
) -> list[str]:
    """Describe in a sentence where in the space the collapsed trials are; empty without any.

    Of the cuts between two neighboring values of a range, and between a choice and the others of a
    list, the sentence names the one with the smallest p-value of Fisher's exact test. It is only
    named if the p-value, times the number of cuts, is below 0.05.

    Args:
        space: the dimensions of the search.
        ends: how its trials ended. Trials that failed or were stopped without having collapsed are
            left out; a trial that was pruned for its values counts as not collapsed.
        collapsed: the numbers of the `collapsed_trials`.
    """
    judged = [
        end
        for end in ends
        if end.trial.number in collapsed or end.state in (TrialState.COMPLETE, TrialState.PRUNED)
    ]
    has_collapsed = [end.trial.number in collapsed for end in judged]
    cuts = [
        cut
        for dimension in space
        for cut in _cuts(dimension, [end.trial.choices.get(dimension.name) for end in judged])
    ]
    if not any(has_collapsed):
        return []
    tables = [_table(cut, has_collapsed) for cut in cuts]
    p_values = [independence(table) for table in tables]
    if cuts and min(p_values) * len(cuts) < _ERROR:
        best = p_values.index(min(p_values))
        (found, rest), (others, other_rest) = tables[best]
        sides = [
            (found, found + rest, cuts[best].inside),
            (others, others + other_rest, cuts[best].outside),
        ]
        few, many = sorted(sides, key=lambda side: side[0] / side[1])
        text = f"{many[2]}, {many[0]} of {many[1]} trials collapsed; of the others, "
        return [f"{text}{few[0] or 'none'} of {few[1]}."]
    count = sum(has_collapsed)
    text = f"The {count} collapsed trials are spread over the space: no value separates them."
    return [text] if count >= _SEVERAL else []


def _table(cut: _Cut, has_collapsed: Sequence[bool]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the numbers of collapsed and of other trials, inside of a cut and outside."""
    pairs = list(zip(cut.is_inside, has_collapsed, strict=True))
    inside = pairs.count((True, True)), pairs.count((True, False))
    return inside, (pairs.count((False, True)), pairs.count((False, False)))


def _cuts(dimension: Categories | Range, values: Sequence[Any]) -> Iterator[_Cut]:
    """Yield the cuts of a dimension, given the value of each trial; None where it did not exist.

    The options of a choice have none: the trials without them would be on neither side.
    """
    name = dimension.name
    if dimension.under:
        return
    if isinstance(dimension, Range):
        neighbors = list(pairwise(sorted(set(values))))
        for low, high in neighbors[:: math.ceil(len(neighbors) / _MOST_CUTS) or 1]:
            limit = f"{name}={as_text(_between(low, high, log=dimension.log))}"
            yield _Cut(f"Above {limit}", f"Up to {limit}", [value >= high for value in values])
        return
    chosen = list(dict.fromkeys(values))
    pair = f"With {name}={as_text(chosen[-1])}" if len(chosen) == 2 else ""
    for choice in chosen[:1] if pair else chosen * (len(chosen) > 1):
        text = f"{name}={as_text(choice)}"
        is_inside = [value == choice for value in values]
        yield _Cut(f"With {text}", pair or f"Without {text}", is_inside)


def _between(low: float, high: float, *, log: bool) -> float:
    """Return a limit with few digits, two if possible, that low does not exceed and high does."""
    middle = math.sqrt(low * high) if log else (low + high) / 2
    rounded = (float(f"{middle:.{digits}e}") for digits in range(1, 17))
    return next((limit for limit in rounded if low <= limit < high), low)
