"""The answer of an experiment to its question, in a sentence or a few."""

from collections.abc import Sequence

from signs_sweep.analysis.comparison import Comparison, best_comparison, compare_settings
from signs_sweep.analysis.judging import FURTHEST
from signs_sweep.analysis.settings import Replicates
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import METRICS, Judgement, Row, VerdictRule, is_higher_better

_MOST_NAMED = 6
"""Settings that are described each; of more, those with the same verdict are listed together."""

_MOST_IN_FULL = 3
_MOST_LISTED = 4

_PREPOSITIONS = {
    Judgement.BETTER: "than",
    Judgement.WORSE: "than",
    Judgement.DIFFERENT: "from",
    Judgement.EQUIVALENT: "to",
    Judgement.UNDECIDED: "against",
}


def answer(rows: Sequence[Row], rule: VerdictRule | None = None) -> str | None:
    """Return the verdict on the settings of an experiment; None without results.

    The runs are of one experiment and of one training version.
    """
    if not rows:
        return None
    (comparison,) = compare_settings(rows, {rows[0].experiment: rule or VerdictRule()})
    metric = comparison.metric
    settings = [each for each in comparison.settings if each.scores(metric)]
    if not settings:
        return None
    if len(comparison.settings) == 1:
        return _spread(settings[0], metric)
    if len(settings) == 1:
        name = settings[0].name(comparison.varying)
        return (
            f"Of {len(comparison.settings)} settings, only {name} has a finished run: "
            f"{METRICS[metric].title} {_mean(settings[0], metric)}."
        )
    sentences = [_verdicts(comparison)]
    if not comparison.decisive:
        sentences = [_verdicts(best_comparison(comparison), is_best=True)]
    return " ".join([*sentences, *_diverged(comparison)])


def _spread(setting: Replicates, metric: str) -> str:
    """Return the mean and spread of a single setting over its seeds."""
    scores = setting.scores(metric).values()
    title = METRICS[metric].title
    text = f"{title[0].upper()}{title[1:]}: {_mean(setting, metric)}"
    if len(scores) < 2:
        return f"{text}."
    spread = f"{min(scores):.4f} to {max(scores):.4f}"
    return f"{text}, from {spread}, standard deviation {setting.deviation(metric):.4f}."


def _mean(setting: Replicates, metric: str) -> str:
    count = len(setting.scores(metric))
    over = "one seed" if count == 1 else f"mean over {count:,} seeds"
    return f"{setting.mean(metric):.4f} ({over})"


def _verdicts(comparison: Comparison, *, is_best: bool = False) -> str:
    """Return the verdicts on all settings, best first."""
    metric = comparison.metric
    sign = 1 if is_higher_better(metric) else -1
    verdicts = sorted(comparison.decisive, key=lambda each: -sign * (each.difference or 0.0))
    paired = [verdict for verdict in verdicts if verdict.pairs]
    if not paired:
        return _apart(comparison)
    baselines = {other.key: other for _, other, verdict in comparison.entries if other and verdict}
    has_one = len(baselines) == 1
    if has_one:
        (baseline,) = baselines.values()
        role = "the best mean" if is_best else "the baseline"
        text = f"Compared with {role}, {baseline.name(comparison.varying)}, with "
        text += f"{METRICS[metric].title} {_mean(baseline, metric)}: "
    else:
        text = f"By {METRICS[metric].title}: "
    if len(verdicts) > _MOST_NAMED:
        text += _grouped(verdicts)
    else:
        is_short = len(verdicts) > _MOST_IN_FULL
        shown = [_described(each, has_one=has_one, is_short=is_short) for each in verdicts]
        text += "; ".join(shown)
    return " ".join([f"{text}.", *_advice(paired), *_uneven(paired), *_failing(paired)])


def _described(verdict: Verdict, *, has_one: bool, is_short: bool) -> str:
    """Return the verdict on a setting, with the difference.

    The baseline is named unless there is only one; the interval is left out of a short text.
    """
    name, judgement = verdict.setting, verdict.judgement
    if not verdict.pairs:
        return f"{name} shares no seed with its baseline"
    amount = "undefined mean" if verdict.difference is None else f"{verdict.difference:+.4f}"
    if verdict.low is not None and judgement.is_clear and not is_short:
        amount += f", {verdict.low:+.4f} to {verdict.high:+.4f}"
    if judgement.is_clear:
        amount += f", decided after {verdict.decided_after} seeds"
    elif verdict.fails_differently:
        amount += f", {verdict.failed} and {verdict.baseline_failed} of {verdict.pairs} failed"
    other = "" if has_one else f" {_PREPOSITIONS[judgement]} {verdict.baseline}"
    head, *details = verdict.text.split(": ")
    if judgement is Judgement.EQUIVALENT:
        other += f" within {verdict.margin}"
    return f"{': '.join([f'{name} is {head}{other}', *details])} ({amount})"


def _grouped(verdicts: Sequence[Verdict]) -> str:
    """Return how many settings have each verdict, and the first of them."""
    texts = []
    for judgement in Judgement:
        names = [verdict.setting for verdict in verdicts if verdict.judgement is judgement]
        if names:
            listed = ", ".join(names[:_MOST_LISTED]) + (
                ", ..." if len(names) > _MOST_LISTED else ""
            )
            texts.append(f"{len(names)} {judgement.value} ({listed})")
    return "; ".join(texts)


def _advice(verdicts: Sequence[Verdict]) -> list[str]:
    """Return how many seeds would decide what is undecided."""
    open_ones = [verdict for verdict in verdicts if not verdict.judgement.is_clear]
    if not open_ones:
        return []
    if gaps := [verdict for verdict in open_ones if verdict.pairs > verdict.sequence]:
        seeds = ", then ".join(dict.fromkeys(f"{verdict.gap}" for verdict in gaps))
        return [f"A verdict needs every seed in order; missing: the pair of seeds {seeds}."]
    needed = min(verdict.least_pairs for verdict in open_ones)
    most = max(verdict.sequence for verdict in open_ones)
    more = [verdict.more_seeds for verdict in open_ones if verdict.more_seeds is not None]
    waiting = next((verdict.gap for verdict in open_ones if verdict.gap), None)
    if most < needed:
        text, total = f"Better or worse needs at least {needed} seeds", needed
    elif more:
        amount = "one more seed" if min(more) == 1 else f"{min(more)} more seeds"
        text, total = f"About {amount} would decide the next", most + min(more)
    else:
        return [f"If further seeds are like these, {FURTHEST} more would decide nothing."]
    if waiting is not None:
        return [f"{text}; the run with seeds {waiting} has no result yet."]
    return [f"{text}: add --seeds {total}."]


def _uneven(verdicts: Sequence[Verdict]) -> list[str]:
    """Return why some verdicts have no interval and cannot be that settings are equivalent."""
    if not any(each.fails_differently and not each.judgement.is_clear for each in verdicts):
        return []
    text = "Where different numbers of runs failed to learn, there is neither an interval nor the "
    return [f"{text}verdict equivalent."]


def _failing(verdicts: Sequence[Verdict]) -> list[str]:
    """Return a sentence on each setting whose runs fail to learn more or less often."""
    terms = {Judgement.BETTER: "less", Judgement.WORSE: "more"}
    return [
        f"{verdict.setting} fails to learn {terms[verdict.failing]} often than {verdict.baseline} "
        f"({verdict.failed} of {verdict.pairs} seeds, against {verdict.baseline_failed})."
        for verdict in verdicts
        if verdict.failing in terms
    ]


def _apart(comparison: Comparison) -> str:
    """Return the means of settings that share no seed with their baselines."""
    metric = comparison.metric
    means = [
        f"{setting.name(comparison.varying)} {_mean(setting, metric)}"
        for setting in comparison.settings
        if setting.scores(metric)
    ]
    listed = ", ".join(means[:_MOST_NAMED]) + (", ..." if len(means) > _MOST_NAMED else "")
    return (
        f"A verdict needs finished runs of two settings with the same seeds. "
        f"By {METRICS[metric].title}: {listed}."
    )


def _diverged(comparison: Comparison) -> list[str]:
    """Return a sentence that names the runs that diverged."""
    rows = [
        (setting, row)
        for setting in comparison.settings
        for row in setting.rows
        if row.result is not None and row.result.has_diverged
    ]
    if not rows:
        return []
    names = [f"{setting.name(comparison.varying)} seeds {row.seeds}" for setting, row in rows]
    counted = "chance" if is_higher_better(comparison.metric) else "infinite"
    listed = "; ".join(names[:_MOST_NAMED]) + ("; ..." if len(names) > _MOST_NAMED else "")
    verb = "diverged and counts" if len(names) == 1 else "diverged and count"
    return [f"{listed} {verb} as {counted}."]
