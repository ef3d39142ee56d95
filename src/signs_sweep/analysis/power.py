"""What differences a number of seeds can show, before anything is trained."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.analysis.settings import settings_of
from signs_sweep.domain import Row, VerdictRule
from signs_sweep.statistics.sequential import (
    first_threshold,
    least_pairs,
    probability_of_verdict,
)

_LIKELY = 0.8
_FEWEST = 3
_LARGEST_EFFECT = 20.0


@dataclass(frozen=True)
class Power:
    """What differences from the baseline a number of seeds can show.

    Attributes:
        metric: the metric that is compared.
        seeds: number of seeds of each setting.
        comparisons: number of comparisons with a baseline, those without a verdict included.
        least_seeds: number of seeds that the first verdict needs in the best case.
        deviation: standard deviation between seeds, or None if unknown.
        difference: a difference of interest: the margin, or None.
        probability: that a true difference of this size is seen, or None if unknown.
        visible: the difference that is seen with probability 0.8; None if unknown, and if even the
            largest difference is seen less often.
    """

    metric: str
    seeds: int
    comparisons: int
    least_seeds: int
    deviation: float | None
    difference: float | None = None
    probability: float | None = None
    visible: float | None = None


def power_of(
    rows: Sequence[Row],
    rule: VerdictRule,
    others: Sequence[Row] = (),
    deviation: float | None = None,
) -> Power | None:
    """Return what the seeds of an experiment can show; None without a baseline.

    Args:
        rows: the runs of the experiment, of which some may be finished.
        rule: how its settings are compared.
        others: other runs in the store; those on the same data and split show how far apart seeds
            are, if the experiment has no results yet.
        deviation: standard deviation of the metric between seeds, or None to take it from the runs.
    """
    (comparison,) = compare_settings(rows, {rows[0].experiment: rule})
    if not comparison.decisive or comparison.is_best:
        return None
    compared = len(comparison.decisive) + len(comparison.refused)
    rule = comparison.rule
    metric = comparison.metric
    alike = [
        row
        for row in others
        if (row.data, row.validation, row.version)
        == (rows[0].data, rows[0].validation, rows[0].version)
    ]
    if deviation is None:
        known = (_deviation(rows, metric), _deviation(alike, metric))
        deviation = next((value for value in known if value), known[0])
    seeds = max(len({*setting.seeds}) for setting in comparison.settings)
    threshold = first_threshold(compared, rule.error)
    power = Power(metric, seeds, compared, least_pairs(threshold), deviation)
    if not deviation or seeds < power.least_seeds:
        return power
    of_difference = deviation * math.sqrt(2)
    if probability_of_verdict(_LARGEST_EFFECT, seeds, threshold) < _LIKELY:
        return power
    low, high = 0.0, _LARGEST_EFFECT
    while high - low > 0.01:
        middle = (low + high) / 2
        is_seen = probability_of_verdict(middle, seeds, threshold) >= _LIKELY
        low, high = (low, middle) if is_seen else (middle, high)
    return Power(
        *(metric, seeds, compared, power.least_seeds, deviation, rule.margin),
        None
        if rule.margin is None
        else probability_of_verdict(rule.margin / of_difference, seeds, threshold),
        high * of_difference,
    )


def _deviation(rows: Sequence[Row], metric: str) -> float | None:
    """Return the typical standard deviation between the seeds of a setting; None if unknown."""
    settings = [setting for setting in settings_of(rows) if len(setting.scores(metric)) >= _FEWEST]
    known = [setting.deviation(metric) for setting in settings]
    finite = [value for value in known if value is not None and math.isfinite(value)]
    return statistics.median(finite) if finite else None
