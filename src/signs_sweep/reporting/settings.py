"""The settings of an experiment as rows of the report's table."""

import math
from collections.abc import Sequence

from signs_sweep.analysis.comparison import Comparison
from signs_sweep.analysis.conditions import conditions_text
from signs_sweep.analysis.settings import Replicates
from signs_sweep.domain import METRICS, Row, is_higher_better
from signs_sweep.figures.palette import MOST_COLOURS
from signs_sweep.reporting.content import SettingReport
from signs_sweep.statistics.replicates import mean

_FURTHER = ("final_train_accuracy", "val_accuracy", "test_accuracy", "test_loss", "test_macro_f1")
"""Metrics of the table beside the compared metric, where runs have them."""


def setting_reports(comparison: Comparison) -> tuple[SettingReport, ...]:
    """Return the settings of a comparison: the baseline, then the best first.

    The baseline and the settings after it have colours, as far as there are colours.
    """
    metric = comparison.metric
    best = best_of(comparison)
    others = [other for setting, other, _ in comparison.entries if other and other is not setting]
    baselines = set() if comparison.is_best else {other.key for other in others}
    ordered = sorted(
        comparison.entries,
        key=lambda entry: (entry[0].key not in baselines, _loss(entry[0], metric)),
    )
    colours = [*range(0 if baselines else 1, MOST_COLOURS)]
    return tuple(
        SettingReport(
            replicates=setting,
            name=name_of(setting, comparison),
            colour=colours[number] if number < len(colours) else None,
            is_baseline=setting.key in baselines,
            is_best=setting is best,
            scores=setting.scores(metric),
            failed_seeds=frozenset(seeds for seeds, failed in setting.failing.items() if failed),
            mean=setting.mean(metric),
            deviation=setting.deviation(metric),
            verdict=verdict,
            metrics=_further(setting.rows, metric),
            diagnosis=conditions_text(setting.rows),
            is_selected=any(row.selected_on == METRICS[metric].images for row in setting.rows),
        )
        for number, (setting, _, verdict) in enumerate(ordered)
    )


def name_of(setting: Replicates, comparison: Comparison) -> str:
    """Return what distinguishes a setting; of the only setting, its label or `all runs`."""
    return setting.name(comparison.varying) or "all runs"


def best_of(comparison: Comparison) -> Replicates | None:
    """Return the setting with the best mean, the first in case of a tie; None without results."""
    metric = comparison.metric
    known = [setting for setting in comparison.settings if setting.scores(metric)]
    return min(known, key=lambda setting: _loss(setting, metric), default=None)


def _loss(setting: Replicates, metric: str) -> float:
    """Return a number that is smaller for a better mean; infinite without results."""
    value = setting.mean(metric)
    if value is None or math.isnan(value):
        return math.inf
    return -value if is_higher_better(metric) else value


def _further(rows: Sequence[Row], metric: str) -> dict[str, float]:
    """Return the means of further metrics over the finished runs."""
    means = {}
    for name in _FURTHER:
        values = [value for row in rows if (value := row.score(name)) is not None]
        if name != metric and (found := mean(values)) is not None:
            means[name] = found
    return means
