"""The verdict in a sentence or two, before the numbers."""

from collections.abc import Sequence

from signs_sweep.analysis.comparison import Comparison
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import Judgement
from signs_sweep.domain.formats import count

_MOST_NAMED = 3

_WORDS = {
    Judgement.BETTER: "Better than",
    Judgement.WORSE: "Worse than",
    Judgement.DIFFERENT: "Different from",
    Judgement.EQUIVALENT: "Equivalent to",
}


def headline(comparison: Comparison) -> str:
    """Return what the verdicts come to, in a few words; an empty string without verdicts."""
    verdicts = [verdict for verdict in comparison.decisive if verdict.pairs]
    if not verdicts:
        return ""
    baselines = {verdict.baseline for verdict in verdicts}
    other = baselines.pop() if len(baselines) == 1 else "the setting it is compared with"
    open_ones = [verdict for verdict in verdicts if not verdict.judgement.is_clear]
    if len(open_ones) == len(verdicts):
        return _undecided(verdicts, other)
    if len(verdicts) == 1:
        return f"{verdicts[0].setting} is {_WORDS[verdicts[0].judgement].lower()} {other}."
    parts = {f"{words} {other}": judgement for judgement, words in _WORDS.items()}
    groups = {
        text: [each.setting for each in verdicts if each.judgement is judgement]
        for text, judgement in parts.items()
    } | {"Undecided": [each.setting for each in open_ones]}
    return " ".join(f"{text}: {_listed(names)}." for text, names in groups.items() if names)


def _undecided(verdicts: Sequence[Verdict], other: str) -> str:
    seeds = max(verdict.pairs for verdict in verdicts)
    which = verdicts[0].setting if len(verdicts) == 1 else f"any of {len(verdicts)} settings"
    shown = f"{count(seeds, 'seed')} {'does' if seeds == 1 else 'do'} not show"
    return f"Undecided: {shown} whether {which} is better or worse than {other}."


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMED:
        return f"{len(names)} settings ({', '.join(names[:_MOST_NAMED])}, ...)"
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
