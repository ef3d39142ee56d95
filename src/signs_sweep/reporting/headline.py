"""The verdict in a sentence or two, before the numbers."""

from collections.abc import Sequence

from signs_sweep.analysis.comparison import Comparison
from signs_sweep.analysis.settings import Replicates
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import METRICS, Judgement
from signs_sweep.domain.formats import count
from signs_sweep.reporting.settings import best_of

_MOST_NAMED = 3

_WORDS = {
    Judgement.BETTER: ("is better than", "are better than"),
    Judgement.WORSE: ("is worse than", "are worse than"),
    Judgement.DIFFERENT: ("is different from", "are different from"),
    Judgement.EQUIVALENT: ("is equivalent to", "are equivalent to"),
}


def headline(comparison: Comparison) -> str:
    """Return what the verdicts come to, in one or two sentences."""
    best = best_of(comparison)
    if best is None:
        return "No run has a result yet."
    verdicts = [verdict for verdict in comparison.decisive if verdict.pairs]
    if not verdicts:
        return _without_verdicts(comparison, best)
    baselines = dict.fromkeys(verdict.baseline for verdict in verdicts)
    other = next(iter(baselines)) if len(baselines) == 1 else "the setting it is compared with"
    parts = []
    for judgement, words in _WORDS.items():
        names = [verdict.setting for verdict in verdicts if verdict.judgement is judgement]
        if names:
            parts.append(f"{_listed(names)} {words[len(names) > 1]} {other}.")
    open_ones = [verdict for verdict in verdicts if not verdict.judgement.is_clear]
    return " ".join([*parts, *_undecided(open_ones, other, is_all=not parts)])


def _undecided(verdicts: Sequence[Verdict], other: str, *, is_all: bool) -> list[str]:
    if not verdicts:
        return []
    seeds = max(verdict.pairs for verdict in verdicts)
    if not is_all:
        verb = "is" if len(verdicts) == 1 else "are"
        return [f"{_listed([verdict.setting for verdict in verdicts])} {verb} undecided."]
    which = verdicts[0].setting if len(verdicts) == 1 else f"any of {len(verdicts)} settings"
    shown = f"{count(seeds, 'seed')} {'does' if seeds == 1 else 'do'} not show"
    return [f"Undecided: {shown} whether {which} is better or worse than {other}."]


def _without_verdicts(comparison: Comparison, best: Replicates) -> str:
    metric = comparison.metric
    title, scores = METRICS[metric].title, best.scores(metric)
    if len(comparison.settings) > 1:
        return (
            f"No verdict: no two settings can be compared. The best mean {title} is that of "
            f"{best.name(comparison.varying)}."
        )
    mean, deviation = best.mean(metric), best.deviation(metric)
    spread = "" if deviation is None else f" ± {deviation:.3f}"
    return f"The {title} is {mean:.3f}{spread} over {count(len(scores), 'seed')}."


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMED:
        return f"{len(names)} settings ({', '.join(names[:_MOST_NAMED])}, ...)"
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
