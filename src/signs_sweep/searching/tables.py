"""The tables of a search as a person reads them: columns by title, each cell as text."""

from collections.abc import Iterable

from signs_sweep.domain.formats import measure, number
from signs_sweep.searching.outcome import SearchOutcome
from signs_sweep.statistics.replicates import deviation

OF_THE_RACE = "race over fresh seeds"

_SHOWN = 10
"""Trials in the table: the best."""


def trial_cells(outcome: SearchOutcome) -> dict[str, list[str]]:
    """Return a table of the best trials."""
    complete = [end for end in outcome.trials if end.value is not None]
    sign = -1 if outcome.search.objective.maximize else 1
    best = sorted(
        complete,
        key=lambda end: (sign * (end.value or 0), -len(end.trial.runs), end.trial.number),
    )[:_SHOWN]
    texts = {
        "trial": [str(end.trial.number) for end in best],
        outcome.search.objective.metric: [
            measure(end.value) + outcome.mark(end.trial.setting) for end in best
        ],
    }
    if outcome.has_different_seeds:
        texts["seeds"] = [number(end.trial.seeds) for end in best]
    names = [dimension.name for dimension in outcome.search.space]
    return texts | {name: [_cell(end.trial.choices.get(name)) for end in best] for name in names}


def race_cells(outcome: SearchOutcome) -> dict[str, list[str]]:
    """Return a table of the settings in the race, the best first; empty without results."""
    standings, objective = outcome.standings, outcome.search.objective
    if not any(each.values for each in standings):
        return {}
    marks = [outcome.mark(each.candidate.setting) for each in standings]

    def marked(numbers: Iterable[float | None]) -> list[str]:
        shown = zip(map(measure, numbers), marks, strict=True)
        return [text and text + mark for text, mark in shown]

    worst = min if objective.maximize else max
    values = [list(each.values.values()) for each in standings]
    ends = ["clearly worse" if not each.is_left else "" for each in standings]
    if outcome.winner is not None:
        ends = [
            "winner" if each.candidate == outcome.winner else end
            for each, end in zip(standings, ends, strict=True)
        ]
    return {
        "setting": [each.candidate.title for each in standings],
        "in the search": marked(each.candidate.promised for each in standings),
        objective.metric: marked(each.mean for each in standings),
        "\u00b1": [measure(deviation(each)) for each in values],
        "worst": marked(worst(each, default=None) for each in values),
        "seeds": [str(len(each)) for each in values],
        "failed": [str(each.failed) for each in standings],
        "": ends,
    }


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else number(value)
