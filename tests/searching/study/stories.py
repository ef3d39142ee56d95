"""Searches without training: a scheduler on a study, and synthetic runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import optuna

from events import progress
from signs_sweep.domain import Dense, Parameters, Result, Run, State, Trial, TrialEnd
from signs_sweep.searching.study import OwnTrials, StudyScheduler
from signs_sweep.searching.study.space import is_complete, values_of
from signs_sweep.spec import Categories, Choice, Confirm, Objective, Pruner, Range, Sampler, Search
from signs_sweep.statistics.replicates import aggregate
from trials import searched

SPACE = (
    Range("l2", 1e-4, 1e-1, log=True, step=None, is_integer=False),
    Range("batch_size", 16, 64, log=False, step=16, is_integer=True),
    Categories("hidden", (Choice("25, 12", {"hidden": (25, 12)}), Choice("50", {"hidden": (50,)}))),
)
NO_PRUNER = Pruner(
    "none", dead=False, audit=0, startup=5, warmup=0, percentile=25, interval=None, p=0.1
)
MEDIAN = replace(NO_PRUNER, name="median", startup=2, interval=10)
SEARCH = Search(
    trials=6,
    timeout=None,
    sampler=Sampler("tpe", seed=0, startup=2),
    pruner=NO_PRUNER,
    objective=Objective("val_accuracy", maximize=True, aggregate="mean"),
    space=SPACE,
    storage=None,
    replicates=None,
    confirm=Confirm(0, 5, 5),
)


def is_chosen(params: Mapping[str, Any]) -> bool:
    """Whether a trial has chosen all dimensions."""
    return is_complete(SPACE, params)


class Story:
    """A scheduler on a study in memory or in a file, and synthetic runs."""

    def __init__(
        self, search: Search = SEARCH, *, seeds: int = 1, epochs: int = 90, study: Any = None
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        direction = "maximize" if search.objective.maximize else "minimize"
        self.study = study or optuna.create_study(direction=direction)
        self.seeds, self.epochs = seeds, epochs
        how, maximize = search.objective.aggregate, search.objective.maximize
        value_of = partial(aggregate, how=how, maximize=maximize)
        self.own = OwnTrials(self.study, search.space, self.runs_of, value_of, search.replicates)
        self.ends: list[TrialEnd] = []
        self.scheduler = StudyScheduler(self.own, search, self.make_trial, 6, epochs)
        self.space = search.space
        self.is_sequential = search.replicates is not None

    def make_trial(self, number: int, choices: Mapping[str, Any]) -> Trial:
        trial = searched(number, *self.replicates(values_of(self.space, choices)), **choices)
        return replace(trial, is_sequential=self.is_sequential)

    def replicates(self, values: Mapping[str, Any]) -> list[Run]:
        values = dict(values)
        model = Dense(values.pop("hidden", (3,)))
        return [
            Run(
                Parameters(epochs=self.epochs, global_seed=s, init_seed=s, **values), model, 0.2, ""
            )
            for s in range(self.seeds)
        ]

    def runs_of(self, values: Mapping[str, Any]) -> list[str]:
        return [run.run_id for run in self.replicates(values)]

    def progress(self, trial: Trial, accuracies: Sequence[float], first: int = 1, seed: int = 0):
        losses = [1.0] * len(accuracies)
        return progress(trial.runs[seed], first, val_accuracy=accuracies, val_loss=losses)

    def finish(self, trial: Trial, *values: float, state: State = State.FINISHED) -> None:
        results = [
            Result(run.run_id, state, {"val_accuracy": value}, message="it broke")
            for run, value in zip(trial.runs, values, strict=True)
        ]
        for result in results:
            self.scheduler.end(trial, result)
        self.ends.append(self.scheduler.tell(trial, results))


def value_of(trial: Trial) -> float:
    return value_at(trial.runs[0])


def value_at(run: Run) -> float:
    parameters = run.parameters
    return 0.9 - abs(math.log10(parameters.l2 + 1e-9) + 2) / 10 + parameters.batch_size / 1000


def search_through(story: Story, most: int = 100) -> list[Run]:
    """Ask for trials until there are no more; the value of each depends only on its point."""
    runs = []
    for _ in range(most):
        trial = story.scheduler.ask()
        if trial is None:
            break
        runs.append(trial.runs[0])
        story.finish(trial, *[value_of(trial)] * story.seeds)
    return runs
