"""The answer of an experiment to its question, in one or two sentences."""

from collections.abc import Sequence

from signs_sweep.analysis.settings import (
    Replicates,
    baselines_of,
    chosen_metric,
    difference,
    settings_of,
    varying_values,
)
from signs_sweep.domain import Row

_NAMES = {"val_accuracy": "validation accuracy", "test_accuracy": "test accuracy"}


def answer(rows: Sequence[Row]) -> str | None:
    """Return which setting was best, by how much, and over how many seeds; None without results.

    The runs are of one experiment and of one training version.
    """
    metric = chosen_metric(rows)
    settings = settings_of(rows)
    means = [(each, mean) for each in settings if (mean := each.mean(metric)) is not None]
    if not means:
        return None
    if len(settings) == 1:
        return _spread(settings[0], metric)
    if len(means) == 1:
        only, varying = means[0][0], varying_values(rows)
        return (
            f"Of {len(settings)} settings, only {only.name(varying)} has a finished run: "
            f"{_NAMES[metric]} {_mean(only, metric)}."
        )
    ranked = sorted(means, key=lambda pair: -pair[1])
    (best, mean), others = ranked[0], ranked[1:]
    varying = varying_values(rows)
    equal = [setting for setting, value in others if value == mean]
    if equal:
        names = [setting.name(varying) for setting in (best, *equal)]
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        return f"{listed} are equally good by {_NAMES[metric]}: {_mean(best, metric)}."
    is_baseline = best.is_baseline
    name = f"the baseline {best.name(varying)}" if is_baseline else best.name(varying)
    text = f"Best of {len(means)} by {_NAMES[metric]}: {name}, {_mean(best, metric)}"
    baseline = None if is_baseline else baselines_of(settings)[settings.index(best)]
    if baseline is not None:
        return text + _compared(best, baseline, metric, "the baseline ", varying)
    return text + _compared(best, others[0][0], metric, "the next best, ", varying)


def _spread(setting: Replicates, metric: str) -> str:
    """Return the mean and spread of a single setting over its seeds."""
    scores = setting.scores(metric).values()
    text = f"{_NAMES[metric].capitalize()}: {_mean(setting, metric)}"
    if len(scores) < 2:
        return f"{text}."
    spread = f"{min(scores):.4f} to {max(scores):.4f}"
    return f"{text}, from {spread}, standard deviation {setting.deviation(metric):.4f}."


def _mean(setting: Replicates, metric: str) -> str:
    count = len(setting.scores(metric))
    over = "one seed" if count == 1 else f"mean over {count:,} seeds"
    return f"{setting.mean(metric):.4f} ({over})"


def _compared(
    best: Replicates, other: Replicates, metric: str, role: str, varying: Sequence[str]
) -> str:
    """Return by how much the best exceeds another setting, and whether that may be chance."""
    name = f"{role}{other.name(varying)}"
    gain = difference(best, other, metric)
    if gain is None and not other.scores(metric):
        return f". There is no finished run of {name}."
    if gain is None:
        return f". It shares no seed with {name}: {_mean(other, metric)}."
    if isinstance(gain, float):
        text = f", {gain:+.4f} against {name}"
        if len(best.rows) == 1:
            return f"{text}. One seed cannot rule out chance: write `seeds: 10` in the spec."
        return f"{text} with the only seed that both have finished. This may be chance."
    if gain.low == gain.high:
        each = f"with each of the {gain.pairs:,} seeds"
        return f", {gain.mean:+.4f} against {name} {each}. So few seeds may agree by chance."
    text = (
        f", {gain.mean:+.4f} against {name} ({gain.pairs:,} seeds, 95 % interval "
        f"{gain.low:+.4f} to {gain.high:+.4f})"
    )
    return f"{text}." if gain.is_clear else f"{text}. This may be chance."
