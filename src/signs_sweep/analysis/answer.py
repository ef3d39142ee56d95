"""The answer of an experiment to its question, in a sentence or a few."""

from collections import Counter
from collections.abc import Sequence

from signs_sweep.analysis.comparison import Comparison
from signs_sweep.analysis.judging import FURTHEST
from signs_sweep.analysis.settings import Replicates
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import METRICS, Judgement, is_higher_better

SELECTED = "*"
OF_SELECTED = (
    f"Values with {SELECTED} are of epochs that early stopping chose as the best on the same "
    "images, so they are too good. Values on the test set are not."
)

_MOST_NAMED = 6
"""Settings that are described each; of more, those with the same verdict are listed together."""

_MOST_IN_FULL = 3
_MOST_LISTED = 4

_FEW_SPLITS = 6
"""Below this number of splits, an interval over splits is noticeably too narrow."""

_PREPOSITIONS = {
    Judgement.BETTER: "than",
    Judgement.WORSE: "than",
    Judgement.DIFFERENT: "from",
    Judgement.EQUIVALENT: "to",
    Judgement.UNDECIDED: "against",
}


def answer_from(comparison: Comparison) -> str | None:
    """Return the verdict on compared settings; None without results."""
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
    return " ".join([_verdicts(comparison), *_diverged(comparison), *refusals([comparison])])


def refusals(comparisons: Sequence[Comparison]) -> list[str]:
    """Return why some settings have no verdict although they have a baseline, and what to do."""
    return [
        f"No verdict on {_names(comparison.refused, comparison.varying)}: early stopping differs "
        f"from what it is compared with, and chooses epochs by the images of "
        f"{METRICS[comparison.metric].title}, so that a difference may be due to the choice "
        "alone. Compare by the test set (verdict: {metric: test_accuracy} in the spec), or use "
        "the same early_stopping everywhere."
        for comparison in comparisons
        if comparison.refused
    ]


def _names(settings: Sequence[Replicates], varying: Sequence[str]) -> str:
    names = [setting.name(varying) for setting in settings]
    return ", ".join(names[:_MOST_LISTED]) + (", ..." if len(names) > _MOST_LISTED else "")


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


def _verdicts(comparison: Comparison) -> str:
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
        role = "the best mean" if comparison.is_best else "the baseline"
        text = f"Compared with {role}, {baseline.name(comparison.varying)}, with "
        text += f"{METRICS[metric].title} {_mean(baseline, metric)}: "
    else:
        text = f"By {METRICS[metric].title}: "
    if len(verdicts) > _MOST_NAMED:
        text += _grouped(verdicts)
    else:
        is_short = len(verdicts) > _MOST_IN_FULL
        count = len(baseline.scores(metric)) if has_one else None
        shown = [_described(each, count, is_short=is_short) for each in verdicts]
        text += "; ".join(shown)
    remarks = (*_advice(paired), *_uneven(paired), *_failing(paired), *_scope(paired))
    return " ".join([f"{text}.", *remarks])


def _described(verdict: Verdict, count: int | None, *, is_short: bool) -> str:
    """Return the verdict on a setting, with the difference.

    Args:
        verdict: the verdict.
        count: number of seeds of the only baseline; None if there are several, which are named.
        is_short: whether to leave out the interval.
    """
    name, judgement = verdict.setting, verdict.judgement
    if not verdict.pairs:
        return f"{name} shares no seed with its baseline"
    amount = "undefined mean" if verdict.difference is None else signed(verdict.difference)
    if count not in (None, verdict.pairs):
        amount += f" over {verdict.pairs} seeds"
    if verdict.low is not None and judgement.is_clear and not is_short:
        amount += f", {signed(verdict.low)} to {signed(verdict.high or 0.0)}"
    if judgement.is_clear:
        amount += f", decided after {verdict.decided_after} seeds"
    elif verdict.fails_differently:
        amount += f", {verdict.failed} and {verdict.baseline_failed} of {verdict.runs} failed"
    if verdict.failed == verdict.baseline_failed == verdict.runs:
        amount += ", both failed to learn with every seed"
    other = "" if count is not None else f" {_PREPOSITIONS[judgement]} {verdict.baseline}"
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
    more = [(each.more_seeds, each.setting) for each in open_ones if each.more_seeds is not None]
    waiting = next((verdict.gap for verdict in open_ones if verdict.gap), None)
    if most < needed:
        text, total = f"Better or worse needs at least {needed} seeds", needed
    elif more:
        number, setting = min(more)
        amount = "one more seed" if number == 1 else f"{number} more seeds"
        text, total = f"About {amount} would decide {setting}", most + number
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
        f"({verdict.failed} of {verdict.runs} runs, against {verdict.baseline_failed})."
        for verdict in verdicts
        if verdict.failing in terms
    ]


def _scope(verdicts: Sequence[Verdict]) -> list[str]:
    """Return what the verdicts hold for, if there are any, and intervals for new images."""
    if not any(verdict.judgement.is_clear for verdict in verdicts):
        return []
    first = max(verdicts, key=lambda verdict: verdict.images)
    text = f"These verdicts hold for {scope(first)}"
    known = [
        f"{verdict.setting} {signed(verdict.crossed.low)} to {signed(verdict.crossed.high)}"
        for verdict in verdicts
        if verdict.crossed is not None
    ]
    if not known or len(known) > _MOST_IN_FULL:
        return [f"{text}."]
    intervals = f"95 % intervals (for a single look) are: {'; '.join(known)}"
    few = ""
    if 1 < first.splits < _FEW_SPLITS:
        few = f"; with only {first.splits} splits they may be too narrow"
    return [f"{text}. For new {further_sources(first)} as well, {intervals}{few}."]


def scope(verdict: Verdict) -> str:
    """Return what a verdict holds for, as in `new seeds on the same 120 test images`."""
    if verdict.has_own_splits:
        return "new seeds and new splits, on the same images"
    kind = {"val": "held-out ", "test": "test "}.get(verdict.metric.partition("_")[0], "")
    text = f"{verdict.images:,} {kind}images" if verdict.images else "images"
    same_splits = f" and the same {verdict.splits} splits" if verdict.splits > 1 else ""
    return f"new seeds on the same {text}{same_splits}"


def further_sources(verdict: Verdict) -> str:
    """Return what the interval over all sources holds for besides new seeds."""
    return " and ".join(
        [*(["splits"] if verdict.splits > 1 else []), *(["images"] if verdict.images else [])]
    )


def _apart(comparison: Comparison) -> str:
    """Return the means of settings that share no seed with their baselines."""
    metric = comparison.metric
    means = [
        f"{setting.name(comparison.varying)} {_mean(setting, metric)}"
        for setting in comparison.settings
        if setting.scores(metric)
    ]
    listed = ", ".join(means[:_MOST_NAMED]) + (", ..." if len(means) > _MOST_NAMED else "")
    text = f"By {METRICS[metric].title}: {listed}."
    if comparison.refused:
        return text
    needed = "finished runs of two settings on the same data with the same seeds"
    return f"A verdict needs {needed}. {text}"


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
    counted = "guessing" if is_higher_better(comparison.metric) else "the worst of all"
    by_setting = Counter(setting.name(comparison.varying) for setting, _ in rows)
    totals = {each.name(comparison.varying): len(each.rows) for each in comparison.settings}
    names = [
        f"all {number} runs of {name}"
        if number == totals[name] > 1
        else f"{number} of {totals[name]} runs of {name}"
        for name, number in by_setting.items()
    ]
    listed = "; ".join(names[:_MOST_NAMED]) + ("; ..." if len(names) > _MOST_NAMED else "")
    return [f"Diverged, and counted as {counted}: {listed}."]


def signed(value: float) -> str:
    """Return a difference with its sign, where zero is positive."""
    return f"{0.0 if abs(value) < 5e-5 else value:+.4f}"
