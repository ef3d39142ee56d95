"""Verdicts: whether settings are better than their baseline, valid however often one looks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from signs_sweep.analysis.settings import (
    BaselineValues,
    Replicates,
    agree,
    chosen_baselines,
    chosen_metric,
    declared_baselines,
    settings_of,
    varying_values,
)
from signs_sweep.domain import SEED_NAMES, Judgement, Row, Seeds, VerdictRule, is_accuracy
from signs_sweep.errors import UsageError
from signs_sweep.statistics.replicates import mean
from signs_sweep.statistics.sequential import (
    SHARE_OF_VALUES,
    centre,
    decisions,
    evidence,
    evidence_of_signs,
    least_pairs,
    pairs_until,
)

BY_SETTING = "setting"

_MARGIN = 0.02
"""The margin of accuracies, unless the spec has another."""

FURTHEST = 200
"""The largest number of pairs for which a decision is predicted."""

_FEWEST = 3
"""The smallest number of pairs from which a decision is predicted."""

_Pair = tuple[Replicates, Replicates]


@dataclass(frozen=True)
class Verdict:
    """What the runs state about a setting, compared with its baseline.

    A pair is the two runs with the same seeds. The first pairs, without a gap in the order of the
    seeds, are the sequence that decides. Differences are setting minus baseline.

    Attributes:
        experiment: name of the experiment.
        setting: what distinguishes the setting.
        baseline: what distinguishes its baseline.
        metric: the metric that is compared.
        margin: the largest difference that counts as equivalent, or None.
        error: of all comparisons of the spec together.
        judgement: the verdict.
        usually: 1 if the setting was better in most pairs when it was decided, -1 if worse, or 0.
        on_average: the same for the mean.
        pairs: number of pairs.
        sequence: number of pairs before the first gap.
        gap: the seeds of the first missing run, or None if there is no gap.
        decided_after: pairs after which it was decided, or None.
        more_seeds: about how many further pairs would decide it; None if decided, if that cannot be
            estimated, or if it is above `most_seeds`.
        least_pairs: number of pairs that a decision needs in the best case.
        difference: mean difference over all pairs, or None.
        low: lower end of the interval for the difference, at the level `1 - error`, valid at any
            time; None without pairs, without a limit, and if more runs of one setting than of the
            other failed to learn, since the differences are then not symmetric.
        high: upper end of the interval.
        won: share of the pairs in which the setting is better; ties count half. None without pairs.
        evidence: largest evidence so far that the settings differ.
        threshold: evidence that decides, given the other comparisons.
        failing: whether fewer (BETTER) or more (WORSE) runs of the setting fail to learn, or
            UNDECIDED.
        failed: number of pairs in which the setting failed to learn.
        baseline_failed: number of pairs in which the baseline failed to learn.
    """

    experiment: str
    setting: str
    baseline: str
    metric: str
    margin: float | None
    error: float
    judgement: Judgement
    usually: int
    on_average: int
    pairs: int
    sequence: int
    gap: Seeds | None
    decided_after: int | None
    more_seeds: int | None
    least_pairs: int
    difference: float | None
    low: float | None
    high: float | None
    won: float | None
    evidence: float
    threshold: float
    failing: Judgement
    failed: int
    baseline_failed: int

    @property
    def text(self) -> str:
        """The verdict in a few words, such as `better` or `different: usually better, ...`."""
        return verdict_text(self.judgement, self.usually, self.on_average)

    @property
    def fails_differently(self) -> bool:
        """Whether more runs of either setting failed to learn, so that there is no interval."""
        return self.failed != self.baseline_failed


def verdict_text(judgement: Judgement, usually: int, on_average: int) -> str:
    """Return a verdict in a few words; see `Verdict`."""
    if judgement is not Judgement.DIFFERENT:
        return str(judgement.value)
    most = {1: "usually better", 0: "as often better as worse", -1: "usually worse"}[usually]
    average = {1: "better", 0: "equal", -1: "worse"}[on_average]
    return f"different: {most}, {average} on average"


@dataclass(frozen=True)
class Comparison:
    """The settings of an experiment, each with its baseline and its verdict.

    Attributes:
        experiment: name of the experiment.
        rule: how they are compared; metric and margin are set.
        settings: the settings, in order.
        baselines: for each, the setting that it is compared with (itself, for a baseline), or None.
        verdicts: for each, its verdict; None for a baseline, and without one.
        varying: names of the values that vary.
    """

    experiment: str
    rule: VerdictRule
    settings: tuple[Replicates, ...]
    baselines: tuple[Replicates | None, ...]
    verdicts: tuple[Verdict | None, ...]
    varying: tuple[str, ...]

    @property
    def metric(self) -> str:
        """The metric that is compared."""
        assert self.rule.metric is not None
        return self.rule.metric

    @property
    def entries(self) -> list[tuple[Replicates, Replicates | None, Verdict | None]]:
        """Each setting with its baseline and its verdict."""
        return list(zip(self.settings, self.baselines, self.verdicts, strict=True))

    @property
    def decisive(self) -> list[Verdict]:
        """The verdicts that exist."""
        return [verdict for verdict in self.verdicts if verdict is not None]


Rules = Mapping[str, VerdictRule]
"""Rules by name of the experiment; others have the default rule."""


def compare_settings(
    rows: Sequence[Row],
    rules: Rules | None = None,
    *,
    by: str = BY_SETTING,
    baseline: BaselineValues | None = None,
) -> list[Comparison]:
    """Compare the settings of each experiment.

    The verdicts are those about all comparisons with the baseline that the spec declares; if any
    other comparison is asked for, or none is declared, all pairs of settings count.

    Args:
        rows: the runs, those of a setting in the order of its seeds.
        rules: how to compare.
        by: a parameter: a setting is compared with the setting that has the baseline's value of it,
            otherwise the first value, and agrees in everything else; or `setting`.
        baseline: what to compare with, instead of the baseline of the spec.

    Raises:
        UsageError: no setting has the values of the baseline, or the parameter does not exist.
    """
    experiments = dict.fromkeys(row.experiment for row in rows)
    return [
        _compare(
            [row for row in rows if row.experiment == name],
            (rules or {}).get(name, VerdictRule()),
            by,
            baseline,
        )
        for name in experiments
    ]


def _compare(
    rows: Sequence[Row], rule: VerdictRule, by: str, wanted: BaselineValues | None
) -> Comparison:
    settings = settings_of(rows)
    declared = declared_baselines(settings)
    baselines = declared
    if wanted is None and by != BY_SETTING:
        wanted = {by: _first_value(settings, by)}
    if wanted is not None:
        baselines = chosen_baselines(settings, wanted)
    varying = varying_values(rows)
    rule = resolved(rule, rows)
    asked, written = _pairs(settings, baselines), _pairs(settings, declared)
    is_declared = {_keys(pair) for pair in asked} <= {_keys(pair) for pair in written}
    family = written if is_declared else _comparable(settings)
    verdicts = _judge(asked, _without(asked, family), rule, varying)
    return Comparison(
        settings[0].rows[0].experiment,
        rule,
        tuple(settings),
        tuple(baselines),
        tuple(
            None if other is None else verdicts.get((setting.key, other.key))
            for setting, other in zip(settings, baselines, strict=True)
        ),
        varying,
    )


def best_comparison(comparison: Comparison) -> Comparison:
    """Compare with the best setting by mean instead; for an experiment without a baseline."""
    metric = comparison.metric
    sign = 1 if is_accuracy(metric) else -1
    means = [(setting.mean(metric), setting) for setting in comparison.settings]
    best = max(
        ((value, each) for value, each in means if value is not None),
        key=lambda pair: sign * pair[0],
        default=(None, None),
    )[1]
    if best is None:
        return comparison
    comparable = [setting for setting in comparison.settings if agree(setting, best)]
    asked = [(setting, best) for setting in comparable if setting is not best]
    others = _without(asked, _comparable(comparison.settings))
    verdicts = _judge(asked, others, comparison.rule, comparison.varying)
    return Comparison(
        comparison.experiment,
        comparison.rule,
        comparison.settings,
        (best,) * len(comparison.settings),
        tuple(verdicts.get((setting.key, best.key)) for setting in comparison.settings),
        comparison.varying,
    )


def _first_value(settings: Sequence[Replicates], name: str) -> object:
    """Return the value of a parameter in the baseline, otherwise in the first setting."""
    first = next((each for each in settings if each.is_baseline), settings[0])
    if name not in first.params or name in SEED_NAMES:
        names = ", ".join(known for known in first.params if known not in SEED_NAMES)
        raise UsageError(f"unknown parameter '{name}'. Known: {BY_SETTING}, {names}")
    return first.params[name]


def resolved(rule: VerdictRule, rows: Sequence[Row]) -> VerdictRule:
    """Return a rule with the defaults of metric and margin, given the runs."""
    metric = rule.metric or chosen_metric(rows)
    margin = _MARGIN if rule.margin is None and is_accuracy(metric) else rule.margin
    return VerdictRule(metric, margin, rule.error)


def _pairs(settings: Sequence[Replicates], baselines: Sequence[Replicates | None]) -> list[_Pair]:
    return [
        (setting, other)
        for setting, other in zip(settings, baselines, strict=True)
        if other is not None and other is not setting
    ]


def _comparable(settings: Sequence[Replicates]) -> list[_Pair]:
    """Return all pairs of settings that may be compared."""
    return [pair for pair in combinations(settings, 2) if agree(*pair)]


def _without(asked: Sequence[_Pair], pairs: Sequence[_Pair]) -> list[_Pair]:
    """Return the pairs that are not among those asked for, in either order."""
    known = {frozenset(_keys(pair)) for pair in asked}
    return [pair for pair in pairs if frozenset(_keys(pair)) not in known]


def _keys(pair: _Pair) -> tuple[object, object]:
    return pair[0].key, pair[1].key


@dataclass(frozen=True, eq=False)
class _Sequence:
    """The pairs of a comparison before the first gap; positive values favour the setting.

    Attributes:
        differences: of the metric.
        failing: 1 if only the baseline failed to learn, -1 if only the setting did, else 0.
        gap: the seeds of the first missing run.
    """

    differences: NDArray[np.float64]
    failing: NDArray[np.float64]
    gap: Seeds | None

    @classmethod
    def of(cls, setting: Replicates, other: Replicates, metric: str) -> "_Sequence":
        sign = 1.0 if is_accuracy(metric) else -1.0
        own, theirs = setting.scores(metric), other.scores(metric)
        failed, others_failed = setting.failing, other.failing
        differences: list[float] = []
        failing: list[float] = []
        for row in setting.rows:
            if row.seeds not in own or row.seeds not in theirs:
                return cls(np.array(differences), np.array(failing), row.seeds)
            first, second = own[row.seeds], theirs[row.seeds]
            differences.append(0.0 if first == second else sign * (first - second))
            failing.append(others_failed[row.seeds] - failed[row.seeds])
        return cls(np.array(differences), np.array(failing), None)


def _judge(
    asked: Sequence[_Pair], others: Sequence[_Pair], rule: VerdictRule, varying: Sequence[str]
) -> dict[tuple[object, object], Verdict]:
    """Return the verdicts of comparisons, by the keys of their settings.

    Other comparisons share the error with those that are asked for.
    """
    metric = str(rule.metric)
    if not asked:
        return {}
    shortest = least_pairs(1 / rule.error)
    amounts = {each.key: len(each.scores(metric)) for pair in (*asked, *others) for each in pair}
    # Shorter ones cannot be decided, but they count.
    long = [pair for pair in others if min(amounts[each.key] for each in pair) >= shortest]
    sequences = [_Sequence.of(*pair, metric) for pair in (*asked, *long)]
    values = _by_length([each.differences for each in sequences], evidence)
    shares = _by_length([each.failing for each in sequences], evidence_of_signs)
    decided = [process if len(process) >= shortest else process[:0] for process in values]
    count, total = len(sequences), len(asked) + len(others)
    weights = [SHARE_OF_VALUES / total] * count + [(1 - SHARE_OF_VALUES) / total] * count
    rest = (total - count) / total
    after, thresholds = decisions([*decided, *shares], weights, rule.error, rest)
    return {
        (setting.key, other.key): _verdict(
            *((setting, other), sequences[index], rule, varying),
            process=values[index],
            after=after[index],
            threshold=thresholds[index],
            failing_after=after[count + index],
        )
        for index, (setting, other) in enumerate(asked)
    }


def _by_length(
    series: Sequence[NDArray[np.float64]],
    process: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> list[NDArray[np.float64]]:
    """Return the process of each series; those of the same length are computed together."""
    results = list(series)
    for length in {len(each) for each in series}:
        indices = [index for index, each in enumerate(series) if len(each) == length]
        for index, row in zip(
            indices, process(np.stack([series[index] for index in indices])), strict=True
        ):
            results[index] = row
    return results


def _verdict(
    pair: _Pair,
    sequence: _Sequence,
    rule: VerdictRule,
    varying: Sequence[str],
    *,
    process: NDArray[np.float64],
    after: int | None,
    threshold: float,
    failing_after: int | None,
) -> Verdict:
    setting, other = pair
    metric = str(rule.metric)
    differences, failing = sequence.differences, sequence.failing
    low, high, equivalent_after = _interval(sequence, rule)
    judgement, decided_after = Judgement.UNDECIDED, None
    usually = on_average = 0
    if after is not None and (equivalent_after is None or after <= equivalent_after):
        decided_after = after
        usually = int(np.sign(np.sign(differences[:after]).sum()))
        average = differences[:after].mean()
        on_average = 0 if np.isnan(average) else int(np.sign(np.round(average, 12)))
        agreed = {1: Judgement.BETTER, -1: Judgement.WORSE}
        judgement = agreed.get(usually if usually == on_average else 0, Judgement.DIFFERENT)
    elif equivalent_after is not None:
        judgement, decided_after = Judgement.EQUIVALENT, equivalent_after
    needed = least_pairs(threshold)
    more = None
    if not judgement.is_clear and sequence.gap is None and len(differences) >= _FEWEST:
        is_even = not failing.sum()
        most = max(FURTHEST, 2 * len(differences))
        until = pairs_until(differences, threshold, rule.margin if is_even else None, most)
        more = None if until is None else max(until, needed) - len(differences)
    own, theirs = setting.scores(metric), other.scores(metric)
    shared = [seeds for seeds in own if seeds in theirs]
    sign = 1 if is_accuracy(metric) else -1
    won = [0.5 + np.sign(sign * (own[each] - theirs[each])) / 2 for each in shared]
    gains = [own[each] - theirs[each] for each in shared]
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
        difference=mean(gains),
        low=low,
        high=high,
        won=mean([0.5 if np.isnan(each) else float(each) for each in won]),
        evidence=float(process.max(initial=1.0)),
        threshold=threshold,
        failing=_direction(failing, failing_after),
        failed=sum(setting.failing[each] for each in shared),
        baseline_failed=sum(other.failing[each] for each in shared),
    )


def _direction(failing: NDArray[np.float64], after: int | None) -> Judgement:
    if after is None:
        return Judgement.UNDECIDED
    return Judgement.BETTER if failing[:after].sum() > 0 else Judgement.WORSE


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
        is_within = (low >= -rule.margin) & (high <= rule.margin) & is_even
        after = int(np.argmax(is_within)) + 1 if is_within.any() else None
    if not is_even[-1] or not np.isfinite([low[-1], high[-1]]).all():
        return None, None, after
    ends = float(low[-1]), float(high[-1])
    return (*((-ends[1], -ends[0]) if not is_accuracy(str(rule.metric)) else ends), after)
