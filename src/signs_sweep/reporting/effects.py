"""How much each value of a parameter changes the compared metric, with all else equal."""

from collections.abc import Mapping, Sequence
from math import isfinite, isnan
from statistics import fmean

from signs_sweep.analysis.comparison import Comparison
from signs_sweep.analysis.settings import (
    NEVER_PAIRED,
    Replicates,
    agreeing_baselines,
    are_judged,
)
from signs_sweep.domain import Seeds, as_text
from signs_sweep.reporting.content import Effect
from signs_sweep.statistics.replicates import paired_difference

_MOST_VALUES = 12
"""A parameter with more values, such as one drawn at random, has too few runs of each."""


def effects(comparison: Comparison) -> tuple[Effect, ...]:
    """Return the effects of all parameters that vary, compared with the baseline's value.

    Two settings that differ only in a parameter are a context. A pair of seeds counts once, with
    its mean difference over the contexts that have it: results of the same seeds are not
    independent.
    """
    return tuple(
        effect
        for name in comparison.varying
        if name not in NEVER_PAIRED
        for effect in _effects_of(name, comparison)
    )


def _effects_of(name: str, comparison: Comparison) -> list[Effect]:
    settings = comparison.settings
    of_baselines = (setting for setting in settings if setting.is_baseline)
    reference = next(of_baselines, settings[0]).params.get(name)
    values = dict.fromkeys(setting.params.get(name) for setting in settings)
    if reference is None or len(values) > _MOST_VALUES:
        return []
    others = agreeing_baselines(settings, {name: reference})
    found = []
    for value in values:
        contexts = [
            (setting, other)
            for setting, other in zip(settings, others, strict=True)
            if other is not None
            and setting.params.get(name) == value != reference
            and are_judged(setting, other, comparison.metric)
        ]
        shown = as_text(value), as_text(reference)
        if effect := _effect(name, shown, contexts, comparison.metric):
            found.append(effect)
    return found


def _effect(
    name: str,
    values: tuple[str, str],
    contexts: Sequence[tuple[Replicates, Replicates]],
    metric: str,
) -> Effect | None:
    pairs: dict[Seeds, list[tuple[float, float]]] = {}
    for setting, other in contexts:
        for seeds, both in setting.paired(other, metric).items():
            pairs.setdefault(seeds, []).append(both)
    # A seed without all contexts would compare different things.
    complete = {seeds: both for seeds, both in pairs.items() if len(both) == len(contexts)}
    if not complete:
        return None
    first, second = (
        [fmean(each[place] for each in both) for both in complete.values()] for place in (0, 1)
    )
    difference = fmean(first) - fmean(second)
    if isnan(difference):  # Both have infinite losses.
        return None
    is_finite = all(map(isfinite, (*first, *second)))
    interval = paired_difference(first, second) if len(complete) > 1 and is_finite else None
    return Effect(
        *(name, *values, len(contexts), len(complete), difference),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        fails_differently=not _fail_alike(contexts, complete),
    )


def _fail_alike(
    contexts: Sequence[tuple[Replicates, Replicates]], seeds: Mapping[Seeds, object]
) -> bool:
    """Whether as many runs fail to learn on both sides."""
    first, second = (
        sum(pair[place].failing.get(each, 0) for pair in contexts for each in seeds)
        for place in (0, 1)
    )
    return first == second
