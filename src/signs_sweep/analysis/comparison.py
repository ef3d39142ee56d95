"""The settings of an experiment, each compared with its baseline."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from signs_sweep.analysis.judging import Family, Pair, judge
from signs_sweep.analysis.layout import Images
from signs_sweep.analysis.settings import (
    LABEL,
    NEVER_PAIRED,
    BaselineValues,
    Replicates,
    agree,
    agreeing_baselines,
    are_judged,
    chosen_baselines,
    chosen_metric,
    declared_baselines,
    parse_baseline,
    settings_of,
    varying_values,
)
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import SEED_NAMES, Row, VerdictRule, is_higher_better
from signs_sweep.errors import UsageError
from signs_sweep.statistics.sequential import least_pairs

BY_SETTING = "setting"

_MARGIN = 0.02
"""The margin of accuracies, unless the spec has another."""

Rules = Mapping[str, VerdictRule]
"""Rules by name of the experiment; others have the default rule."""


@dataclass(frozen=True)
class Comparison:
    """The settings of an experiment, each with its baseline and its verdict.

    Attributes:
        experiment: name of the experiment.
        rule: how they are compared; metric and margin are set.
        settings: the settings, in order.
        baselines: for each, the setting that it is compared with (itself, for a baseline), or None.
        verdicts: for each, its verdict; None for a baseline, without one, and if early stopping
            makes the two incomparable.
        varying: names of the values that vary.
        is_best: whether the baseline is the setting with the best mean, as none is declared.
    """

    experiment: str
    rule: VerdictRule
    settings: tuple[Replicates, ...]
    baselines: tuple[Replicates | None, ...]
    verdicts: tuple[Verdict | None, ...]
    varying: tuple[str, ...]
    is_best: bool = False

    @property
    def metric(self) -> str:
        """The metric that is compared."""
        return str(self.rule.metric)

    @property
    def entries(self) -> list[tuple[Replicates, Replicates | None, Verdict | None]]:
        """Each setting with its baseline and its verdict."""
        return list(zip(self.settings, self.baselines, self.verdicts, strict=True))

    @property
    def refused(self) -> list[Replicates]:
        """The settings without a verdict because early stopping makes them incomparable."""
        return [
            setting
            for setting, other, _ in self.entries
            if other is not None and not are_judged(setting, other, self.metric)
        ]

    @property
    def decisive(self) -> list[Verdict]:
        """The verdicts that exist."""
        return [verdict for verdict in self.verdicts if verdict is not None]


def compare_settings(
    rows: Sequence[Row],
    rules: Rules | None = None,
    *,
    by: str = BY_SETTING,
    baseline: BaselineValues | str | None = None,
    images: Images | None = None,
) -> list[Comparison]:
    """Compare the settings of each experiment.

    The verdicts are those about all comparisons with the baseline that the spec declares; if any
    other comparison is asked for, or none is declared, all pairs of settings count.

    Args:
        rows: the runs, those of a setting in the order of its seeds.
        rules: how to compare.
        by: a parameter: a setting is compared with the setting that has the baseline's value of it,
            otherwise the first value, and agrees in everything else; or `setting`.
        baseline: what to compare with, instead of the baseline of the spec: values by parameter, a
            label, or a text such as `l2=0,keep_prob=1`. Without either, it is the best mean.
        images: returns which images a run classifies correctly, for the uncertainty over images.

    Raises:
        UsageError: no setting has the values of the baseline, the parameter does not exist, or
            there is nothing to compare.
    """
    experiments = dict.fromkeys(row.experiment for row in rows)
    return [
        _compare(
            [row for row in rows if row.experiment == name],
            (rules or {}).get(name, VerdictRule()),
            by,
            baseline,
            images,
        )
        for name in experiments
    ]


def _compare(
    rows: Sequence[Row],
    rule: VerdictRule,
    by: str,
    wanted: BaselineValues | str | None,
    images: Images | None,
) -> Comparison:
    settings = settings_of(rows)
    rule = resolved(rule, rows)
    declared = baselines = declared_baselines(settings)
    if wanted is not None:
        values = _values(settings, wanted)
        baselines = chosen_baselines(settings, values)
        if not _pairs(settings, baselines):
            text = " ".join(f"{name}={value}" for name, value in values.items())
            raise UsageError(f"there is nothing to compare: no other setting than {text}")
    elif by != BY_SETTING:
        baselines = agreeing_baselines(settings, {by: _first_value(settings, by)})
        if not _pairs(settings, baselines):
            varying = ", ".join(varying_values(rows)) or "nothing"
            raise UsageError(
                f"there is nothing to compare: no two settings differ only in {by}. "
                f"What varies: {varying}"
            )
    elif not any(declared):
        best = _best(settings, rule)
        baselines = [best if best and agree(setting, best) else None for setting in settings]
        return replace(_judged(rule, settings, declared, baselines, images), is_best=True)
    return _judged(rule, settings, declared, baselines, images)


def _values(settings: Sequence[Replicates], wanted: BaselineValues | str) -> BaselineValues:
    """Return the values of a baseline; a text may be a label."""
    if not isinstance(wanted, str):
        return wanted
    is_label = any(setting.label == wanted for setting in settings)
    return {LABEL: wanted} if is_label else parse_baseline(wanted)


def _best(settings: Sequence[Replicates], rule: VerdictRule) -> Replicates | None:
    """Return the setting with the best mean; None without results, and for a single setting."""
    metric = str(rule.metric)
    sign = 1 if is_higher_better(metric) else -1
    means = [(setting.mean(metric), setting) for setting in settings]
    ranked = [(sign * value, setting) for value, setting in means if value is not None]
    if not ranked or len(settings) == 1:
        return None
    return max(ranked, key=lambda pair: pair[0])[1]


def _judged(
    rule: VerdictRule,
    settings: Sequence[Replicates],
    declared: Sequence[Replicates | None],
    baselines: Sequence[Replicates | None],
    images: Images | None,
) -> Comparison:
    """Return the comparison of settings with some baselines.

    If all of these comparisons are declared, the declared ones share the error, else all pairs do.
    """
    varying = varying_values([row for setting in settings for row in setting.rows])
    asked, written = _pairs(settings, baselines), _pairs(settings, declared)
    if {_keys(pair) for pair in asked} <= {_keys(pair) for pair in written}:
        pairs, total = written, max(len(written), rule.comparisons)
    else:
        groups = Counter(tuple(each.params.get(name) for name in NEVER_PAIRED) for each in settings)
        total = sum(size * (size - 1) // 2 for size in groups.values())
        pairs = [pair for pair in combinations(_long(settings, rule), 2) if agree(*pair)]
    known = {frozenset(_keys(pair)) for pair in asked}
    others = [pair for pair in pairs if frozenset(_keys(pair)) not in known]
    verdicts = judge(Family(asked, others, total, images), rule, varying)
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


def _long(settings: Sequence[Replicates], rule: VerdictRule) -> list[Replicates]:
    """Return the settings with enough runs for a verdict."""
    shortest = least_pairs(1 / rule.error)
    return [setting for setting in settings if len(setting.scores(str(rule.metric))) >= shortest]


def _first_value(settings: Sequence[Replicates], name: str) -> object:
    """Return the value of a parameter in the baseline, otherwise in the first setting."""
    first = next((each for each in settings if each.is_baseline), settings[0])
    if name not in first.params or name in SEED_NAMES:
        names = ", ".join(known for known in first.params if known not in SEED_NAMES)
        hint = " keep_prob is 1 - dropout." if name == "dropout" else ""
        raise UsageError(f"unknown parameter '{name}'.{hint} Known: {BY_SETTING}, {names}")
    return first.params[name]


def resolved(rule: VerdictRule, rows: Sequence[Row]) -> VerdictRule:
    """Return a rule with the defaults of metric and margin, given the runs."""
    metric = rule.metric or chosen_metric(rows)
    margin = _MARGIN if rule.margin is None and is_higher_better(metric) else rule.margin
    return replace(rule, metric=metric, margin=margin)


def for_metric(rule: VerdictRule, metric: str) -> VerdictRule:
    """Return the rule for a single comparison by a metric; a margin holds for its own metric."""
    margin = rule.margin if rule.metric in (None, metric) else None
    return resolved(VerdictRule(metric, margin, rule.error), ())


def _pairs(settings: Sequence[Replicates], baselines: Sequence[Replicates | None]) -> list[Pair]:
    return [
        (setting, other)
        for setting, other in zip(settings, baselines, strict=True)
        if other is not None and other is not setting
    ]


def _keys(pair: Pair) -> tuple[object, object]:
    return pair[0].key, pair[1].key
