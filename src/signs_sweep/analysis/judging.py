"""From the runs of settings to verdicts: pairs, their evidence, and what is decided when.

Whether two settings differ is decided by their evidence and by Holm's procedure over all
comparisons; more seeds of any setting can only decide more. All else about a verdict depends on its
own pairs alone, up to the first at which its evidence alone would decide a single comparison or
their interval is within the margin: so it stays when any setting gets more seeds.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from signs_sweep.analysis.layout import Images, layout_of
from signs_sweep.analysis.settings import Replicates, are_judged
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import Judgement, Seeds, VerdictRule, is_higher_better
from signs_sweep.statistics.crossed import crossed
from signs_sweep.statistics.sequential import (
    SHARE_OF_VALUES,
    centre,
    evidence,
    evidence_of_signs,
    holm,
    least_pairs,
    pairs_until,
)

FURTHEST = 200
"""The largest number of further seeds for which a decision is predicted."""

_FEWEST = 3
"""The smallest number of pairs from which a decision is predicted."""

Pair = tuple[Replicates, Replicates]
"""A setting and what it is compared with."""


@dataclass(frozen=True)
class Family:
    """Comparisons that share an error.

    Attributes:
        asked: those whose verdicts are wanted.
        others: others, except those that too few pairs keep from being decided.
        total: number of all comparisons.
        images: returns which images a run classifies correctly.
        is_brief: whether intervals and the number of further seeds are left out, which take time.
    """

    asked: Sequence[Pair]
    others: Sequence[Pair]
    total: int
    images: Images | None = None
    is_brief: bool = False


def judge(
    family: Family, rule: VerdictRule, varying: Sequence[str]
) -> dict[tuple[object, object], Verdict]:
    """Return the verdicts that are asked for, by the keys of setting and baseline.

    Settings that early stopping makes incomparable by the metric have no verdict.

    Args:
        family: the comparisons.
        rule: how settings are compared; metric and margin are set.
        varying: names of the values that vary between settings.
    """
    metric = str(rule.metric)
    asked, others = (
        [pair for pair in pairs if are_judged(*pair, metric)]
        for pairs in (family.asked, family.others)
    )
    if not asked:
        return {}
    pairs = [*asked, *others]
    sequences = _sequences(pairs, metric)
    values = _by_length([each.differences for each in sequences], evidence)
    shares = _by_length([each.failing for each in sequences], evidence_of_signs)
    largest = [float(process.max(initial=1.0)) for process in (*values, *shares)]
    weights = [SHARE_OF_VALUES / family.total] * len(pairs)
    weights += [(1 - SHARE_OF_VALUES) / family.total] * len(pairs)
    rest = (family.total - len(pairs)) / family.total
    is_rejected, thresholds = holm(largest, weights, rule.error, rest)
    verdicts: dict[tuple[object, object], Verdict] = {}
    for index, pair in enumerate(asked):
        evidences = _Evidence(
            values=values[index],
            is_clear=is_rejected[index],
            threshold=thresholds[index],
            failing=shares[index],
            is_failing_clear=is_rejected[len(pairs) + index],
            failing_threshold=thresholds[len(pairs) + index],
        )
        verdict = _verdict(
            *(pair, sequences[index], evidences, rule, varying), is_brief=family.is_brief
        )
        if family.images is not None:
            verdict = _over_images(verdict, pair, family.images)
        verdicts[pair[0].key, pair[1].key] = verdict
    return verdicts


def _by_length(
    series: Sequence[NDArray[np.float64]],
    process: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> list[NDArray[np.float64]]:
    """Return the process of each series; those of the same length are computed together."""
    results = list(series)
    for length in {len(each) for each in series}:
        indices = [index for index, each in enumerate(series) if len(each) == length]
        rows = process(np.stack([series[index] for index in indices]))
        for index, row in zip(indices, rows, strict=True):
            results[index] = row
    return results


@dataclass(frozen=True, eq=False)
class _Sequence:
    """The pairs of a comparison before the first gap; positive values favour the setting.

    Attributes:
        differences: of the metric.
        failing: how many more runs of the baseline than of the setting failed to learn.
        gap: the seeds of the first missing run.
    """

    differences: NDArray[np.float64]
    failing: NDArray[np.float64]
    gap: Seeds | None

    @classmethod
    def of(cls, setting: Replicates, other: Replicates, metric: str) -> "_Sequence":
        pairs = setting.paired(other, metric)
        failed, others_failed = setting.failing, other.failing
        differences: list[float] = []
        failing: list[float] = []
        gap = None
        for seeds in setting.seeds:
            if seeds not in pairs:
                gap = seeds
                break
            differences.append(_gain(*pairs[seeds], metric))
            failing.append(others_failed[seeds] - failed[seeds])
        return cls(np.array(differences), np.array(failing), gap)


def _sequences(pairs: Sequence[Pair], metric: str) -> list[_Sequence]:
    """Return the sequence of each comparison.

    All settings may be compared with each other, and most have the same seeds: these are subtracted
    together.
    """
    alike: dict[object, dict[int, Replicates]] = defaultdict(dict)
    for setting in {id(each): each for pair in pairs for each in pair}.values():
        if len(setting.scores(metric)) == len(setting.splits):
            alike[tuple(setting.splits.items())][id(setting)] = setting
    sequences: dict[int, _Sequence] = {}
    for settings in alike.values():
        rows = {name: row for row, name in enumerate(settings)}
        values = np.array([[*each.scores(metric).values()] for each in settings.values()])
        failing = np.array([[*each.failing.values()] for each in settings.values()])
        names = [(id(setting), id(other)) for setting, other in pairs]
        indices = [i for i, (name, other) in enumerate(names) if name in rows and other in rows]
        chosen = np.array([[rows[each] for each in names[i]] for i in indices], int)
        first, second = chosen.reshape(-1, 2).T
        with np.errstate(invalid="ignore"):
            gains = values[first] - values[second]
        gains[values[first] == values[second]] = 0.0
        gains = gains if is_higher_better(metric) else 0.0 - gains
        parts = zip(indices, gains, failing[second] - failing[first], strict=True)
        sequences |= {index: _Sequence(gain, failed, None) for index, gain, failed in parts}
    return [
        sequences[index] if index in sequences else _Sequence.of(*pair, metric)
        for index, pair in enumerate(pairs)
    ]


def _gain(value: float, reference: float, metric: str) -> float:
    """Return by how much a value is better than another; two infinite losses are equal."""
    if value == reference:
        return 0.0
    return value - reference if is_higher_better(metric) else reference - value


@dataclass(frozen=True, eq=False)
class _Evidence:
    """The evidence of a comparison, and whether it decides, given the other comparisons.

    Attributes:
        values: evidence that the metric differs, after each pair.
        is_clear: whether it decides.
        threshold: evidence that decides.
        failing: evidence that the share that fails to learn differs, after each pair.
        is_failing_clear: whether it decides.
        failing_threshold: evidence that decides.
    """

    values: NDArray[np.float64]
    is_clear: bool
    threshold: float
    failing: NDArray[np.float64]
    is_failing_clear: bool
    failing_threshold: float


def _first(is_reached: NDArray[np.bool_]) -> int | None:
    """Return the number of pairs at the first True; None without any."""
    return int(np.argmax(is_reached)) + 1 if is_reached.any() else None


def _verdict(
    pair: Pair,
    sequence: _Sequence,
    evidences: _Evidence,
    rule: VerdictRule,
    varying: Sequence[str],
    *,
    is_brief: bool,
) -> Verdict:
    setting, other = pair
    metric = str(rule.metric)
    differences = sequence.differences
    low, high, equivalent_after = (None,) * 3 if is_brief else _interval(sequence, rule)
    # The first pair after which it could be decided if it were the only comparison.
    first = _first(evidences.values >= 1 / rule.error)
    judgement, decided_after = Judgement.UNDECIDED, None
    usually = on_average = 0
    if equivalent_after is not None and (first is None or equivalent_after < first):
        judgement, decided_after = Judgement.EQUIVALENT, equivalent_after
    elif evidences.is_clear:
        decided_after = _first(evidences.values >= evidences.threshold)
        usually = int(np.sign(np.sign(differences[:first]).sum()))
        on_average = _sign(differences[:first])
        agreed = {1: Judgement.BETTER, -1: Judgement.WORSE}
        judgement = agreed.get(usually if usually == on_average else 0, Judgement.DIFFERENT)
    shared = setting.paired(other, metric)
    gains = [_gain(*values, metric) for values in shared.values()]
    needed = least_pairs(evidences.threshold)
    more = None
    if not is_brief and not judgement.is_clear and len(shared) == len(differences):
        more = _more_seeds(sequence, evidences.threshold, rule)
    return Verdict(
        experiment=setting.rows[0].experiment,
        setting=setting.name(varying),
        baseline=other.name(varying),
        metric=metric,
        margin=rule.margin,
        error=rule.error,
        judgement=judgement,
        usually=usually,
        on_average=on_average,
        pairs=len(shared),
        sequence=len(differences),
        gap=sequence.gap,
        decided_after=decided_after,
        more_seeds=more,
        least_pairs=needed,
        difference=_mean_difference(gains, metric),
        low=low,
        high=high,
        won=sum(0.5 + np.sign(gain) / 2 for gain in gains) / len(gains) if gains else None,
        evidence=float(evidences.values.max(initial=1.0)),
        threshold=evidences.threshold,
        failing=_direction(sequence, evidences),
        runs=sum(len(setting.rows_of(seeds)) for seeds in shared),
        failed=sum(setting.failing[seeds] for seeds in shared),
        baseline_failed=sum(other.failing[seeds] for seeds in shared),
    )


def _over_images(verdict: Verdict, pair: Pair, images: Images) -> Verdict:
    """Add the uncertainty over seeds, splits and images, as far as the runs show it."""
    shared = list(pair[0].paired(pair[1], verdict.metric))
    layout = layout_of(*pair, shared, verdict.metric, images) if shared else None
    if layout is None:
        return verdict
    is_finite = bool(np.isfinite(layout.differences).all())
    return replace(
        verdict,
        images=layout.images,
        splits=layout.splits,
        has_own_splits=layout.has_own_splits,
        crossed=crossed(layout.differences) if is_finite else None,
    )


def _sign(differences: NDArray[np.float64]) -> int:
    """Return the sign of the mean; 0 if losses are infinite on both sides."""
    with np.errstate(invalid="ignore"):
        average = float(differences.mean())
    return 0 if math.isnan(average) else int(np.sign(np.round(average, 12)))


def _mean_difference(gains: Sequence[float], metric: str) -> float | None:
    if not gains:
        return None
    with np.errstate(invalid="ignore"):
        average = float(np.mean(gains))
    if math.isnan(average):
        return None
    return average if is_higher_better(metric) else 0.0 - average


def _more_seeds(sequence: _Sequence, threshold: float, rule: VerdictRule) -> int | None:
    """Return about how many further pairs would decide a comparison, or None."""
    known = len(sequence.differences)
    if known < _FEWEST:
        return None
    # Only even failures leave the differences symmetric, see `_interval`.
    margin = None if sequence.failing.sum() else rule.margin
    most = known + FURTHEST
    until = pairs_until(sequence.differences, threshold, margin, 1 / rule.error, most)
    return None if until is None else until - known


def _direction(sequence: _Sequence, evidences: _Evidence) -> Judgement:
    """Return whether the setting fails to learn less often (BETTER), more often, or neither."""
    if not evidences.is_failing_clear:
        return Judgement.UNDECIDED
    first = _first(evidences.failing >= evidences.failing_threshold)
    return Judgement.BETTER if sequence.failing[:first].sum() > 0 else Judgement.WORSE


def _interval(
    sequence: _Sequence, rule: VerdictRule
) -> tuple[float | None, float | None, int | None]:
    """Return the interval for the difference, and the pairs after which it is within the margin.

    There is an interval only if the settings fail to learn at equal rates: otherwise, their
    differences are not symmetric around any value.
    """
    differences = sequence.differences
    if not len(differences) or not np.isfinite(differences).all():
        return None, None, None
    low, high = centre(differences, 1 / rule.error)
    is_even = np.cumsum(sequence.failing) == 0
    after = None
    if rule.margin is not None:
        after = _first((low >= -rule.margin) & (high <= rule.margin) & is_even)
    if not is_even[-1] or not np.isfinite([low[-1], high[-1]]).all():
        return None, None, after
    ends = float(low[-1]), float(high[-1])
    if not is_higher_better(str(rule.metric)):
        ends = 0.0 - ends[1], 0.0 - ends[0]
    return (*ends, after)
