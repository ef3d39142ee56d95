"""What there is to see of a search, decided before anything is drawn."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from signs_sweep.domain import as_text
from signs_sweep.search.study.importances import completed, importances, in_words, varied

if TYPE_CHECKING:
    from collections.abc import Collection

    import optuna


BLUE = "#1f6fb4"
ORANGE = "#d9730d"
COLOURS = {"completed": BLUE, "pruned": ORANGE, "running": "#7b8794"}
"""By the outcome of a trial, the same in images and on the page. Optuna draws no other's steps."""


class Caption(NamedTuple):
    """What stands over a picture and what helps to read it; `{}` is the objective."""

    title: str
    reading: str


CAPTIONS = {
    "history": Caption(
        "How the search went",
        "Each point is a completed trial, the line the best {} so far. Where the line has long "
        "been flat, more trials are likely to gain little.",
    ),
    "importances": Caption(
        "Which parameters mattered",
        "The longer the bar, the more of the variation in {} between completed trials goes with "
        "that parameter; the bars sum to 1.",
    ),
    "slice": Caption(
        "Each parameter by itself",
        "Each point is a completed trial, darker the later it came. A parameter matters where the "
        "points rise or fall along it; dark points crowd where the search looked closer.",
    ),
    "parallel_coordinates": Caption(
        "All parameters together",
        "Each line is a completed trial, from its {} on the left through its parameters; the "
        "darker, the better. Where the dark lines meet, good trials have that value in common.",
    ),
    "intermediate_values": Caption(
        "How the trials went",
        "Each line is one trial, step by step; a pruned one ends early. Lines that cross late say "
        "that an early look is a poor guide, so prune later.",
    ),
}
"""By picture, in the order in which they are shown."""


@dataclass(frozen=True)
class Sketch:
    """All that the drawing process needs; pickles.

    Attributes:
        pictures: names of those there is something to see in, keys of `CAPTIONS`.
        objective: name of the metric, for the axes.
        direction: of the study.
        trials: in the order of their numbers, without attributes; one that the study leaves out
            is an empty one in its place, which failed.
        varied: parameters with several values among the completed trials.
        shares: of the variation, by parameter; perhaps empty.
        summary: sentences about the search as a whole.
    """

    pictures: tuple[str, ...]
    objective: str
    direction: "optuna.study.StudyDirection"
    trials: "tuple[optuna.trial.FrozenTrial, ...]"
    varied: tuple[str, ...]
    shares: dict[str, float]
    summary: str

    def with_steps(self) -> list[tuple[int, str]]:
        """Return number and outcome of each trial whose steps are drawn, in Optuna's order."""
        return [
            (number, outcome(trial))
            for number, trial in enumerate(self.trials)
            if outcome(trial) in COLOURS and trial.intermediate_values
        ]


def outcome(trial: "optuna.trial.FrozenTrial") -> str:
    """Return how a trial ended, or what it does, in a word."""
    from optuna.trial import TrialState

    return {
        TrialState.COMPLETE: "completed",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "failed",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
    }[trial.state]


def sketch(study: "optuna.Study", objective: str) -> Sketch:
    """Decide which pictures of a study show something, and gather what they are made of."""
    from optuna.trial import TrialState, create_trial

    done = completed(study)
    names = varied(done)
    shares = importances(study)
    own = {trial.number: _plain(trial) for trial in study.get_trials(deepcopy=False)}
    empty = create_trial(state=TrialState.FAIL)  # Optuna numbers trials as they are added.
    trials = tuple(own.get(number, empty) for number in range(max(own, default=-1) + 1))
    several_values = len({trial.value for trial in done}) > 1
    shown = {
        "history": bool(done),
        "importances": bool(shares),
        "slice": bool(names),
        "parallel_coordinates": len(names) > 1 and several_values,
        "intermediate_values": any(
            outcome(trial) in COLOURS and trial.intermediate_values for trial in trials
        ),
    }
    return Sketch(
        pictures=tuple(name for name in CAPTIONS if shown[name]),
        objective=objective,
        direction=study.direction,
        trials=trials,
        varied=tuple(names),
        shares=shares,
        summary=" ".join([_counted(own.values()), in_words(shares, len(done))]),
    )


def _plain(trial: "optuna.trial.FrozenTrial") -> "optuna.trial.FrozenTrial":
    """Return the trial without its attributes, its choices as text, so that each has its place.

    One whose value is not finite counts as failed.
    """
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import TrialState, create_trial

    state, value = trial.state, None
    if state is TrialState.COMPLETE:
        assert trial.value is not None
        state, value = (
            (state, trial.value) if math.isfinite(trial.value) else (TrialState.FAIL, None)
        )
    steps = trial.intermediate_values.items()
    params, distributions = dict(trial.params), dict(trial.distributions)
    for name, given in trial.distributions.items():
        if isinstance(given, CategoricalDistribution):
            params[name] = as_text(params[name])
            distributions[name] = CategoricalDistribution([as_text(one) for one in given.choices])
    return create_trial(
        state=state,
        value=value,
        params=params,
        distributions=distributions,
        intermediate_values={step: value for step, value in steps if math.isfinite(value)},
    )


def _counted(trials: "Collection[optuna.trial.FrozenTrial]") -> str:
    """Return how many trials there are, and how they ended."""
    counts = Counter(outcome(trial) for trial in trials)
    parts = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    return f"{len(trials)} trial{'' if len(trials) == 1 else 's'}: {parts}."
