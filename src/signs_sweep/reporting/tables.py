"""The tables of a report as text, which Markdown and LaTeX only set."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from signs_sweep.analysis.answer import OF_SELECTED, SELECTED, signed
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import METRICS
from signs_sweep.domain.formats import count, measure
from signs_sweep.reporting.content import (
    ExperimentReport,
    Fact,
    Failure,
    Predicted,
    SearchReport,
    SettingReport,
    Statement,
)
from signs_sweep.reporting.numbers import interval, spread
from signs_sweep.reporting.statements import (
    of_crossed,
    of_differences,
    of_effects,
    of_means,
    of_verdicts,
)

_WIDEST_MATRIX = 60
"""Characters in the titles of a confusion matrix that still fits on a page."""

_MOST_CONFUSIONS = 15


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: its title.
        cells: its cells, from top to bottom.
        is_number: whether they are numbers, which are aligned to the right and never broken.
        note: what its values are or cover, as a sentence, or an empty string.
    """

    title: str
    cells: Sequence[str]
    is_number: bool = False
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of an experiment.

    Attributes:
        name: a word that is unique among the tables of an experiment.
        title: what it shows.
        columns: the columns, of equal length; none is empty.
        notes: what a reader has to know besides the notes of the columns, as sentences.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells of each row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))


def tables_of(experiment: ExperimentReport) -> list[Table]:
    """Return the tables of an experiment that are not empty, in the order of a report."""
    facts = [*experiment.base, *experiment.data, *experiment.environment]
    predicted = {"best": experiment.best, "baseline": experiment.baseline}
    *outcome, trials = _of_search(experiment.search) if experiment.search else (None,)
    parts = [
        *outcome,
        _settings(experiment),
        _details(experiment),
        _effects(experiment),
        _failures(experiment),
        *(_confusion(name, each) for name, each in predicted.items() if each),
        trials,
        _facts("facts", "Shared settings, data and environment", facts),
    ]
    return [table for table in parts if table and table.columns]


def _table(name: str, title: str, columns: Iterable[Column], notes: Sequence[str] = ()) -> Table:
    """Return a table without its empty columns."""
    return Table(name, title, tuple(each for each in columns if any(each.cells)), tuple(notes))


def _settings(experiment: ExperimentReport) -> Table:
    settings = experiment.settings
    verdicts = [each.verdict for each in settings]
    known = [verdict for verdict in verdicts if verdict is not None]
    baselines = {verdict.baseline for verdict in known}
    marks = [SELECTED if each.is_selected else "" for each in settings]
    means = [spread(each.mean, each.deviation) for each in settings]

    def cells(text: Callable[[Verdict], str]) -> list[str]:
        return ["" if verdict is None else text(verdict) for verdict in verdicts]

    return _table(
        "settings",
        f"{experiment.title[:1].upper()}{experiment.title[1:]} by setting",
        [
            Column("setting", [each.name for each in settings]),
            Column(
                experiment.title,
                [mean + mark for mean, mark in zip(means, marks, strict=True)],
                is_number=True,
                note=of_means(experiment.comparison).note if experiment.comparison else "",
            ),
            Column("seeds", [f"{len(each.scores):,}" for each in settings], is_number=True),
            Column(
                "compared with",
                cells(lambda verdict: verdict.baseline) if len(baselines) > 1 else [],
            ),
            Column(
                "difference",
                cells(lambda each: "" if each.difference is None else signed(each.difference)),
                is_number=True,
                note=f"{compared(experiment)}, mean over the seeds of both.",
            ),
            Column(
                "interval",
                cells(lambda verdict: interval(verdict.low, verdict.high)),
                is_number=True,
                note=_note(of_differences(known)),
            ),
            Column(
                "verdict", [_verdict(each) for each in settings], note=_note(of_verdicts(known))
            ),
        ],
        [OF_SELECTED] if any(marks) else [],
    )


def _details(experiment: ExperimentReport) -> Table:
    settings = experiment.settings
    crossed = [each.verdict.crossed if each.verdict else None for each in settings]
    further = dict.fromkeys(name for each in settings for name in each.metrics)
    columns = [
        Column(
            "interval over all sources",
            [interval(each.low, each.high) if each else "" for each in crossed],
            is_number=True,
            note=_note(of_crossed([each.verdict for each in settings if each.verdict])),
        ),
        *(
            Column(
                METRICS[name].title if name in METRICS else name,
                [measure(each.metrics.get(name)) for each in settings],
                is_number=True,
            )
            for name in further
        ),
        Column("diagnosis", [each.diagnosis for each in settings]),
    ]
    is_empty = not any(cell for column in columns for cell in column.cells)
    names = Column("setting", [] if is_empty else [each.name for each in settings])
    return _table("details", "Further results by setting", [names, *columns])


def _verdict(setting: SettingReport) -> str:
    if setting.verdict is not None:
        return setting.verdict.text
    if setting.is_baseline:
        return "baseline"
    return "best mean" if setting.is_best else ""


def compared(experiment: ExperimentReport) -> str:
    """Return what a difference is."""
    names = {setting.verdict.baseline for setting in experiment.settings if setting.verdict}
    if len(names) != 1:
        return "Setting minus what it is compared with"
    is_best = experiment.comparison is not None and experiment.comparison.is_best
    return f"Setting minus {'the best mean' if is_best else 'the baseline'}, {names.pop()}"


def _note(statement: Statement | None) -> str:
    return statement.note if statement else ""


def _effects(experiment: ExperimentReport) -> Table:
    effects = experiment.effects
    verdicts = experiment.comparison.decisive if experiment.comparison else []
    return _table(
        "effects",
        f"Effect of each parameter on {experiment.title}",
        [
            Column("parameter", [each.parameter for each in effects]),
            Column("value", [each.value for each in effects]),
            Column("instead of", [each.reference for each in effects]),
            Column(
                "difference",
                [signed(each.difference) for each in effects],
                is_number=True,
                note="With all else equal: mean over the seeds, each with the mean over "
                "the combinations of the other parameters that have both values.",
            ),
            Column(
                "95 % interval",
                [
                    interval(each.low, each.high) + " (rough)" * each.fails_differently
                    for each in effects
                ],
                is_number=True,
                note=of_effects(verdicts).note,
            ),
            Column("seeds", [f"{each.pairs:,}" for each in effects], is_number=True),
            Column("combinations", [f"{each.contexts:,}" for each in effects], is_number=True),
        ],
    )


def _failures(experiment: ExperimentReport) -> Table:
    groups: dict[tuple[str, str], list[Failure]] = {}
    for each in experiment.failures:
        groups.setdefault((each.setting, each.why), []).append(each)
    return _table(
        "failures",
        "Runs that failed or learned nothing",
        [
            Column("setting", [setting for setting, _ in groups]),
            Column("runs", [f"{len(each):,}" for each in groups.values()], is_number=True),
            Column("reason", [why for _, why in groups]),
            Column(
                "seeds", ["; ".join(str(run.seeds) for run in each) for each in groups.values()]
            ),
        ],
    )


def _confusion(name: str, predicted: Predicted) -> Table:
    """Return the confusion matrix, or if that is too wide the most frequent confusions."""
    title = f"Confusion of {predicted.setting} on the {predicted.images} images"
    note = (
        f"Numbers of predictions of {count(predicted.runs, 'run')} together; their expected "
        f"calibration error is {measure(predicted.calibration_error)}."
    )
    classes, counts = predicted.classes, predicted.confusion
    if has_matrix(predicted):
        columns = [
            Column(each, [f"{number:,}" for number in column], is_number=True)
            for each, column in zip(classes, counts.T.tolist(), strict=True)
        ]
        note = f"Columns are the predicted classes. {note}"
        return _table(name, title, [Column("true class", classes), *columns], [note])
    title = f"Most frequent confusions of {predicted.setting} on the {predicted.images} images"
    wrong = counts * (1 - np.eye(len(classes), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    pairs = [divmod(int(each), len(classes)) for each in order if wrong.flat[each]]
    shares = [wrong[pair] / counts[pair[0]].sum() for pair in pairs]
    columns = [
        Column("true class", [classes[true] for true, _ in pairs]),
        Column("predicted", [classes[guess] for _, guess in pairs]),
        Column("predictions", [f"{wrong[pair]:,}" for pair in pairs], is_number=True),
        Column("share of the class", [f"{share:.1%}" for share in shares], is_number=True),
    ]
    return _table(name, title, columns, [note])


def has_matrix(predicted: Predicted) -> bool:
    """Return whether a confusion matrix is shown; with more or longer classes, a list is."""
    return len(predicted.classes) + len("".join(predicted.classes)) <= _WIDEST_MATRIX


def _of_search(search: SearchReport) -> tuple[Table, ...]:
    stages, trials = search.stages, search.trials
    names = dict.fromkeys(name for trial in trials for name in trial.choices)
    objective = METRICS[search.objective].title if search.objective in METRICS else search.objective
    return (
        _facts("chosen", "What the search chose", search.chosen),
        _table(
            "stages",
            f"{objective[:1].upper()}{objective[1:]} of the winner and the default",
            [
                Column("measured in", [each.name for each in stages]),
                Column(
                    "seeds",
                    ["" if s.seeds is None else f"{s.seeds:,}" for s in stages],
                    is_number=True,
                ),
                Column("winner", [measure(each.winner) for each in stages], is_number=True),
                Column("default", [measure(each.default) for each in stages], is_number=True),
                Column(
                    "difference",
                    ["" if s.difference is None else signed(s.difference) for s in stages],
                    is_number=True,
                ),
                Column(
                    f"{100 * search.level:g} % interval",
                    [interval(each.low, each.high) for each in stages],
                    is_number=True,
                ),
                Column("verdict", [each.verdict for each in stages]),
            ],
        ),
        _table(
            "trials",
            "Trials of the search",
            [
                Column("trial", [f"{trial.number:,}" for trial in trials], is_number=True),
                *(
                    Column(name, [trial.choices.get(name, "") for trial in trials])
                    for name in names
                ),
                Column(objective, [measure(trial.value) for trial in trials], is_number=True),
                Column("seeds", [f"{trial.seeds:,}" for trial in trials], is_number=True),
                Column("state", [trial.state for trial in trials]),
            ],
        ),
    )


def _facts(name: str, title: str, facts: Sequence[Fact]) -> Table:
    return _table(
        name,
        title,
        [
            Column("name", [fact.name for fact in facts]),
            Column("value", [fact.value for fact in facts]),
        ],
    )
